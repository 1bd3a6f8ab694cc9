"""Truncation of alerts that their topic can't take whole; what is left out is marked."""

from collections.abc import Callable
from typing import Any

from services.contracts import RecordDecoder, RecordEncoder, Schema

TRANSACTION = "transaction"
"""The field of an alert with the transaction."""

LONG_TEXT = 1000  # characters to which a long text is cut, first of all
SHORTEST_TEXT = 30


class AlertTruncator:
    """Truncates alerts: contributors first, the latest last, then long texts; the reason says what was left out.

    Args:
        transaction: The contract of the transaction in an alert.
    """

    def __init__(self, transaction: Schema) -> None:
        self._decoder = RecordDecoder(transaction.json)
        self._encoder = RecordEncoder(transaction.json)

    def truncate(self, record: dict[str, Any], encode: Callable[[dict[str, Any]], bytes], room: int) -> bytes:
        """Return an alert encoded in no more bytes than there is room for, if its texts can be cut to that.

        Args:
            record: The alert, its transaction as a body; it is changed.
            encode: Encodes it.
            room: The size limit in bytes.
        """
        contributors, reason = record["contributors"], record["reason"]
        record["contributors"] = []
        record["reason"] = f"{reason} [cut: {len(contributors)} contributors left out]"
        spare = room - len(encode(record))
        if spare >= 0:
            each = 2 + max(
                (len(str(contributor)) for contributor in contributors), default=0
            )  # its length takes at most two bytes
            count = min(len(contributors), max(0, spare - 10) // each)
            record["contributors"] = contributors[len(contributors) - count :]
            record["reason"] = f"{reason} [cut: {len(contributors) - count} contributors left out]"
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
    """Return a value whose texts are no longer than a length, each marked where it was cut."""
    if isinstance(value, str):
        return _cut(value, length)
    if isinstance(value, dict):
        return {_cut(name, length): _shortened(element, length) for name, element in value.items()}
    if isinstance(value, list):
        return [_shortened(element, length) for element in value[:length]]
    return value


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[:length]}… [cut: {len(text)} characters]"
