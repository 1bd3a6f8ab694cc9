"""The state of a window of silence, of which an entry a key is enough once the lateness has passed."""

from services.detector.rules.model import Mask, Measure, Window
from services.detector.windows.batch import Batch
from services.detector.windows.entries import Entry, Layout, bound
from services.detector.windows.keyed import Kept, Raw
from services.detector.windows.window import Figures, KeptWindow

_LAST = b"\xff" * 14
"""Behind every entry."""


class KeptSilence(KeptWindow):
    """By key the latest of the entries that are settled, and those that aren't.

    An entry is settled when it is as old as the lateness. No row that isn't late can tell whether there was one in
    front of the latest settled entry.
    """

    def judge(self, batch: Batch, wanted: Mask, at_least: int) -> Figures:
        """Keeps the rows of a batch, and takes the silence before some of them."""
        since = batch.since(self.window, self._lateness)
        back = batch.back(at_least)
        late = batch.late(self._lateness).tolist()
        kept, get, fresh, kind, read = self.keys, self.keys.get, self._fresh.append, self._kind, self._read
        rows: list[int] = []
        figures: list[Raw] = []
        for row, key, entry, adds, wants in self._rows(batch, wanted):
            held = get(key)
            if adds:
                if held is None:
                    held = kept[key] = entry
                    fresh(key)
                elif type(held) is bytes:
                    held = kept[key] = kind((held, entry) if held < entry else (entry, held))
                elif entry > held[-1]:
                    held.append(entry)
                else:
                    held.add(entry, read)
            if not wants:
                continue
            if held is None or type(held) is bytes:
                if at_least and (held is None or held is entry):
                    continue
                held = kind((held,) if held else ())
            elif held[-1] is entry and held[-2] >= back[row]:
                continue
            rows.append(row)
            figures.append(held.aggregate(self.since(batch, row, held) if late[row] else since[row], entry, read))
        return rows, figures

    def commit(self, watermark: int) -> None:
        """What was added stays; what is too old, or settled and not the latest, goes."""
        settled = bound(watermark - self._lateness + 1)
        kept = self.keys
        for keys, _ in self._added:
            for key in keys:
                held = kept[key]
                if type(held) is bytes or held[1] >= settled:
                    continue
                if len(held) == 2 and held[0] < held[1][:8]:
                    kept[key] = held[1]
                    self.entries -= 1
                else:
                    self.shrink(key, held, held.settled(settled, _LAST))
        super().commit(watermark)

    def since(self, batch: Batch, row: int, held: Kept) -> bytes:
        """From when on entries of its key count for a row."""
        settled = bound(int(batch.watermarks[row]) - self._lateness + 1)
        return max(super().since(batch, row, held), held.settled(settled, batch.entries[row]))

    def alive(self, held: Kept, until: bytes, watermark: int | None) -> list[Entry]:
        """The entries of a key that aren't gone by definition."""
        settled = b"" if watermark is None else held.settled(bound(watermark - self._lateness + 1), _LAST)
        return super().alive(held, max(until, settled), watermark)


def keep(window: Window, lateness_ms: int, layout: Layout) -> KeptWindow:
    """The state for a window, empty."""
    kept = KeptSilence if window.measure is Measure.SILENCE else KeptWindow
    return kept(window, lateness_ms, layout)
