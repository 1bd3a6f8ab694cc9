"""Parquet, read with pyarrow, which only those who have such files need to install."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from services.errors import UsageError
from tools.transaction_files.column_names import unique_names
from tools.transaction_files.profile import Profile
from tools.transaction_files.rows import Cells, Rows, UnreadableFile


class ParquetFile:
    """A Parquet file; of its columns those that hold scalars can be used.

    Args:
        path: The file.
        profile: Not needed: the file says all itself.

    Raises:
        UsageError: If pyarrow is not installed, or it is no Parquet file.
    """

    description = "Parquet"
    encoding = "UTF-8"

    def __init__(self, path: Path, profile: Profile) -> None:  # noqa: ARG002 - as the other formats
        try:
            import pyarrow  # noqa: ICN001, PLC0415
            import pyarrow.parquet  # noqa: PLC0415
        except ImportError:
            raise UsageError(f"{path}: reading Parquet takes pyarrow; install it: scripts/install --parquet") from None
        self._arrow: Any = pyarrow
        self._path = path
        try:
            self._file: Any = pyarrow.parquet.ParquetFile(path)
        except (pyarrow.ArrowException, OSError) as error:
            raise UsageError(f"{path}: not a Parquet file that can be read: {error}") from None

    def columns(self) -> list[str]:
        """The names of the columns."""
        return unique_names(self._file.schema_arrow.names)

    def check(self, names: Sequence[str]) -> None:
        """Raises UsageError for columns that hold no scalars, or share their name."""
        there = self._file.schema_arrow.names
        for name in names:
            if name not in there:  # pyarrow reads columns by their names
                raise UsageError(f"{self._path}: several columns are called {name.partition('#')[0]!r}: rename one")
            kind = self._file.schema_arrow.field(name).type
            if not self._usable(kind):
                raise UsageError(f"{self._path}: column {name!r} holds {kind}: expected texts, numbers or times")

    def rows(self, names: Sequence[str], limit: int) -> Iterator[Rows]:
        """The rows, at most so many at a time, with the cells of some columns; their lines are the rows' numbers."""
        total = max(1, self._file.metadata.num_rows)
        done = 0
        try:
            for batch in self._file.iter_batches(limit, columns=list(names), use_threads=False):
                cells = {name: self._cells(batch.column(batch.schema.get_field_index(name))) for name in names}
                lines = list(range(done + 1, done + 1 + batch.num_rows))
                done += batch.num_rows
                yield Rows(lines, cells, [], done / total)
        except (self._arrow.ArrowException, OSError) as error:
            raise UnreadableFile(
                f"{self._path}:{done + 1}: rows {done + 1} to {total} can't be read: {error}"
            ) from None

    def _usable(self, kind: Any) -> bool:
        types = self._arrow.types
        if types.is_dictionary(kind):
            return self._usable(kind.value_type)
        tests = (
            types.is_string, types.is_large_string, types.is_binary, types.is_large_binary, types.is_integer,
            types.is_floating, types.is_decimal, types.is_boolean, types.is_timestamp, types.is_date,
        )  # fmt: skip
        return any(test(kind) for test in tests)

    def _cells(self, column: Any) -> Cells:
        """Numbers as they are written shortest, times in UTC by ISO 8601."""
        arrow, types = self._arrow, self._arrow.types
        if types.is_dictionary(column.type):
            column = column.dictionary_decode()
        if types.is_timestamp(column.type):  # in UTC; one with a zone would be shown in that zone
            column = column.cast(arrow.int64()).cast(arrow.timestamp(column.type.unit))
        if not types.is_binary(column.type) and not types.is_large_binary(column.type):
            column = column.cast(arrow.large_string())
        try:
            return list(column.cast(arrow.large_string()).to_pylist())
        except (UnicodeDecodeError, arrow.ArrowInvalid):  # text that isn't UTF-8: the rows with it are found later
            values = column.cast(arrow.large_binary()).to_pylist()
            return [None if value is None else value.decode(errors="surrogateescape") for value in values]
