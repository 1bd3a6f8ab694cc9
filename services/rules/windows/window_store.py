"""The state store of a window: entries by key, the schedule of evictions, and the changes since the last commit."""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import count, repeat
from typing import Any

from services.rules.model import Columns, Condition, Mask, Measure, Window
from services.rules.rule_match import AggregateValue
from services.rules.windows.added_entries import AddedEntries
from services.rules.windows.byte_rows import key_objects
from services.rules.windows.due_keys import DueKeys
from services.rules.windows.entries import Entry, EntryLayout, Ints, Reader, bound, time_of
from services.rules.windows.extreme_state import MaxState, MinState
from services.rules.windows.key_state import CountState, InactivityState, KeyState
from services.rules.windows.packed_entries import PackedEntries
from services.rules.windows.row_batch import RowBatch, RowSelection
from services.rules.windows.sliding_state import AverageState, DistinctState, SumState

_STATE_TYPES: dict[Measure, type[KeyState]] = {
    Measure.COUNT: CountState,
    Measure.SUM: SumState,
    Measure.MIN: MinState,
    Measure.MAX: MaxState,
    Measure.AVERAGE: AverageState,
    Measure.DISTINCT: DistinctState,
    Measure.INACTIVITY: InactivityState,
    Measure.MATCHES: CountState,
}

_EACH = repeat(True)
"""Mark of each row."""

_SAMPLE = 1000
"""Keys among which the oldest entry is looked for."""

Results = tuple[list[int], list[AggregateValue]]
"""Row numbers, and the aggregate of each."""


class WindowStore:
    """The entries of a window by key: a single one as it is, several as a key state of the measure's type.

    Args:
        window: The window.
        lateness_ms: Allowed lateness: entries are kept so much longer than the window's length.
        layout: The layout of entries.
    """

    def __init__(self, window: Window, lateness_ms: int, layout: EntryLayout) -> None:
        self.window = window
        self.windows: tuple[Window, ...] = (window,)
        self.where: Condition | None = None
        self.keys: dict[Any, Any] = {}
        self.entries = 0
        self.due_keys = DueKeys(window.over_ms + lateness_ms)
        self._state_type = _STATE_TYPES[window.measure]
        self._lateness = lateness_ms
        self._layout = layout
        self._read: Reader = time_of
        self._prepared = False
        self._new_keys: list[Any] = []
        self._watermark = 0
        self.packed = PackedEntries()
        self.added = AddedEntries()

    @property
    def unsettled(self) -> int:
        """The number of keys that are remembered besides the schedule of evictions."""
        return 0

    def prepare(self, columns: Columns) -> None:
        """Make sure that entries hold what the windows need, now that the types of fields are known.

        Raises:
            ValueError: No window can be kept on a field of this type, or the window's condition is not known yet.
        """
        for window in self.windows:
            if window.field is not None and window.field not in columns:
                raise ValueError(
                    f"{window.field} is not among the columns, but a window aggregates its {window.measure}"
                )
        if self._prepared:
            return
        if self.window.where and self.where is None:
            raise ValueError(
                f"the condition ({self.window.where}) is not in a snapshot; require() the aggregations after load()"
            )
        for window in self.windows:
            if window.field is not None:
                whole = window.measure is not Measure.DISTINCT
                self._layout.admit(window.field, columns[window.field], whole=whole)
        self._make_readers()
        self._prepared = True

    def _make_readers(self) -> None:
        """Make what reads values from entries."""
        name = self.window.field
        if name is not None:
            whole = self.window.measure is not Measure.DISTINCT
            self._read = self._layout.number_reader(name) if whole else self._layout.value_reader(name)

    def entries_of(self, window: Window) -> int:  # noqa: ARG002 - windows that share entries have some of them each
        """Return about how many entries are those of a window."""
        return self.entries

    def bound_of(self, window: Window) -> bytes:  # noqa: ARG002 - windows that share entries have bounds of their own
        """Return a bound before the entries of a window."""
        return b""

    def add(self, batch: RowBatch) -> None:
        """Add the rows of a batch."""
        selection, _ = self._record(batch)
        self._unpack(selection.keys(self.window.by))
        keys, get, note_new = self.keys, self.keys.get, self._new_keys.append
        for key, entry in zip(selection.keys(self.window.by), selection.entries, strict=True):
            state = get(key)
            if state is None:
                keys[key] = entry
                note_new(key)
            elif type(state) is bytes:
                self.pair(key, state, entry)
            elif entry > state[-1]:
                state.append(entry)
            else:
                state.add(entry, self._read)

    def evaluate(self, batch: RowBatch, evaluated: Mask, at_least: int) -> Results:  # noqa: PLR0912 - no calls in it
        """Add the rows of a batch, and aggregate for some of them, each over the rows up to it.

        Args:
            batch: The rows.
            evaluated: The rows to aggregate for.
            at_least: Smaller results make no difference and may be left out.
        """
        keys, get, note_new, read = self.keys, self.keys.get, self._new_keys.append, self._read
        state_type, over_ms = self._state_type, self.window.over_ms
        minimum, recent = self.shortcuts(batch, at_least)
        selection, adding, evaluating = self._select(batch, evaluated)
        self._unpack(selection.keys(self.window.by))
        late = self.rows_with_own_bound(batch, selection)
        all_alike = adding is _EACH and len(selection.entries) == batch.rows and evaluated.all()
        if all_alike and not (minimum or recent or any(late)):
            return list(range(batch.rows)), self._aggregate_all(selection)
        since_of: list[bytes] = []
        rows: list[int] = []
        values: list[AggregateValue] = []
        for row, key, entry, adds, evaluates in zip(
            count(), selection.keys(self.window.by), selection.entries, adding, evaluating
        ):
            state = get(key)
            if adds:
                if state is None:
                    state = keys[key] = entry
                    note_new(key)
                elif type(state) is bytes:
                    state = self.pair(key, state, entry)
                elif entry > state[-1]:
                    state.append(entry)
                else:
                    state.add(entry, read)
            if not evaluates:
                continue
            if state is entry:
                if minimum <= 1:
                    rows.append(row)
                    values.append(state_type.of_single(entry, read))
                continue
            if state is None or type(state) is bytes:
                state = state_type((state,) if state else ())
            if len(state) < minimum or (recent and state[-1] is entry and state[-2] >= recent):
                continue
            since_of = since_of or selection.since(over_ms)
            since = since_of[row]
            if minimum and state[-minimum] < since:
                continue
            if late and late[row]:
                since = self.lower_bound(batch, selection.row_numbers([row])[0], entry, state, since)
            rows.append(row)
            values.append(state.aggregate(since, entry, read))
        return selection.row_numbers(rows), values

    def _aggregate_all(self, selection: RowSelection) -> list[AggregateValue]:
        """Add the rows of a selection, and aggregate for each, over the rows up to it."""
        keys, get, note_new, read = self.keys, self.keys.get, self._new_keys.append, self._read
        of_single, pair = self._state_type.of_single, self.pair
        values: list[AggregateValue] = []
        note_value = values.append
        for key, entry, since, value in zip(
            selection.keys(self.window.by),
            selection.entries,
            selection.since(self.window.over_ms),
            selection.read_values(self.window.field) if self.window.field else repeat(None),
            strict=False,
        ):
            state = get(key)
            if state is None:
                keys[key] = entry
                note_new(key)
                note_value(of_single(entry, read))
                continue
            if type(state) is bytes:
                state = pair(key, state, entry)
            elif entry > state[-1]:
                state.append(entry)
            else:
                state.add(entry, read)
            note_value(state.aggregate(since, entry, read, value))
        return values

    def shortcuts(self, batch: RowBatch, at_least: int) -> tuple[int, bytes]:  # noqa: ARG002 - inactivity needs it
        """Return what spares most rows an aggregation whose result would be less than `at_least`.

        Returns:
            The number of entries that a window needs, and a bound: an entry from then on rules a result out.
        """
        # Neither the count nor the distinct count can be more than the number of entries.
        return (at_least if self.window.measure in (Measure.COUNT, Measure.DISTINCT) else 0), b""

    def rows_with_own_bound(self, batch: RowBatch, selection: RowSelection) -> list[bool]:  # noqa: ARG002 - inactivity needs it
        """Return the rows of a selection that need a `lower_bound` of their own; empty where none does."""
        return []

    def contributors(self, batch: RowBatch, rows: Ints, limit: int, over_ms: int) -> list[tuple[bytes, ...]]:
        """Return the ids of the latest entries in the windows of rows of the batch that was evaluated last."""
        keys = key_objects([batch.columns[name][rows] for name in self.window.by])
        since_of = batch.row_times.of(rows).since(over_ms)
        contributors: list[tuple[bytes, ...]] = []
        for row, key, entry, since in zip(rows.tolist(), keys, batch.entries(rows), since_of, strict=True):
            state = self.state_of(key)
            latest = state.latest(self.lower_bound(batch, row, entry, state, since), entry, limit)
            contributors.append(tuple(self._layout.ids_of(latest)))
        return contributors

    def commit(self, watermark: int, *, written: bool = False) -> None:
        """Keep what was added, and evict what is too old.

        Args:
            watermark: The watermark.
            written: Whether everything in `added.unwritten` is written.
        """
        if self._new_keys:
            self.due_keys.schedule(self._new_keys, watermark)
        self.added.commit(written=written)
        self._forget_changes()
        self._watermark = watermark
        kept_from = watermark - self.window.over_ms - self._lateness + 1
        if self.packed:
            self.entries -= self.packed.drop_expired(kept_from)
        self._evict(self.due_keys.due(kept_from), bound(kept_from), watermark)

    def rollback(self) -> None:
        """Remove what was added since the last commit."""
        for key, entry in self.added.undo():
            self.entries -= 1
            state = self.keys[key]
            if type(state) is bytes:
                del self.keys[key]
                continue
            state.undo_add(entry)
            if len(state) == 1:
                self.keys[key] = state[0]
        self._prepared = False
        self._forget_changes()

    def contents(self, watermark: int | None, window: Window) -> dict[Any, list[Entry]]:
        """Return by key the entries that a later row's window may include."""
        until = b"" if watermark is None else bound(watermark - window.over_ms - self._lateness + 1)
        self._take_packed(self.packed.unpack_all)
        contents = {key: self.unexpired(self.state_of(key), until, watermark) for key in self.keys}
        return {key: entries for key, entries in contents.items() if entries}

    def load(self, contents: Mapping[Any, Sequence[Entry]], watermark: int) -> None:
        """Fill an empty store with the contents of another."""
        self._watermark = watermark
        self.entries += sum(map(len, contents.values()))
        self.take(contents)

    def load_packed(self, packed: PackedEntries, watermark: int) -> None:
        """Fill an empty store with packed entries."""
        self._watermark = watermark
        self.packed = packed
        self.entries = packed.entries

    def oldest(self) -> Iterator[Entry]:
        """Yield the oldest entries of the keys that are due next; of very many keys those of a sample."""
        for keys in (self.due_keys.next_keys(), self._new_keys):
            for state in map(self.keys.__getitem__, keys[:: len(keys) // _SAMPLE + 1]):
                yield state if type(state) is bytes else state[0]
        yield from (segment.oldest for segment in self.packed.segments)

    def state_of(self, key: Any) -> KeyState:
        """Return the state of a key; that of a single entry or of none is made for the call."""
        if key not in self.keys:
            self._unpack([key])
        state = self.keys.get(key, ())
        return state if isinstance(state, KeyState) else self._state_type((state,) if state else ())

    def lower_bound(self, batch: RowBatch, row: int, entry: Entry, state: KeyState, since: bytes) -> bytes:  # noqa: ARG002
        """Return the lower bound of the window of a row for its own key, given that for any key."""
        return since

    def pair(self, key: Any, single: Entry, entry: Entry) -> KeyState:
        """Add a second entry of a key."""
        state = self.keys[key] = self._state_type((single, entry) if single < entry else (entry, single))
        return state

    def unexpired(self, state: KeyState, until: bytes, watermark: int | None) -> list[Entry]:  # noqa: ARG002
        """Return the entries of a key that are not expired by definition, given a bound."""
        return state[bisect_left(state, until) :]

    def take(self, contents: Mapping[Any, Sequence[Entry]]) -> None:
        """Take entries of keys that have none, which are counted already."""
        for key, entries in contents.items():
            self.keys[key] = entries[0] if len(entries) == 1 else self._state_type(entries)
        self.due_keys.schedule_each(list(contents), [entries[0] for entries in contents.values()], self._watermark)

    def _unpack(self, keys: Iterable[Any]) -> None:
        """Make objects of the packed entries of some keys."""
        if self.packed and (missing := [key for key in keys if key not in self.keys]):
            self._take_packed(lambda: self.packed.unpack(missing))

    def _take_packed(self, unpack: Callable[[], Mapping[Any, Sequence[Entry]]]) -> None:
        before = self.packed.entries
        contents = unpack()
        self.entries += sum(map(len, contents.values())) - (before - self.packed.entries)
        self.take(contents)

    def _select(self, batch: RowBatch, evaluated: Mask) -> tuple[RowSelection, Iterable[bool], list[bool]]:
        """Record the rows of a batch, and select those that are added or evaluated.

        Returns:
            These rows, and for each of them whether it is added and whether it is evaluated.
        """
        selection, mask = self._record(batch)
        adding: Iterable[bool] = _EACH
        if mask is not None and (evaluated & ~mask).any():
            selection = batch.select(mask | evaluated)
            adding = selection.values(mask)
        return selection, adding, selection.values(evaluated)

    def _evict(self, keys: Iterable[Any], until: bytes, watermark: int) -> None:
        """Evict the entries of some keys that are too old by the watermark of `commit`."""
        states, read = self.keys, self._read
        remaining: list[Any] = []
        oldest: list[Entry] = []
        for key in keys:
            state = states[key]
            if type(state) is bytes:
                if state < until:
                    del states[key]
                    self.entries -= 1
                    continue
            else:
                self.entries -= state.evict(until, read)
                if not state:
                    del states[key]
                    continue
                first = state[0]
                if len(state) == 1:
                    states[key] = first
                    state = first
                else:  # a key is looked at for a quarter of its entries, not for each
                    state = state[(len(state) - 1) // 4]
            remaining.append(key)
            oldest.append(state)
        self.due_keys.schedule_each(remaining, oldest, watermark)

    def _forget_changes(self) -> None:
        self._new_keys.clear()

    def _record(self, batch: RowBatch) -> tuple[RowSelection, Mask | None]:
        """Record which rows of a batch are added, until the commit; return these and their mask, None for all."""
        mask = batch.counted(self.where, self.window.over_ms)
        length = "" if mask is batch.mask(self.where) else self.window.over_ms  # no row has expired
        name = "" if mask is None else f"{self.window.where} {length}"
        selection = batch.select_shared(name, mask)
        self.added.add(selection.keys(self.window.by), selection.entries)
        self.entries += len(selection.entries)
        return selection, mask
