"""Lookups of counts, sums and extremes over ranges of the entries of keys, for many rows at once.

The range of a row begins with the lower bound of its window and ends before the row itself. What several windows have
in common is looked up once: the first entry for all of one length, the prefix sums and the queue for all lengths.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import repeat
from typing import NamedTuple

import numpy as np

from services.rules.features.evaluation import WindowResults
from services.rules.model import Mask, Measure, Window
from services.rules.rule_match import AggregateValue
from services.rules.windows.entries import Reader
from services.rules.windows.evaluation_plan import WindowUse
from services.rules.windows.monotonic_queue import MonotonicQueue
from services.rules.windows.row_batch import RowSelection
from services.rules.windows.shared_state import SharedState

SUMMED = (Measure.SUM, Measure.AVERAGE)
SIGNS = {Measure.MIN: 1, Measure.MAX: -1}
"""Factors of the values of a minimum and a maximum: with them the least is the extreme."""


class Ranges(NamedTuple):
    """The ranges of some consecutive rows.

    Attributes:
        rows: The rows.
        states: For each the state of its key. A row that is added is among its entries already.
        ends: The positions before which the ranges end.
        adding: Whether a row stands at this position, and is the last one that sums and queues have to cover.
    """

    rows: slice
    states: Sequence[SharedState]
    ends: Sequence[int]
    adding: Sequence[bool]


class Sums:
    """The sums of a field, each row included.

    Args:
        place: The place of its prefix sums in a state.
        values: The value of each row.
        read: Reads the value from an entry.
        lengths: The lengths of the ranges.

    Attributes:
        results: By length the sums.
    """

    def __init__(self, place: int, values: Sequence[int], read: Reader, lengths: Iterable[int]) -> None:
        self.values = values
        self.results: dict[int, list[int]] = {over_ms: [] for over_ms in lengths}
        self._place = place
        self._read = read

    def look_up(self, ranges: Ranges, firsts: Mapping[int, Sequence[int]], fields: int) -> None:
        """Note the sums over some ranges, given the first entry by length and the number of summed fields."""
        prefix_sums: list[list[int]] = []
        totals: list[int] = []
        for state, end, value, adds in zip(
            ranges.states, ranges.ends, self.values[ranges.rows], ranges.adding, strict=True
        ):
            sums = (state.prefix_sums or state.begin_sums(fields))[self._place]
            if len(sums) <= end:
                state.extend_sums(sums, end, self._read)
            total = sums[end] + value
            if adds and len(sums) == end + 1:
                sums.append(total)
            prefix_sums.append(sums)
            totals.append(total)
        for over_ms, results in self.results.items():
            results += [
                total - sums[first] for total, sums, first in zip(totals, prefix_sums, firsts[over_ms], strict=True)
            ]

    def without_uncounted(self, over_ms: int, counted: Sequence[bool] | None) -> list[int]:
        """Return the sums over ranges of some length, without the rows that are not in their own window."""
        results = self.results[over_ms]
        if counted is None:
            return results
        return [
            total if is_counted else total - value
            for total, value, is_counted in zip(results, self.values, counted, strict=True)
        ]


class Extremes:
    """The minima or maxima of a field, without the row itself.

    Args:
        place: The place of its queue in a state.
        sign: 1 for minima, -1 for maxima.
        values: The value of each row, of maxima the negative.
        read: Reads the value from an entry.
        since: By length the lower bound of each row.

    Attributes:
        results: By length the extremes; None without entries.
    """

    def __init__(
        self, place: int, sign: int, values: Sequence[int], read: Reader, since: Mapping[int, Sequence[bytes]]
    ) -> None:
        self.values = values
        self.results: dict[int, list[AggregateValue]] = {over_ms: [] for over_ms in since}
        self._place = place
        self._sign = sign
        self._read = read
        self._since = since

    def look_up(self, ranges: Ranges, queues: int) -> None:
        """Note the extremes over some ranges, given the number of queues of a state."""
        sign, lengths = self._sign, len(self.results)
        extremes: list[AggregateValue] = []
        note, nothing = extremes.append, [None] * lengths
        bounds = zip(*(since[ranges.rows] for since in self._since.values()), strict=True)
        for state, end, value, adds, since_of in zip(
            ranges.states, ranges.ends, self.values[ranges.rows], ranges.adding, bounds, strict=True
        ):
            if not end:
                extremes += nothing
                continue
            queue = (state.queues or state.begin_queues(queues))[self._place]
            covered, values = queue.covered, queue.values
            if covered > end:
                extremes += [self._before(queue, state, since, end) for since in since_of]
                continue
            if covered < end:
                entries = state[covered:end]
                queue.cover(entries, [sign * self._read(entry) for entry in entries])
            for since in since_of:
                first = bisect_left(queue, since)
                note(sign * values[first] if first < len(values) else None)
            if adds:
                while values and values[-1] >= value:
                    del queue[-1], values[-1]
                queue.append(state[end])
                values.append(value)
                queue.covered = end + 1
        for place, results in enumerate(self.results.values()):
            results.extend(extremes[place::lengths])

    def _before(self, queue: MonotonicQueue, state: SharedState, since: bytes, end: int) -> AggregateValue:
        """Return the extreme of the entries from a bound up to a position that a queue goes beyond."""
        first = bisect_left(queue, since)
        if first < len(queue) and queue[first] < state[end]:
            return self._sign * queue.values[first]
        entries = state[bisect_left(state, since, 0, end) : end]
        least = min((self._sign * self._read(entry) for entry in entries), default=None)
        return None if least is None else self._sign * least


class RangeLookup:
    """The results of windows of one key for each row of a selection.

    Args:
        windows: The windows.
        selection: The rows.
        adding: For each row whether it is added.
        counted: By length the rows that are in their own window; None for all.
        reader: Returns what reads a field from entries.
    """

    def __init__(
        self,
        windows: Iterable[Window],
        selection: RowSelection,
        adding: Sequence[bool],
        counted: Mapping[int, Mask | None],
        reader: Callable[[str], Reader],
    ) -> None:
        self._selection = selection
        self._adding = adding
        self._masks = counted
        self._counted = {over_ms: None if mask is None else selection.values(mask) for over_ms, mask in counted.items()}
        self._since = {over_ms: selection.since(over_ms) for over_ms in counted}
        self._ends: list[int] = []
        self._firsts: dict[int, list[int]] = {}
        summed: dict[str, set[int]] = {}
        extremes: dict[tuple[str, Measure], dict[int, Sequence[bytes]]] = {}
        for window in windows:
            name, over_ms = str(window.field), window.over_ms
            if window.measure in SIGNS:
                extremes.setdefault((name, window.measure), {})[over_ms] = self._since[over_ms]
                continue
            self._firsts[over_ms] = []
            if window.measure in SUMMED:
                summed.setdefault(name, set()).add(over_ms)
        self._sums = {
            name: Sums(place, selection.values_or_zeros(name), reader(name), lengths)
            for place, (name, lengths) in enumerate(summed.items())
        }
        self._extremes = {
            (name, measure): Extremes(place, SIGNS[measure], self._signed(name, measure), reader(name), since)
            for place, ((name, measure), since) in enumerate(extremes.items())
        }

    def look_up(self, states: Sequence[SharedState], ends: Sequence[int], *, in_order: bool = True) -> None:
        """Note the results of the next rows.

        Args:
            states: The state of the key of each row. A row that is added in order is among its entries already.
            ends: The positions before which the ranges end.
            in_order: Whether the rows that are added stand at these positions.
        """
        rows = slice(len(self._ends), len(self._ends) + len(states))
        self._ends += ends
        firsts: dict[int, list[int]] = {}
        for over_ms, noted in self._firsts.items():
            since_of = self._since[over_ms][rows]
            firsts[over_ms] = [
                bisect_left(state, since, 0, end) for state, since, end in zip(states, since_of, ends, strict=True)
            ]
            noted.extend(firsts[over_ms])
        ranges = Ranges(rows, states, ends, self._adding[rows] if in_order else [False] * len(states))
        for sums in self._sums.values():
            sums.look_up(ranges, firsts, len(self._sums))
        for extremes in self._extremes.values():
            extremes.look_up(ranges, len(self._extremes))

    def insert(self, state: SharedState, index: int, row: int) -> None:
        """Add a row before others of its key."""
        summed = [sums.values[row] for sums in self._sums.values()]
        signed = [extremes.values[row] for extremes in self._extremes.values()]
        state.insert_values(index, self._selection.entries[row], summed, signed)

    def results(self, uses: Iterable[WindowUse]) -> dict[Window, WindowResults]:
        """Return the results of some windows."""
        ends = np.array(self._ends, np.int64)
        counts = {}
        for over_ms, firsts in self._firsts.items():
            counted = self._counted[over_ms]
            counts[over_ms] = ends - np.array(firsts, np.int64) + (1 if counted is None else np.array(counted))
        results = {}
        for use in uses:
            window, over_ms = use.window, use.window.over_ms
            mask = self._masks[over_ms]
            if window.measure in SIGNS:
                past = self._extremes[str(window.field), window.measure].results[over_ms]
                results[window] = WindowResults(self._with_own(window, past) if use.of_values else None, past, mask)
            elif window.measure is Measure.COUNT:
                results[window] = WindowResults(counts[over_ms], None, mask)
            else:
                sums = self._sums[str(window.field)].without_uncounted(over_ms, self._counted[over_ms])
                of_average = (sums, counts[over_ms]) if window.measure is Measure.AVERAGE else None
                results[window] = WindowResults(None if of_average else sums, None, mask, of_average)
        return results

    def _signed(self, name: str, measure: Measure) -> list[int]:
        """Return the value of each row, of a maximum the negative."""
        return [SIGNS[measure] * value for value in self._selection.read_values(name)]

    def _with_own(self, window: Window, past: Sequence[AggregateValue]) -> list[AggregateValue]:
        """Return extremes with each row itself, given those without it."""
        extreme = min if window.measure is Measure.MIN else max
        own = self._selection.read_values(str(window.field))
        return [
            before if not is_counted else value if before is None else extreme(before, value)
            for before, value, is_counted in zip(past, own, self._counted[window.over_ms] or repeat(True), strict=False)
        ]
