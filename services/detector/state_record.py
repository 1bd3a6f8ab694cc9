"""Records of the state topic: entries of windows by columns. Pure; the layout is that of `window_state.avsc`."""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from services.contracts import Schema
from services.contracts.codec.records import RecordDecoder, RecordEncoder
from services.errors import PoisonError
from services.rules.model import Measure, Window
from services.rules.windows import StateHead, WindowEntries

FORMAT = 1


class InvalidStateError(PoisonError):
    """A record of the state topic can't be restored from."""


@dataclass(frozen=True)
class StateRecord:
    """A part of a partition's state.

    Attributes:
        topic: The topic that the windows are over.
        chain: The name of its chain.
        sequence: The position in the chain.
        next_offset: The first offset of the topic that the state is without.
        newest_ms: The newest event time that may still count; None without any.
        lateness_ms: The allowed lateness that entries were kept for.
        head: The state besides its entries.
        windows: All windows that the chain is complete for.
        entries: Entries, by window; a window may be there several times.
    """

    topic: str
    chain: str
    sequence: int
    next_offset: int
    newest_ms: int | None
    lateness_ms: int
    head: StateHead
    windows: Collection[Window]
    entries: Sequence[WindowEntries]


class StateCodec:
    """Encodes and decodes records of the state topic.

    Args:
        schema: The contract of the state topic.
    """

    def __init__(self, schema: Schema) -> None:
        self._encoder = RecordEncoder(schema.json)
        self._schema = schema

    def encode(self, record: StateRecord) -> bytes:
        """Return the Avro body of a record."""
        tables = {window: _WindowTable(window) for window in record.windows}
        for part in record.entries:
            table = tables.setdefault(part.window, _WindowTable(part.window))
            table.entries += part.entries
            table.keys += part.keys
        head = record.head
        return self._encoder.encode({
            "format": FORMAT,
            "topic": record.topic,
            "chain": record.chain,
            "sequence": record.sequence,
            "next_offset": record.next_offset,
            "next_order": head.order,
            "watermark_ms": head.watermark_ms,
            "newest_ms": record.newest_ms,
            "lateness_ms": record.lateness_ms,
            "slots": [{"field": name, "is_text": is_text} for name, is_text in head.slots],
            "windows": [table.encoded() for table in tables.values()],
        })  # fmt: skip

    def decoder(self, writer: Any) -> RecordDecoder:
        """Return the decoder of records of a schema.

        Raises:
            ContractError: The contract can't read what that schema writes.
        """
        return RecordDecoder(writer, self._schema.json)


def decode_state(decoder: RecordDecoder, body: bytes) -> StateRecord:
    """Return the record in an Avro body.

    Raises:
        InvalidStateError: It is no record of this format.
    """
    try:
        content = decoder.decode(body)
        if content["format"] != FORMAT:
            raise InvalidStateError(f"format {content['format']}; expected {FORMAT}")
        shared: dict[bytes, bytes] = {}
        parts = [_window_entries(table, shared) for table in content["windows"]]
        slots = tuple((slot["field"], slot["is_text"]) for slot in content["slots"])
        return StateRecord(
            content["topic"], content["chain"], content["sequence"], content["next_offset"], content["newest_ms"],
            content["lateness_ms"], StateHead(content["watermark_ms"], content["next_order"], slots),
            frozenset(part.window for part in parts), parts,
        )  # fmt: skip
    except InvalidStateError:
        raise
    except (PoisonError, ValueError, LookupError, TypeError) as error:
        raise InvalidStateError(f"not readable: {type(error).__name__}: {error}") from error


class _WindowTable:
    """The entries of one window in a record, by columns."""

    def __init__(self, window: Window) -> None:
        self.window = window
        self.entries: list[bytes] = []
        self.keys: list[Any] = []

    def encoded(self) -> dict[str, Any]:
        window, keys = self.window, self.keys
        is_composite = bool(keys) and isinstance(keys[0], tuple)
        columns = list(zip(*keys, strict=True)) if is_composite else [keys]
        lengths, joined = _pack(self.entries)
        return {
            "measure": window.measure.value,
            "field": window.field,
            "by": list(window.by),
            "over_ms": window.over_ms,
            "where": window.where,
            "count": len(self.entries),
            "entry_lengths": lengths,
            "entries": joined,
            "key_columns": [_key_column(column) for column in columns],
            "is_composite": is_composite,
        }


def _key_column(values: Sequence[Any]) -> dict[str, Any]:
    try:
        lengths, joined = _pack(values)
    except TypeError:  # not all are bytes
        return {"lengths": None, "values": json.dumps([_to_json(value) for value in values]).encode()}
    return {"lengths": lengths, "values": joined}


def _window_entries(table: dict[str, Any], shared: dict[bytes, bytes]) -> WindowEntries:
    """Return the entries of a window; equal ones are the same object in all windows, as they were."""
    count = table["count"]
    columns = [
        [_from_json(value) for value in json.loads(column["values"])]
        if column["lengths"] is None else _unpack(count, column["lengths"], column["values"])
        for column in table["key_columns"]
    ]  # fmt: skip
    keys = list(zip(*columns, strict=True)) if table["is_composite"] else columns[0]
    if len(keys) != count:
        raise InvalidStateError(f"{len(keys)} keys for {count} entries")
    entries = _unpack(count, table["entry_lengths"], table["entries"])
    window = Window(Measure(table["measure"]), table["field"], tuple(table["by"]), table["over_ms"], table["where"])
    return WindowEntries(window, keys, [shared.setdefault(entry, entry) for entry in entries])


def _to_json(value: Any) -> Any:
    return {"bytes": value.decode("latin-1")} if isinstance(value, bytes) else value


def _from_json(value: Any) -> Any:
    return value["bytes"].encode("latin-1") if isinstance(value, dict) else value


def _pack(values: Sequence[bytes]) -> tuple[bytes, bytes]:
    """Return the lengths of values, one where all are the same, and the values one after the other.

    Raises:
        TypeError: One is not bytes.
    """
    joined = b"".join(values)
    lengths = np.fromiter(map(len, values), "<u4", len(values))
    return (lengths[:1] if len(lengths) and (lengths == lengths[0]).all() else lengths).tobytes(), joined


def _unpack(count: int, lengths: bytes, joined: bytes) -> list[bytes]:
    sizes = np.frombuffer(lengths, "<u4")
    if len(sizes) == 1 and count:
        if int(sizes[0]) * count != len(joined):
            raise InvalidStateError(f"{len(joined)} bytes; expected {count} times {sizes[0]}")
        values: list[bytes] = np.frombuffer(joined, f"V{sizes[0]}").tolist() if joined else [b""] * count
        return values
    if len(sizes) != count or int(sizes.sum(dtype=np.int64)) != len(joined):
        raise InvalidStateError(f"{len(sizes)} lengths for {count} values of {len(joined)} bytes")
    ends = np.cumsum(sizes, dtype=np.int64).tolist()
    return [joined[first:last] for first, last in pairwise([0, *ends])]
