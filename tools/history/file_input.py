"""Files as a history."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from services.history.blocks import Block, Labels
from tools.transaction_files.accounts import write_lookup
from tools.transaction_files.notes import lookup_note, notes_of
from tools.transaction_files.row_reader import RowReader
from tools.transaction_files.time_order import Ordering, RowOrder, in_time_order, order_of

_SHOWN = 20
_ROWS = 65_536


@dataclass
class FileInput:
    """Reads files, as `scripts/replay` does, in the order of their rows' times.

    Args:
        reader: Reads them.
        name: Their name in messages.
        partitions: Number of partitions to spread the rows over.
        lateness_ms: How much older than one before it a row may be without being out of order.
        ordering: What to do with rows that are out of order.
        accounts: The file for the look-up table of shortened accounts.

    Attributes:
        refused: Number of rows that didn't fit; the first ones are named on standard error.
        left_out: Number of rows that the profile leaves out.
        labelled: Of how many transactions the files say whether they are fraud.
    """

    reader: RowReader
    name: str
    partitions: int
    lateness_ms: int
    ordering: Ordering = Ordering.SORT
    accounts: Path = Path("accounts.csv")
    refused: int = field(default=0, init=False)
    left_out: int = field(default=0, init=False)
    labelled: int = field(default=0, init=False)
    _order: RowOrder = field(default_factory=RowOrder, init=False)

    def blocks(self) -> Iterator[Block]:
        """The transactions, in the order of their times.

        Raises:
            UnreadableFile: A file can't be read to its end.
            UsageError: The rows are out of order, and that is to be refused.
        """
        self._order = order_of(self.reader, self.lateness_ms)
        for part in in_time_order(self.reader, self._order, self.ordering, _ROWS):
            for error in part.errors[: max(0, _SHOWN - self.refused)]:
                print(error, file=sys.stderr)
            self.refused += len(part.errors)
            self.left_out += part.left_out
            self.labelled += int(part.labelled.sum())
            if len(part):
                known = None if part.labelled.all() else part.labelled
                yield Block(part.columns, len(part), Labels(part.fraud, part.scenario, part.incident, known))

    def notes(self) -> list[str]:
        """Remarks on what was read; writes the look-up table of accounts that had to be shortened.

        Raises:
            UsageError: The table can't be written.
        """
        notes = [f"{self.refused:,} rows don't fit and were left out"] if self.refused else []
        notes += notes_of(self.reader, self._order, self.ordering, self.left_out)
        if shortened := self.reader.readers.accounts.shortened:
            write_lookup(self.accounts, shortened)
            notes.append(lookup_note(self.accounts, len(shortened)))
        return notes
