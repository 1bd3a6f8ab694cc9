"""The state store of a window whose result without the evaluated row does not follow from the result with it."""

from typing import Any

import numpy as np

from services.rules.rule_match import AggregateValue
from services.rules.windows.row_batch import RowBatch
from services.rules.windows.window_store import WindowStore


class PastStore(WindowStore):
    """The entries of a window of minima, maxima or distinct values.

    What is without a row is aggregated before the row is added.
    """

    def evaluate_past(  # noqa: PLR0912 - no calls in it
        self, batch: RowBatch, *, with_own: bool
    ) -> tuple[list[AggregateValue] | None, list[AggregateValue]]:
        """Add the rows of a batch, and aggregate for each over the rows before it.

        Args:
            batch: The rows.
            with_own: Whether to aggregate over the rows up to it as well.

        Returns:
            The results with the row itself, or None, and those without it.
        """
        keys, get, note_new, read = self.keys, self.keys.get, self._new_keys.append, self._read
        state_type, of_single = self._state_type, self._state_type.of_single
        selection, adding, _ = self._select(batch, np.ones(batch.rows, np.bool_))
        self._unpack(selection.keys(self.window.by))
        values: list[AggregateValue] = []
        past: list[AggregateValue] = []
        nothing = state_type(()).aggregate(b"", b"", read)
        for key, entry, since, adds in zip(
            selection.keys(self.window.by),
            selection.entries,
            selection.since(self.window.over_ms),
            adding,
            strict=False,
        ):
            state: Any = get(key)
            if state is None:
                past.append(nothing)
                if adds:
                    state = keys[key] = entry
                    note_new(key)
            elif type(state) is bytes:
                past.append(of_single(state, read) if since <= state < entry else nothing)
                if adds:
                    state = self.pair(key, state, entry)
            else:
                past.append(state.aggregate(since, entry, read))
                if not adds:
                    pass
                elif entry > state[-1]:
                    state.append(entry)
                else:
                    state.add(entry, read)
            if not with_own:
                continue
            if not adds:
                values.append(past[-1])
            elif state is entry:
                values.append(of_single(entry, read))
            else:
                values.append(state.aggregate(since, entry, read))
        return values if with_own else None, past
