"""The state of the windows of one partition of one stage, and the evaluation of rules over them."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from services.rules.features.feature import Feature
from services.rules.model import EVENT_TIME, Aggregation, Columns, Rule, Window
from services.rules.windows.changes import Cursor, StateBuilder, Walk, WindowEntries
from services.rules.windows.entries import EntryLayout, Ints, bound, time_of
from services.rules.windows.evaluation import Evaluation, evaluate
from services.rules.windows.evaluation_plan import EvaluationPlan
from services.rules.windows.match_store import MatchStore
from services.rules.windows.memory_usage import estimate_bytes
from services.rules.windows.row_batch import RowBatch
from services.rules.windows.shared_store import SharedStore
from services.rules.windows.snapshot import decode_snapshot, encode_snapshot
from services.rules.windows.store_factory import create_store, create_stores
from services.rules.windows.window_store import WindowStore


@dataclass(frozen=True)
class StateHead:
    """The part of a state that is no entry of a window.

    Attributes:
        watermark_ms: The largest event time (or clock) read; None before the first row.
        order: The number of rows read, which is the position of the next one.
        slots: The fields that entries have slots for, and whether each is a text.
        groups: Windows that share entries, each with a number that is the same for those that share them.
    """

    watermark_ms: int | None
    order: int
    slots: tuple[tuple[str, bool], ...]
    groups: tuple[tuple[Window, int], ...] = ()


_BEFORE_ALL = -(2**62)
"""Stands for the watermark before the first transaction; labels may be there before."""

Snapshot = bytes
"""A state as `WindowState.dump` writes it; a name of its own, as `WindowState.bytes` is a number."""


class WindowState:
    """The windows over the transactions of one partition, read in the order of its log.

    Args:
        lateness_ms: Allowed lateness behind the watermark: a transaction up to it finds all of its window.
        contributors: Limit on ids that a match of a rule with alerts names; 0 for none.
    """

    def __init__(self, *, lateness_ms: int, contributors: int = 100) -> None:
        self._lateness = lateness_ms
        self._contributors = contributors
        self._layout = EntryLayout()
        self._stores: dict[Window, WindowStore] = {}
        self._plan: EvaluationPlan | None = None
        self._filling: WindowState | None = None
        self._watermark: int | None = None
        self._order = 0
        self._committed: tuple[int | None, int, dict[str, bool]] = (None, 0, {})

    @property
    def watermark_ms(self) -> int | None:
        """The largest event time (or clock) read so far; None before the first row."""
        return self._watermark

    @property
    def windows(self) -> tuple[Window, ...]:
        """The windows that have a state store."""
        return tuple(self._stores)

    @property
    def entries(self) -> int:
        """The number of entries in memory, over all windows."""
        return sum(store.entries for store in self._distinct_stores())

    @property
    def entries_of_windows(self) -> int:
        """About the number of entries of each window, those that windows share counted for each."""
        return sum(store.entries_of(window) for window, store in self._stores.items())

    @property
    def oldest_ms(self) -> int | None:
        """The event time of the oldest entry, of very many from a sample; None without entries."""
        oldest = [entry for store in self._distinct_stores() for entry in store.oldest()]
        return time_of(min(oldest)) if oldest else None

    @property
    def bytes(self) -> int:
        """An estimate of the memory that the windows take."""
        return estimate_bytes(self._distinct_stores())

    def _distinct_stores(self) -> list[WindowStore]:
        """Return each store once, however many windows share it."""
        return list(dict.fromkeys(self._stores.values()))

    def require(self, aggregations: Iterable[Aggregation], groups: Mapping[Window, int] | None = None) -> list[Window]:
        """Create an empty state store for each window that has none; some of these windows may share one.

        Args:
            aggregations: The aggregations of the windows.
            groups: Windows that may share one, by number; None where all may.

        Returns:
            Those windows: `add` what they should hold, `only` to them.
        """
        aggregations = list(aggregations)
        new = list(dict.fromkeys(each.window for each in aggregations if each.window not in self._stores))
        self._stores |= create_stores(
            new, {each.window for each in aggregations if each.every_row}, self._lateness, self._layout, groups
        )
        self._plan = None
        for aggregation in aggregations:
            store = self._stores[aggregation.window]
            store.where = aggregation.where
            if isinstance(store, MatchStore):
                store.rule = aggregation.rule
        return new

    def retain(self, windows: Collection[Window]) -> None:
        """Drop the state stores of all other windows."""
        self._plan = None
        self._stores = {window: store for window, store in self._stores.items() if window in windows}
        for store in self._distinct_stores():
            if isinstance(store, SharedStore):
                store.retain(windows)

    def add(
        self, columns: Columns, rows: int, *, clock: Ints | None = None, only: Collection[Window] | None = None
    ) -> None:
        """Add rows to windows without returning matches: this restores what was there.

        Rules whose matches are kept are evaluated.

        Args:
            columns: By name: the id, the event time, and what the windows and their conditions need.
            rows: The number of rows, in the order of the log.
            clock: For each row what the watermark is taken from; its event time where there is none.
            only: The windows to add them to; None for all.

        Raises:
            ValueError: A window can't be kept on these columns.
        """
        stores = {window: store for window, store in self._stores.items() if only is None or window in only}
        matches = {window: store for window, store in stores.items() if isinstance(store, MatchStore)}
        if only is not None and matches:
            self._filler(matches).add(columns, rows, clock=clock)
            stores = {window: store for window, store in stores.items() if window not in matches}
        distinct = list(dict.fromkeys(stores.values()))
        batch = self._read(columns, rows, clock, distinct)
        if batch is None:
            return
        if only is None and matches:
            evaluate(batch, self._plan_of(()), self._stores, 0)
        else:
            for store in distinct:
                store.add(batch)

    def add_labels(
        self, columns: Columns, rows: int, arrived: Ints, *, only: Collection[Window] | None = None
    ) -> int | None:
        """Add labels of transactions to the windows over labels. The watermark stays where it is.

        Args:
            columns: By name: the id, the event time and what the windows need of each label's transaction; and `LABEL`,
                whether it is fraud.
            rows: The number of labels, in the order of the log.
            arrived: When each label arrived, in milliseconds since the epoch. It counts from then on, and not before
                the window's delay after its transaction.
            only: The windows to add them to; None for all.

        Returns:
            The latest time from which one of them counts; None without any.

        Raises:
            ValueError: A window can't be kept on these columns.
        """
        windows = [window for window in self._stores if only is None or window in only]
        delays = {window.delay_ms for window in windows if window.delay_ms is not None} if rows else set()
        latest: int | None = None
        for delay_ms in sorted(delays):
            stores = list(dict.fromkeys(self._stores[window] for window in windows if window.delay_ms == delay_ms))
            times = np.maximum(np.asarray(arrived, np.int64), columns[EVENT_TIME] + delay_ms)
            for store in stores:
                store.prepare(columns)
            batch = RowBatch(
                {**columns, EVENT_TIME: times},
                rows,
                np.full(rows, np.iinfo(np.int64).min),
                self._layout,
                lateness_ms=self._lateness,
                watermark=self._watermark,
                order=self._order,
                of_labels=True,
            )
            for store in stores:
                store.add(batch)
            latest = max(int(times.max()), latest or 0)
        self._order += rows
        return latest

    @property
    def has_label_windows(self) -> bool:
        """Return whether there are windows over labels."""
        return any(window.delay_ms is not None for window in self._stores)

    def evaluate(
        self,
        columns: Columns,
        rows: int,
        rules: Sequence[Rule],
        *,
        clock: Ints | None = None,
        aggregations: Sequence[Aggregation] = (),
        features: Sequence[Feature] = (),
    ) -> Evaluation:
        """Add rows to all windows, and evaluate rules on each over what was read up to it.

        Args:
            columns: By name: the id, the event time, and what the rules, features and windows need. Features that were
                computed before are taken from here.
            rows: The number of rows, in the order of the log.
            rules: The rules; their windows must be there (`require`).
            clock: For each row what the watermark is taken from; its event time where there is none.
            aggregations: Aggregations whose results are returned for every row; their limits make no difference.
            features: Features that are computed for every row, for rules and as a result; each after those that it is
                computed from.

        Raises:
            ValueError: A window is not there, or can't be kept on these columns.
        """
        plan = self._plan_of(tuple(rules), tuple(aggregations), tuple(features))
        self._filling = None
        batch = self._read(columns, rows, clock, self._distinct_stores())
        if batch is None:
            return Evaluation((), 0, [()] * len(aggregations), {each.name: np.empty(0) for each in features})
        return evaluate(batch, plan, self._stores, self._contributors)

    def commit(self, *, written: bool = False) -> None:
        """Keep what was read since the last commit, and evict what is too old for every later row.

        Args:
            written: Whether all that `unwritten` returned is written.
        """
        self._committed = (self._watermark, self._order, dict(self._layout.slots))
        if self._filling is not None:
            self._filling.commit()
        for store in self._distinct_stores():
            store.commit(_BEFORE_ALL if self._watermark is None else self._watermark, written=written)

    def rollback(self) -> None:
        """Undo everything since the last commit."""
        self._watermark, self._order, slots = self._committed
        self._layout.slots = dict(slots)
        if self._filling is not None:
            self._filling.rollback()
        for store in self._distinct_stores():
            store.rollback()

    @property
    def head(self) -> StateHead:
        """The state besides its entries, uncommitted rows included."""
        shared = [store.windows for store in self._distinct_stores() if isinstance(store, SharedStore)]
        groups = tuple((window, number) for number, windows in enumerate(shared, 1) for window in windows)
        return StateHead(self._watermark, self._order, tuple(self._layout.slots.items()), groups)

    @property
    def recorded(self) -> frozenset[Window]:
        """The windows whose added entries are recorded."""
        return frozenset(window for window, store in self._stores.items() if store.added.is_recorded)

    def record(self) -> None:
        """Record from now on the entries that are added to the present windows."""
        for store in self._stores.values():
            store.added.record()

    def unwritten(self) -> list[WindowEntries]:
        """Return the entries that were recorded since they were last written, uncommitted ones included."""
        return [
            WindowEntries(window, keys, entries)
            for window, store in self._stores.items()
            for keys, entries in store.added.unwritten
            if entries
        ]

    def walk(self) -> Walk:
        """Return a walk over all entries of the recorded windows."""
        return Walk({window: store for window, store in self._stores.items() if store.added.is_recorded})

    def slice(self, walk: Walk, limit: int) -> tuple[list[WindowEntries], Cursor]:
        """Return the next slice of a walk (see `Walk.slice`)."""
        return walk.slice(self._stores, limit)

    @classmethod
    def of_entries(
        cls, head: StateHead, builder: StateBuilder, aggregations: Iterable[Aggregation], **settings: int
    ) -> "WindowState":
        """Return the state of some entries, all of which are recorded as written.

        Args:
            head: The rest of the state.
            builder: The entries; it is emptied.
            aggregations: The aggregations whose windows are kept.
            settings: `lateness_ms` and `contributors`.
        """
        state = cls(**settings)
        state._layout = EntryLayout(head.slots)
        state._watermark, state._order = head.watermark_ms, head.order
        # Entries that were packed for one window may be without what another needs, if they were not shared.
        state.require(aggregations, dict(head.groups))
        watermark = _BEFORE_ALL if head.watermark_ms is None else head.watermark_ms
        for store in state._distinct_stores():
            builder.fill(store, bound(watermark - store.window.over_ms - state._lateness + 1), watermark)
        state.commit()
        state.record()
        return state

    def dump(self) -> Snapshot:
        """Return a snapshot of what matters for later rows: the same for states that evaluate alike."""
        head = {
            "lateness_ms": self._lateness,
            "contributors": self._contributors,
            "watermark_ms": self._watermark,
            "slots": list(self._layout.slots.items()),
        }
        return encode_snapshot(
            head, {window: store.contents(self._watermark, window) for window, store in self._stores.items()}
        )

    @classmethod
    def load(cls, snapshot: Snapshot) -> "WindowState":
        """Return the state of a snapshot, without conditions: `require` the aggregations before anything is read."""
        head, order, contents = decode_snapshot(snapshot)
        state = cls(lateness_ms=head["lateness_ms"], contributors=head["contributors"])
        state._layout = EntryLayout((name, is_text) for name, is_text in head["slots"])
        for window, by_key in contents.items():
            state._stores[window] = create_store(window, state._lateness, state._layout)
            if by_key:
                watermark = head["watermark_ms"]
                state._stores[window].load(by_key, _BEFORE_ALL if watermark is None else watermark)
        state._watermark, state._order = head["watermark_ms"], order
        state.commit()
        return state

    def _plan_of(
        self, rules: tuple[Rule, ...], aggregations: tuple[Aggregation, ...] = (), features: tuple[Feature, ...] = ()
    ) -> EvaluationPlan:
        """Return the plan of an evaluation."""
        plan, asked = self._plan, (rules, aggregations, features)
        if plan is None or (plan.rules, plan.aggregations, plan.features) != asked:
            kept = ((window, store) for window, store in self._stores.items() if isinstance(store, MatchStore))
            keeping = {window: store.rule for window, store in kept if store.rule is not None}
            shared = {window for window, store in self._stores.items() if isinstance(store, SharedStore)}
            plan = self._plan = EvaluationPlan(rules, self._stores, aggregations, keeping, features, shared=shared)
        return plan

    def _filler(self, matches: Mapping[Window, MatchStore]) -> "WindowState":
        """Return a state that fills windows of kept matches: other windows of their rules may be ahead."""
        filling = self._filling
        if filling is None or not matches.keys() <= set(filling.windows):
            filling = self._filling = WindowState(lateness_ms=self._lateness, contributors=0)
            for store in matches.values():
                if store.rule is not None:
                    filling.require(store.rule.aggregations)
                    filling.require(each.aggregation for each in store.rule.features if each.aggregation)
            filling._stores |= matches
        return filling

    def _read(
        self, columns: Columns, rows: int, clock: Ints | None, stores: Collection[WindowStore]
    ) -> RowBatch | None:
        """Return rows ready for windows, and advance the watermark; None if there are none."""
        if not rows:
            return None
        for store in stores:
            store.prepare(columns)
        batch = RowBatch(
            columns,
            rows,
            clock,
            self._layout,
            lateness_ms=self._lateness,
            watermark=self._watermark,
            order=self._order,
        )
        if any(store.where is None and not isinstance(store, MatchStore) for store in stores):
            batch.entries(None)  # all at once, not first those of another window's condition
        self._watermark = batch.watermark
        self._order += rows
        return batch
