"""Decodes messages of any schema id into columns, a batch at a time."""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import numpy as np
from confluent_kafka import Message
from numpy.typing import NDArray

from services.contracts import HEADER_SIZE, ColumnDecoder, HeaderSchemaId, Registry, Schema, SchemaId, split_by_schema
from services.detection.headers import HeaderRuns
from services.errors import ContractError, PoisonError
from services.rules.conditions import null_mark
from services.streaming.record_headers import headers_of

Table = dict[str, NDArray[Any]]
"""Columns of one length by name; beside that of a nullable field the mark of its nulls."""


class MessageColumns:
    """Decodes the values of topics.

    Args:
        registry: Asked once per schema id.
        reader: The schema to read them as.
        fields: The fields to decode; None for all.
    """

    def __init__(self, registry: Registry, reader: Schema, fields: Sequence[str] | None = None) -> None:
        self._registry = registry
        self._reader = reader.json
        self._fields = fields or [field["name"] for field in reader.json["fields"]]
        self._decoders: dict[SchemaId, ColumnDecoder | None] = {}

    def decode(self, messages: Sequence[Message]) -> tuple[NDArray[np.int64], Table]:
        """Decode messages; the rows that could be decoded, ascending, and their columns.

        Raises:
            Unavailable: The registry can't be asked about a new schema id.
        """
        rows, tables = [np.zeros(0, np.int64)], []
        values = [message.value() for message in messages]
        in_headers = HeaderRuns.of(headers_of(messages)[0]).schema_ids()
        for schema_id, group in split_by_schema(values, in_headers).groups.items():
            decoder = self._decoder(schema_id)
            if decoder is None:
                continue
            prefix = 0 if isinstance(schema_id, HeaderSchemaId) else HEADER_SIZE
            decoded = decoder.decode([values[row] or b"" for row in group.tolist()], prefix)
            good = slice(None) if decoded.good is None else decoded.good
            rows.append(group[good])
            marks = {null_mark(name): mask for name, mask in decoded.nulls.items()}
            tables.append({name: column[good] for name, column in {**decoded.columns, **marks}.items()})
        decoded_rows = np.concatenate(rows)
        order = np.argsort(decoded_rows)
        return decoded_rows[order], {name: column[order] for name, column in joined(tables).items()}

    def _decoder(self, schema_id: SchemaId) -> ColumnDecoder | None:
        """The decoder of a schema id; None where its messages are something else."""
        if schema_id not in self._decoders:
            self._decoders[schema_id] = None
            with suppress(PoisonError, ContractError):
                written = self._registry.schema_of(schema_id)
                self._decoders[schema_id] = ColumnDecoder(written, self._reader, self._fields)
        return self._decoders[schema_id]


def joined(tables: Sequence[Table]) -> Table:
    """Tables with the same columns, one below the other; empty without any."""
    if len(tables) == 1:
        return tables[0]
    return {name: np.concatenate([table[name] for table in tables]) for name in (tables[0] if tables else ())}
