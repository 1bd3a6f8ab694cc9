"""Creates the state stores of windows: one for each, and one for several that can share entries."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping

from services.rules.model import Measure, Window
from services.rules.windows.entries import EntryLayout
from services.rules.windows.inactivity_store import InactivityStore
from services.rules.windows.label_store import LabelStore
from services.rules.windows.match_store import MatchStore
from services.rules.windows.past_store import PastStore
from services.rules.windows.range_lookup import SIGNS, SUMMED
from services.rules.windows.shared_store import SharedLabelStore, SharedStore
from services.rules.windows.window_store import WindowStore

_STORES: dict[Measure, type[WindowStore]] = {
    Measure.INACTIVITY: InactivityStore,
    Measure.MATCHES: MatchStore,
    Measure.MIN: PastStore,
    Measure.MAX: PastStore,
    Measure.DISTINCT: PastStore,
}
SHARED = (Measure.COUNT, *SUMMED, *SIGNS)
"""The measures whose windows can share entries."""


def create_store(window: Window, lateness_ms: int, layout: EntryLayout) -> WindowStore:
    """Return an empty state store for a window."""
    kind = _STORES.get(window.measure, WindowStore) if window.delay_ms is None else LabelStore
    return kind(window, lateness_ms, layout)


def create_stores(
    windows: Iterable[Window],
    every_row: Collection[Window],
    lateness_ms: int,
    layout: EntryLayout,
    groups: Mapping[Window, int] | None = None,
) -> dict[Window, WindowStore]:
    """Return an empty state store for each of some windows; some share one.

    Args:
        windows: The windows.
        every_row: Windows whose results are needed of every row.
        lateness_ms: Allowed lateness.
        layout: The layout of entries.
        groups: Windows that may share one, by number; None where all may.
    """
    stores: dict[Window, WindowStore] = {}
    sharing: dict[object, list[Window]] = defaultdict(list)
    for window in windows:
        if window in every_row and window.measure in SHARED:
            group = 0 if groups is None else groups.get(window, window)
            sharing[window.by, window.where, window.delay_ms, group].append(window)
        else:
            stores[window] = create_store(window, lateness_ms, layout)
    for together in sharing.values():
        if len(together) == 1:
            stores[together[0]] = create_store(together[0], lateness_ms, layout)
        else:
            kind = SharedStore if together[0].delay_ms is None else SharedLabelStore
            stores |= dict.fromkeys(together, kind(together, lateness_ms, layout))
    return stores
