"""Decodes batches of messages to columns; each message may have another schema."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.contracts import HeaderSchemaId, SchemaId, split_by_schema
from services.detection.schema_decoder import SchemaDecoder
from services.errors import PoisonError
from services.rules.conditions import with_nulls
from services.rules.model import LABEL, Columns

Rows = NDArray[np.int64]
Labels = NDArray[np.int8]
"""For each message 1 or 0: whether its label says fraud."""


@dataclass(frozen=True)
class DecodedBatch:
    """The decoded fields of some messages.

    Attributes:
        rows: The messages that could be decoded, ascending; the rest is in `failures`.
        columns: Their fields, in this order; marks of null beside them.
        decoders: Each decoder with the messages that it decoded.
        failures: By message why it can't be decoded.
        longest: Bytes of the longest value that could be decoded.
    """

    rows: Rows
    columns: Columns
    decoders: Sequence[tuple[SchemaDecoder, Rows]]
    failures: dict[int, PoisonError]
    longest: int = 0

    def without(self, failures: Mapping[int, PoisonError]) -> "DecodedBatch":
        """Return the batch without some more messages that can't be processed."""
        failed = np.array(sorted(failures), np.int64)
        good = ~np.isin(self.rows, failed)
        return DecodedBatch(
            self.rows[good],
            {name: column[good] for name, column in self.columns.items()},
            [(decoder, rows[~np.isin(rows, failed)]) for decoder, rows in self.decoders],
            {**self.failures, **failures},
            self.longest,
        )


def decode_batch(
    values: Sequence[bytes | None],
    decoder_of: Callable[[SchemaId], SchemaDecoder],
    fields: Sequence[str],
    in_headers: Mapping[int, HeaderSchemaId | PoisonError] | None = None,
) -> DecodedBatch:
    """Decode some fields of messages.

    Args:
        values: The messages' values.
        decoder_of: Returns the decoder of a schema id, or raises PoisonError.
        fields: The fields.
        in_headers: By message the schema id in a header, or what is wrong with it, where there is such a header.

    Raises:
        RetryableError: A schema id is new and the registry can't be asked about it now.
    """
    parts = split_by_schema(values, in_headers)
    failures = dict(parts.failures)
    decoders: list[tuple[SchemaDecoder, Rows]] = []
    columns_of: list[Columns] = []
    longest = 0
    for schema_id, rows in parts.groups.items():
        try:
            decoder = decoder_of(schema_id)
        except PoisonError as error:
            failures.update(dict.fromkeys(rows.tolist(), error))
            continue
        everything = len(rows) == len(values)
        group = [value for value in values if value is not None] if everything else [values[row] or b"" for row in rows]
        decoded = decoder.columns(fields).decode(group, prefix=decoder.prefix)
        columns, good = with_nulls(decoded.columns, decoded.nulls), decoded.good
        if good is not None:
            failures.update((int(rows[index]), error) for index, error in decoded.failures.items())
            columns = {name: column[good] for name, column in columns.items()}
        longest = max(longest, decoded.longest)
        decoders.append((decoder, rows if good is None else rows[good]))
        columns_of.append(columns)
    if len(columns_of) == 1:
        return DecodedBatch(decoders[0][1], columns_of[0], decoders, failures, longest)
    every = np.concatenate([np.empty(0, np.int64), *(rows for _, rows in decoders)])
    order = np.argsort(every)
    names = columns_of[0] if columns_of else ()
    merged = {name: np.concatenate([columns[name] for columns in columns_of])[order] for name in names}
    return DecodedBatch(every[order], merged, decoders, failures, longest)


def label_columns(batch: DecodedBatch, labels: Labels) -> Columns:
    """Return the decoded fields of labelled transactions, and whether their labels say fraud."""
    return {**batch.columns, LABEL: labels[batch.rows].astype(np.bool_)}
