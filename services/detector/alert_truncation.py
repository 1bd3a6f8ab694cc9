"""Alerts that their topic can't hold whole: what is left out, and how it is marked."""

from collections.abc import Callable
from typing import Any

from services.contracts import RecordDecoder, RecordEncoder, Schema

TRANSACTION = "transaction"
"""The field of an alert that holds the transaction."""

LONG_TEXT = 1000  # characters to which a long text is cut, first of all
SHORTEST_TEXT = 30


class AlertTruncator:
    """Cuts alerts: contributors go first, the latest last, then long texts; the reason says what was left out.

    Args:
        transaction: The contract of the transaction that an alert holds.
    """

    def __init__(self, transaction: Schema) -> None:
        self._decoder = RecordDecoder(transaction.json)
        self._encoder = RecordEncoder(transaction.json)

    def cut(self, record: dict[str, Any], encode: Callable[[dict[str, Any]], bytes], room: int) -> bytes:
        """Encode an alert in no more than so many bytes, if its texts can be cut to that.

        Args:
            record: The alert, its transaction as a body; it is changed.
            encode: Encodes it.
            room: Bytes that it may take.
        """
        contributors, reason = record["contributors"], record["reason"]
        record["contributors"] = []
        record["reason"] = f"{reason} [cut: {len(contributors)} contributors left out]"
        spare = room - len(encode(record))
        if spare >= 0:
            each = 2 + max((len(str(one)) for one in contributors), default=0)  # its length takes at most two bytes
            kept = min(len(contributors), max(0, spare - 10) // each)
            record["contributors"] = contributors[len(contributors) - kept :]
            record["reason"] = f"{reason} [cut: {len(contributors) - kept} contributors left out]"
            return encode(record)
        transaction = self._decoder.decode(record[TRANSACTION])
        body, length = b"", LONG_TEXT
        while length >= SHORTEST_TEXT:
            record["reason"] = _cut(reason, length) + f" [cut: {len(contributors)} contributors left out, texts cut]"
            for name in ("rule", "key", "figures"):
                record[name] = _shortened(record[name], length)
            record[TRANSACTION] = self._encoder.encode(_shortened(transaction, length))
            body = encode(record)
            if len(body) <= room:
                break
            length //= 2
        return body


def _shortened(value: Any, length: int) -> Any:
    """A value whose texts are no longer than that, each marked where it was cut."""
    if isinstance(value, str):
        return _cut(value, length)
    if isinstance(value, dict):
        return {_cut(name, length): _shortened(one, length) for name, one in value.items()}
    if isinstance(value, list):
        return [_shortened(one, length) for one in value[:length]]
    return value


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[:length]}… [cut: {len(text)} characters]"
