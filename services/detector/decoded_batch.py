"""A batch of messages as columns, whatever schemas they were written with."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.contracts import HeaderSchemaId, SchemaId, split_by_schema
from services.detector.schema_decoder import SchemaDecoder
from services.errors import PoisonError
from services.rules.conditions import with_nulls
from services.rules.model import Columns

Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Batch:
    """What could be read of some messages.

    Attributes:
        rows: Which messages have values, ascending; the rest is in `failures`.
        columns: The wanted fields of those, in this order; marks of null beside them.
        written: How each was written: a decoder and its rows.
        failures: By message why it can't be read.
        longest: Bytes of the longest value that could be read.
    """

    rows: Rows
    columns: Columns
    written: Sequence[tuple[SchemaDecoder, Rows]]
    failures: dict[int, PoisonError]
    longest: int = 0

    def without(self, failures: Mapping[int, PoisonError]) -> "Batch":
        """The same without some more messages that can't be processed."""
        failed = np.array(sorted(failures), np.int64)
        kept = ~np.isin(self.rows, failed)
        return Batch(
            self.rows[kept],
            {name: column[kept] for name, column in self.columns.items()},
            [(decoder, rows[~np.isin(rows, failed)]) for decoder, rows in self.written],
            {**self.failures, **failures},
            self.longest,
        )


def decode(
    values: Sequence[bytes | None],
    decoder_of: Callable[[SchemaId], SchemaDecoder],
    fields: Sequence[str],
    in_headers: Mapping[int, HeaderSchemaId | PoisonError] | None = None,
) -> Batch:
    """Decodes the wanted fields.

    Args:
        values: The messages' values.
        decoder_of: Gives the decoder of a schema id, or raises PoisonError.
        fields: What is wanted.
        in_headers: By message the schema id in a header, or what is wrong with it, where there is such a header.

    Raises:
        RetryableError: A schema id is new and the registry can't be asked about it now.
    """
    parts = split_by_schema(values, in_headers)
    failures = dict(parts.failures)
    written: list[tuple[SchemaDecoder, Rows]] = []
    found: list[Columns] = []
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
        written.append((decoder, rows if good is None else rows[good]))
        found.append(columns)
    if len(found) == 1:
        return Batch(written[0][1], found[0], written, failures, longest)
    every = np.concatenate([np.empty(0, np.int64), *(rows for _, rows in written)])
    order = np.argsort(every)
    names = found[0] if found else ()
    merged = {name: np.concatenate([columns[name] for columns in found])[order] for name in names}
    return Batch(every[order], merged, written, failures, longest)
