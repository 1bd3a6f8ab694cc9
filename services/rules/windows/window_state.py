"""The windows of one partition of one stage, and the rules judged over them."""

from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from services.rules.model import Aggregation, Columns, Rule, Window
from services.rules.windows import memory_usage, snapshot
from services.rules.windows.entries import Ints, Layout, time_of
from services.rules.windows.evaluation import Round
from services.rules.windows.evaluation_plan import EvaluationPlan
from services.rules.windows.inactivity_store import keep
from services.rules.windows.results import Evaluation
from services.rules.windows.row_batch import Batch

if TYPE_CHECKING:
    from services.rules.windows.window_store import WindowStore

Dump = bytes
"""A state written down; a name of its own, as `WindowState.bytes` is a figure."""


class WindowState:
    """What is kept of the transactions of one partition, read in the order of its log.

    Args:
        lateness_ms: How far behind the watermark a transaction may be and still find all of its window.
        contributors: How many ids a firing names at most.
    """

    def __init__(self, *, lateness_ms: int, contributors: int = 100) -> None:
        self._lateness = lateness_ms
        self._contributors = contributors
        self._layout = Layout()
        self._kept: dict[Window, WindowStore] = {}
        self._plan: EvaluationPlan | None = None
        self._watermark: int | None = None
        self._order = 0
        self._committed: tuple[int | None, int, dict[str, bool]] = (None, 0, {})

    @property
    def watermark_ms(self) -> int | None:
        """The largest event time (or clock) read so far; None before the first row."""
        return self._watermark

    @property
    def windows(self) -> tuple[Window, ...]:
        """Those that are kept."""
        return tuple(self._kept)

    @property
    def entries(self) -> int:
        """How many entries memory holds, over all windows."""
        return sum(kept.entries for kept in self._kept.values())

    @property
    def oldest_ms(self) -> int | None:
        """The event time of the oldest entry, of very many from a sample; None without entries."""
        oldest = [entry for kept in self._kept.values() for entry in kept.oldest()]
        return time_of(min(oldest)) if oldest else None

    def require(self, aggregations: Iterable[Aggregation]) -> list[Window]:
        """Begins to keep the windows that are not kept yet, empty.

        Returns:
            Those windows: `add` what they should hold, `only` to them.
        """
        new = []
        self._plan = None
        for aggregation in aggregations:
            if aggregation.window not in self._kept:
                self._kept[aggregation.window] = keep(aggregation.window, self._lateness, self._layout)
                new.append(aggregation.window)
            self._kept[aggregation.window].where = aggregation.where
        return new

    def retain(self, windows: Collection[Window]) -> None:
        """Stops keeping the others."""
        self._plan = None
        self._kept = {window: kept for window, kept in self._kept.items() if window in windows}

    def add(
        self, columns: Columns, rows: int, *, clock: Ints | None = None, only: Collection[Window] | None = None
    ) -> None:
        """Keeps rows without judging them: restores what was there.

        Args:
            columns: By name: the id, the event time, and what the windows and their conditions look at.
            rows: How many there are, in the order of the log.
            clock: For each row what the watermark is taken from; its event time where there is none.
            only: The windows that keep them; None for all.

        Raises:
            ValueError: a window can't be kept on these columns.
        """
        keeping = [kept for window, kept in self._kept.items() if only is None or window in only]
        batch = self._read(columns, rows, clock, keeping)
        if batch is not None:
            for kept in keeping:
                kept.add(batch)

    def evaluate(self, columns: Columns, rows: int, rules: Sequence[Rule], *, clock: Ints | None = None) -> Evaluation:
        """Keeps rows and judges each by what was read up to it.

        Args:
            columns: By name: the id, the event time, and what the rules and the windows look at.
            rows: How many there are, in the order of the log.
            rules: What to judge by; their windows must be kept (`require`).
            clock: For each row what the watermark is taken from; its event time where there is none.

        Raises:
            ValueError: a window of a rule is not kept, or a window can't be kept on these columns.
        """
        if self._plan is None or self._plan.rules != tuple(rules):
            self._plan = EvaluationPlan(rules, self._kept)
        batch = self._read(columns, rows, clock, self._kept.values())
        if batch is None:
            return Evaluation((), 0)
        matches = Round(batch, self._plan, self._kept).matches(self._contributors)
        return Evaluation(matches, int(np.count_nonzero(batch.late)))

    def commit(self) -> None:
        """What was read since the last commit stands; what is too old for every later row goes."""
        self._committed = (self._watermark, self._order, dict(self._layout.slots))
        if self._watermark is not None:
            for kept in self._kept.values():
                kept.commit(self._watermark)

    def rollback(self) -> None:
        """What was read since the last commit was never read."""
        self._watermark, self._order, slots = self._committed
        self._layout.slots = dict(slots)
        for kept in self._kept.values():
            kept.rollback()

    def dump(self) -> Dump:
        """All that matters for later rows: states that will judge alike are dumped alike."""
        head = {
            "lateness_ms": self._lateness,
            "contributors": self._contributors,
            "watermark_ms": self._watermark,
            "slots": list(self._layout.slots.items()),
        }
        contents = {window: kept.counting(self._watermark) for window, kept in self._kept.items()}
        return snapshot.written(head, contents)

    @classmethod
    def load(cls, data: Dump) -> "WindowState":
        """What was dumped. Conditions are not: `require` the figures before anything is added or judged."""
        head, order, contents = snapshot.read(data)
        state = cls(lateness_ms=head["lateness_ms"], contributors=head["contributors"])
        state._layout = Layout((name, is_text) for name, is_text in head["slots"])
        for window, found in contents.items():
            state._kept[window] = keep(window, state._lateness, state._layout)
            if found:
                state._kept[window].restore(found, head["watermark_ms"])
        state._watermark, state._order = head["watermark_ms"], order
        state.commit()
        return state

    @property
    def bytes(self) -> int:
        """How much memory the windows take, about."""
        return memory_usage.taken(self._kept.values())

    def _read(self, columns: Columns, rows: int, clock: Ints | None, stores: "Collection[WindowStore]") -> Batch | None:
        """Rows on their way into windows; None if there are none."""
        if not rows:
            return None
        for kept in stores:
            kept.prepare(columns)
        batch = Batch(
            columns,
            rows,
            clock,
            self._layout,
            lateness_ms=self._lateness,
            watermark=self._watermark,
            order=self._order,
        )
        if any(kept.where is None for kept in stores):
            batch.entries(None)  # all at once, not first those that another window keeps
        self._watermark = batch.watermark
        self._order += rows
        return batch
