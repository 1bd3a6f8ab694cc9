"""The windows of one partition of one stage, and the rules judged over them."""

import ast
from bisect import bisect_left, insort
from collections.abc import Collection, Iterable, Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from services.detector.rules.model import EVENT_TIME, ID, Columns, Condition, Figure, Mask, Measure, Rule, Window
from services.detector.windows.judgement import Firing, Judgement, Value

Dump = bytes
"""A state as bytes; a name of its own because `WindowState.bytes` is a figure."""

Entry = tuple[int, int, bytes, Any]
"""Event time, log order, id, value of the window's field."""


class WindowState:
    """What is kept of the transactions of one partition, in the order of its log.

    Args:
        lateness_ms: How far behind the watermark a transaction may be and still find all of its window.
        contributors: How many ids a firing names at most.
    """

    def __init__(self, *, lateness_ms: int, contributors: int = 100) -> None:
        self._lateness = lateness_ms
        self._contributors = contributors
        self._kept: dict[Window, dict[tuple[Any, ...], list[Entry]]] = {}
        self._where: dict[Window, Condition | None] = {}
        self._watermark: int | None = None
        self._order = 0
        self._added: list[tuple[Window, tuple[Any, ...], Entry]] = []
        self._committed: tuple[int | None, int] = (None, 0)

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
        return sum(len(entries) for keys in self._kept.values() for entries in keys.values())

    @property
    def bytes(self) -> int:
        """How much memory they take, about."""
        return 250 * self.entries

    @property
    def oldest_ms(self) -> int | None:
        """The event time of the oldest entry; None without entries."""
        return min((entries[0][0] for keys in self._kept.values() for entries in keys.values()), default=None)

    def require(self, figures: Iterable[Figure]) -> list[Window]:
        """Begin to keep what is not kept yet, empty; returns those windows."""
        new = []
        for figure in figures:
            if figure.window not in self._kept:
                self._kept[figure.window] = {}
                new.append(figure.window)
            self._where[figure.window] = figure.where
        return new

    def retain(self, windows: Collection[Window]) -> None:
        """Stop keeping the others."""
        self._kept = {window: keys for window, keys in self._kept.items() if window in windows}
        self._added = [added for added in self._added if added[0] in self._kept]

    def add(self, columns: Columns, rows: int, *, clock: Any = None, only: Collection[Window] | None = None) -> None:
        """Keep rows without judging them, in the order of the log; `only` in these windows."""
        self._run(columns, rows, (), clock, [w for w in self._kept if only is None or w in only])

    def judge(self, columns: Columns, rows: int, rules: Sequence[Rule], *, clock: Any = None) -> Judgement:
        """Keep rows and judge them, one after the other in the order of the log.

        Args:
            columns: At least the `fields` of the rules.
            rows: How many there are.
            rules: What to judge by; their windows must be kept (`require`).
            clock: For each row what the watermark is taken from instead of its event time.
        """
        return self._run(columns, rows, rules, clock, list(self._kept))

    def commit(self) -> None:
        """What was read since the last commit stands; what is too old for any later row goes."""
        self._added.clear()
        self._committed = (self._watermark, self._order)
        if self._watermark is None:
            return
        for window, keys in self._kept.items():
            gone = self._watermark - window.over_ms - self._lateness
            for key in [key for key, entries in keys.items() if entries[0][0] <= gone]:
                keys[key] = keys[key][bisect_left(keys[key], (gone + 1,)) :]
                if not keys[key]:
                    del keys[key]

    def rollback(self) -> None:
        """All is as it was at the last commit."""
        for window, key, entry in self._added:
            self._kept[window][key].remove(entry)
            if not self._kept[window][key]:
                del self._kept[window][key]
        self._added.clear()
        self._watermark, self._order = self._committed

    def dump(self) -> Dump:
        """The whole state; two that would judge alike forever are dumped alike."""
        orders = sorted({e[1] for keys in self._kept.values() for entries in keys.values() for e in entries})
        number = {order: index for index, order in enumerate(orders)}
        kept = [
            (
                (str(window.measure), window.field, window.by, window.over_ms, window.where),
                sorted((k, [(e[0], number[e[1]], *e[2:]) for e in entries]) for k, entries in keys.items()),
            )
            for window, keys in self._kept.items()
        ]
        head = (self._lateness, self._contributors, self._watermark, len(orders))
        return repr((head, sorted(kept, key=repr))).encode()

    @classmethod
    def load(cls, data: Dump) -> "WindowState":
        """What was dumped. Call `require` before judging: conditions are not dumped."""
        (lateness, contributors, watermark, order), kept = ast.literal_eval(data.decode())
        state = cls(lateness_ms=lateness, contributors=contributors)
        state._kept = {Window(Measure(name), *rest): dict(keys) for (name, *rest), keys in kept}
        state._watermark, state._order = watermark, order
        state._committed = (watermark, order)
        return state

    def _run(self, columns: Columns, rows: int, rules: Sequence[Rule], clock: Any, windows: list[Window]) -> Judgement:
        for rule in rules:
            for figure in rule.figures:
                if figure.window not in self._where:
                    raise ValueError(f"rule {rule.name} needs a window that is not kept: call require() first")
        cells = {name: column.tolist() for name, column in columns.items()}
        whens = [rule.when.mask(columns, rows) if rule.when else np.ones(rows, np.bool_) for rule in rules]
        wheres: list[Mask | None] = []
        for window in windows:
            where = self._where[window] if window.where else None
            wheres.append(where.mask(columns, rows) if where else None)
        clocks = cells[EVENT_TIME] if clock is None else clock.tolist()
        firings, late = [], 0
        for row in range(rows):
            time = cells[EVENT_TIME][row]
            if self._watermark is not None and time < self._watermark - self._lateness:
                late += 1
            self._watermark = clocks[row] if self._watermark is None else max(self._watermark, clocks[row])
            for window, mask in zip(windows, wheres, strict=True):
                if mask is None or mask[row]:
                    value = cells[window.field][row] if window.field else None
                    key = tuple(cells[field][row] for field in window.by)
                    entry = (time, self._order, cells[ID][row], value)
                    insort(self._kept[window].setdefault(key, []), entry)
                    self._added.append((window, key, entry))
            for rule, when in zip(rules, whens, strict=True):
                if when[row]:
                    firings += self._judge(rule, cells, row, time)
            self._order += 1
        return Judgement(firings, late)

    def _judge(self, rule: Rule, cells: dict[str, list[Any]], row: int, time: int) -> list[Firing]:
        figures: dict[str, Value] = {}
        for figure in rule.figures:
            value = self._figure(figure.window, self._counting(figure.window, cells, row, time), time)
            figures[figure.name] = value
            if figure.at_least is not None and (value is None or value < figure.at_least):
                return []
            if figure.at_most is not None and (value is None or value > figure.at_most):
                return []
        if not rule.figures:
            return [Firing(row, rule, (), figures, ())]
        limited = [f for f in rule.figures if f.at_least is not None or f.at_most is not None]
        window = (limited or rule.figures)[0].window
        counting = self._counting(window, cells, row, time)[-self._contributors :]
        key = tuple(cells[field][row] for field in window.by)
        return [Firing(row, rule, key, figures, tuple(entry[2] for entry in counting))]

    def _counting(self, window: Window, cells: dict[str, list[Any]], row: int, time: int) -> list[Entry]:
        """The entries that count for a row, which is the latest that was read."""
        entries = self._kept[window].get(tuple(cells[field][row] for field in window.by), [])
        assert self._watermark is not None  # noqa: S101 - a row was read
        since = max(time - window.over_ms, self._watermark - window.over_ms - self._lateness)
        if window.measure is Measure.SILENCE:
            settled = bisect_left(entries, (self._watermark - self._lateness + 1,))
            others = [entry for entry in entries[:settled] if entry[1] != self._order]
            since = max(since, others[-1][0] - 1) if others else since
        return entries[bisect_left(entries, (since + 1,)) : bisect_left(entries, (time + 1,))]

    def _figure(self, window: Window, counting: list[Entry], time: int) -> Value:  # noqa: PLR0911 - one per measure
        match window.measure:
            case Measure.COUNT:
                return len(counting)
            case Measure.DISTINCT:
                return len({entry[3] for entry in counting})
            case Measure.SILENCE:
                return min((time - entry[0] for entry in counting if entry[1] != self._order), default=None)
        values = [entry[3] for entry in counting]
        match window.measure:
            case Measure.SUM:
                return int(sum(values))
            case Measure.MIN:
                return min(values, default=None)
            case Measure.MAX:
                return max(values, default=None)
        return Fraction(sum(values), len(values)) if values else None
