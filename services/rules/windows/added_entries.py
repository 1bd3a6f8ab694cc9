"""The entries that were added to a store: since the last commit, to be undone; and since they were last written."""

from collections.abc import Iterator, Sequence
from typing import Any

from services.rules.windows.entries import Entry

Batch = tuple[Sequence[Any], Sequence[Entry]]
"""The keys and the entries of some rows, in the order of adding."""


class AddedEntries:
    """The added entries of one store, by batch."""

    def __init__(self) -> None:
        self._uncommitted: list[Batch] = []
        self._unwritten: list[Batch] | None = None

    @property
    def is_recorded(self) -> bool:
        """Return whether entries are recorded for `unwritten`."""
        return self._unwritten is not None

    @property
    def unwritten(self) -> list[Batch]:
        """The batches since the last write, or since recording began; uncommitted entries are included."""
        return [*self._unwritten, *self._uncommitted] if self._unwritten is not None else []

    def add(self, keys: Sequence[Any], entries: Sequence[Entry]) -> None:
        """Note entries that are added."""
        self._uncommitted.append((keys, entries))

    def record(self) -> None:
        """Begin to record entries for `unwritten`, if that has not begun."""
        if self._unwritten is None:
            self._unwritten = []

    def commit(self, *, written: bool) -> None:
        """Keep what was added.

        Args:
            written: Whether everything in `unwritten` is written.
        """
        if self._unwritten is not None:
            self._unwritten = [] if written else self.unwritten
        self._uncommitted = []

    def undo(self) -> Iterator[tuple[Any, Entry]]:
        """Yield the keys and entries since the last commit, newest first, and forget them."""
        uncommitted, self._uncommitted = self._uncommitted, []
        for keys, entries in reversed(uncommitted):
            yield from zip(reversed(keys), reversed(entries), strict=True)
