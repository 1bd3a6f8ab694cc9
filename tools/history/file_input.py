"""Files as a history."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass, field

from tools.history.blocks import Block, Labels
from tools.replay.row_reader import RowReader

_SHOWN = 20
_ROWS = 65_536


@dataclass
class FileInput:
    """Reads files, as `scripts/replay` does; the order of their rows is that of the log.

    Args:
        reader: Reads them.
        name: Their name in messages.
        partitions: Number of partitions to spread the rows over.

    Attributes:
        refused: Number of rows that didn't fit; the first ones are named on standard error.
        labelled: Of how many transactions the files say whether they are fraud.
    """

    reader: RowReader
    name: str
    partitions: int
    refused: int = field(default=0, init=False)
    labelled: int = field(default=0, init=False)

    def blocks(self) -> Iterator[Block]:
        """The transactions, in the order of the files.

        Raises:
            UnreadableFile: A file can't be read to its end.
        """
        for part in self.reader.blocks(_ROWS):
            for error in part.errors[: max(0, _SHOWN - self.refused)]:
                print(error, file=sys.stderr)
            self.refused += len(part.errors)
            self.labelled += int(part.labelled.sum())
            yield Block(part.columns, len(part), Labels(part.fraud, part.scenario, part.incident, part.labelled))

    def notes(self) -> list[str]:
        """Remarks on what was read."""
        return [f"{self.refused:,} rows don't fit and were left out"] if self.refused else []
