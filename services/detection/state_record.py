"""Records of the state topic: entries of windows by columns. Pure; the layout is that of `window_state.avsc`."""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from services.contracts import Schema
from services.contracts.codec.records import RecordDecoder, RecordEncoder
from services.errors import PoisonError
from services.rules.model import Measure, Window
from services.rules.windows import SHORTEST_ENTRY, EncodedEntries, StateHead, TextColumn

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
        entries: Entries, by window.
    """

    topic: str
    chain: str
    sequence: int
    next_offset: int
    newest_ms: int | None
    lateness_ms: int
    head: StateHead
    windows: Collection[Window]
    entries: Sequence[EncodedEntries]


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
        parts = {window: EncodedEntries.of(window, [], []) for window in record.windows}
        parts |= {part.window: part for part in record.entries}
        head, groups = record.head, dict(record.head.groups)
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
            "windows": [{**_table(part), "shares": groups.get(window, 0)} for window, part in parts.items()],
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
        parts = [_window_entries(table) for table in content["windows"]]
        slots = tuple((slot["field"], slot["is_text"]) for slot in content["slots"])
        groups = tuple(
            (part.window, table["shares"])
            for part, table in zip(parts, content["windows"], strict=True)
            if table["shares"]
        )
        return StateRecord(
            content["topic"], content["chain"], content["sequence"], content["next_offset"], content["newest_ms"],
            content["lateness_ms"], StateHead(content["watermark_ms"], content["next_order"], slots, groups),
            frozenset(part.window for part in parts), parts,
        )  # fmt: skip
    except InvalidStateError:
        raise
    except (PoisonError, ValueError, LookupError, TypeError) as error:
        raise InvalidStateError(f"not readable: {type(error).__name__}: {error}") from error


def _table(part: EncodedEntries) -> dict[str, Any]:
    window = part.window
    return {
        "measure": window.measure.value,
        "field": window.field,
        "by": list(window.by),
        "over_ms": window.over_ms,
        "where": window.where,
        "delay_ms": window.delay_ms,
        "count": len(part),
        "entry_lengths": part.texts.lengths.tobytes(),
        "entries": part.texts.joined,
        "key_columns": [_key_column(column) for column in part.key_columns],
        "is_composite": part.is_composite,
    }


def _key_column(column: TextColumn | list[Any]) -> dict[str, Any]:
    if isinstance(column, TextColumn):
        return {"lengths": column.lengths.tobytes(), "values": column.joined}
    return {"lengths": None, "values": json.dumps([_to_json(value) for value in column]).encode()}


def _window_entries(table: dict[str, Any]) -> EncodedEntries:
    """Return the entries of a window in a record.

    Raises:
        InvalidStateError: They are not whole.
    """
    count = table["count"]
    columns = [
        [_from_json(value) for value in json.loads(column["values"])]
        if column["lengths"] is None else _text_column(count, column["lengths"], column["values"])
        for column in table["key_columns"]
    ]  # fmt: skip
    counts = {len(column) for column in columns}
    if counts != {count}:
        raise InvalidStateError(f"{counts or 'no'} keys for {count} entries")
    texts = _text_column(count, table["entry_lengths"], table["entries"])
    if count and (shortest := int(texts.lengths.min())) < SHORTEST_ENTRY:
        raise InvalidStateError(f"an entry of {shortest} bytes; expected at least {SHORTEST_ENTRY}")
    window = Window(
        Measure(table["measure"]), table["field"], tuple(table["by"]), table["over_ms"], table["where"],
        table["delay_ms"],
    )  # fmt: skip
    return EncodedEntries(window, texts, columns, table["is_composite"])


def _text_column(count: int, lengths: bytes, joined: bytes) -> TextColumn:
    return TextColumn(count, np.frombuffer(lengths, "<u4"), joined)


def _to_json(value: Any) -> Any:
    return {"bytes": value.decode("latin-1")} if isinstance(value, bytes) else value


def _from_json(value: Any) -> Any:
    return value["bytes"].encode("latin-1") if isinstance(value, dict) else value
