"""Progress of a replay, and its figures at the end."""

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn, TimeRemainingColumn

from tools.replay.sender import Sent
from tools.transaction_files.blocks import RowError

_EPOCH = datetime(1970, 1, 1)  # UTC


class ReplayProgress:
    """A bar on a terminal, and above it a line for each row that doesn't fit; elsewhere the lines alone.

    Args:
        bar: The bar, if there is one.
    """

    def __init__(self, bar: Progress | None) -> None:
        self._bar = bar
        self._task = TaskID(0) if bar is None else bar.add_task("", total=1.0, rows=0, unfit=0)

    def progress(self, share: float, rows: int, unfit: int) -> None:
        """Report the share of the files that is done, 0 to 1, and how many rows were sent."""
        if self._bar is not None:
            self._bar.update(self._task, completed=share, rows=rows, unfit=unfit)

    def unfit(self, errors: Iterable[RowError]) -> None:
        """Report rows that don't fit."""
        lines = "\n".join(str(error) for error in errors).encode("utf-8", "backslashreplace").decode()
        if lines and self._bar is not None:
            self._bar.console.print(lines, markup=False, highlight=False, soft_wrap=True)
        elif lines:
            print(lines, file=sys.stderr)


@contextmanager
def show_replay() -> Iterator[ReplayProgress]:
    """The display that suits standard error."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield ReplayProgress(None)
        return
    columns = (
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[rows]:,} rows sent, {task.fields[unfit]:,} don't fit"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as bar:
        yield ReplayProgress(bar)


@dataclass(frozen=True)
class Figures:
    """Figures of a replay.

    Attributes:
        sent: Counts of what was delivered; with a dry run, of what would have been.
        unfit: Number of rows that don't fit.
        seconds: The duration.
        complete: Whether every file was read to its end.
        dry: Whether nothing was sent on purpose.
        order: The order of the rows, in words.
        left_out: Number of rows that were left out.
        notes: Remarks on the files.
    """

    sent: Sent
    unfit: int
    seconds: float
    complete: bool
    dry: bool
    order: str = ""
    left_out: int = 0
    notes: Sequence[str] = ()

    def as_json(self) -> str:
        """The figures as a JSON object."""
        return json.dumps(
            {
                "transactions": self.sent.transactions,
                "labels": self.sent.labels,
                "frauds": self.sent.frauds,
                "unfit": self.unfit,
                "left_out": self.left_out,
                "order": self.order,
                "notes": list(self.notes),
                "first": _moment(self.sent.first_ms),
                "last": _moment(self.sent.last_ms),
                "seconds": round(self.seconds, 3),
                "rows_per_second": self._rate,
                "complete": self.complete,
                "dry_run": self.dry,
            }
        )

    def as_text(self, topic: str, labels_topic: str) -> str:
        """The figures for people."""
        sent = self.sent
        verb = "would go" if self.dry else "sent"
        lines = [f"{sent.transactions:,} transactions {verb} to {topic}"]
        if sent.labels:
            lines.append(f"{sent.labels:,} labels {verb} to {labels_topic}, {sent.frauds:,} of them fraud")
        lines.append(f"{self.unfit:,} rows don't fit" + (": each is named above" if self.unfit else ""))
        if sent.first_ms is not None:
            lines.append(f"event times {_moment(sent.first_ms)} to {_moment(sent.last_ms)}")
        lines.append(f"{self.seconds:.1f} s, {self._rate:,} rows/s")
        if not self.complete:
            lines.append("ended early: what comes after these rows was not read")
        return "\n".join([*lines, *self.notes])

    @property
    def _rate(self) -> int:
        return round((self.sent.transactions + self.unfit) / max(self.seconds, 1e-3))


def _moment(milliseconds: int | None) -> str | None:
    if milliseconds is None:
        return None
    moment = _EPOCH + timedelta(milliseconds=milliseconds)
    return moment.isoformat(timespec="milliseconds") + "Z"
