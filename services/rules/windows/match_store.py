"""The state store of the matches of a rule with `alert_every`, which decides which of them become alerts."""

from bisect import bisect_left

from services.rules.model import Columns, Rule
from services.rules.windows.byte_rows import key_objects
from services.rules.windows.entries import Entry, Ints, bound
from services.rules.windows.row_batch import RowBatch
from services.rules.windows.window_store import WindowStore


class MatchStore(WindowStore):
    """The matches of a rule by key, over two intervals of `alert_every`.

    The first match of a key in an interval becomes an alert: docs/decisions/0021-one-alert-per-situation.md.

    Attributes:
        rule: The rule; None as long as it is not known, after a snapshot was loaded.
    """

    rule: Rule | None = None

    def prepare(self, columns: Columns) -> None:  # noqa: ARG002 - the rule's own windows need them
        """Check that the rule is known.

        Raises:
            ValueError: It is not.
        """
        if self.rule is None:
            raise ValueError("a rule with alert_every is not in a snapshot; require() its window after load()")

    def add_matches(self, batch: RowBatch, rows: Ints) -> dict[int, int]:
        """Add rows of a batch that the rule matched.

        Returns:
            By row of those that become alerts the number of matches of its key that were suppressed in the interval
            before.
        """
        interval = self.window.over_ms // 2
        expired = batch.row_times.of(rows).expired(self.window.over_ms).tolist()
        alerts: dict[int, int] = {}
        added_keys: list[object] = []
        added: list[Entry] = []
        for row, key, entry, time, expires in zip(
            rows.tolist(),
            key_objects([batch.columns[name][rows] for name in self.window.by]),
            batch.entries(rows),
            batch.times[rows].tolist(),
            expired,
            strict=True,
        ):
            state = self.state_of(key)
            start = time - time % interval
            end = bisect_left(state, bound(start + interval))
            begin = bisect_left(state, bound(max(start, expires + 1)), 0, end)
            if begin == end:
                end = bisect_left(state, bound(start))
                before = end - bisect_left(state, bound(max(start - interval, expires + 1)), 0, end)
                alerts[row] = max(before - 1, 0)
            if time > expires:
                self._add_entry(key, entry)
                added_keys.append(key)
                added.append(entry)
        self.added.add(added_keys, added)
        self.entries += len(added)
        return alerts

    def _add_entry(self, key: object, entry: Entry) -> None:
        state = self.keys.get(key)
        if state is None:
            self.keys[key] = entry
            self._new_keys.append(key)
        elif type(state) is bytes:
            self.pair(key, state, entry)
        else:
            state.add(entry, self._read)
