"""Tracks the alerts that are dealt with: the offset from which a next notifier has to read again."""

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from uuid import UUID

from services.streaming.positions import Partition


class OffsetTracker:
    """Offsets of alerts that are not settled, by partition: the committed offset is that of the oldest.

    Alerts are settled in any order. What was read after the committed offset is read again after a restart; the events
    of notifications say which of it was settled.
    """

    def __init__(self) -> None:
        self._next: dict[Partition, int] = {}
        self._unsettled: dict[Partition, OrderedDict[int, None]] = {}
        self._places: dict[UUID, list[tuple[Partition, int]]] = {}

    def start(self, offsets: Mapping[Partition, int]) -> None:
        """Set the offsets from which partitions are read."""
        self._next |= offsets

    def read(self, partition: Partition, offset: int) -> None:
        """Note that the messages up to an offset were read."""
        self._next[partition] = offset + 1

    def add(self, alert: UUID, partition: Partition, offset: int) -> None:
        """Note an alert that is not settled yet; the same one may be at several places."""
        self._unsettled.setdefault(partition, OrderedDict())[offset] = None
        self._places.setdefault(alert, []).append((partition, offset))

    def settle(self, alert: UUID) -> None:
        """Note that an alert is settled."""
        for partition, offset in self._places.pop(alert, ()):
            del self._unsettled[partition][offset]

    def offsets(self) -> dict[Partition, int]:
        """Return the offset to commit of each partition."""
        return {
            partition: next(iter(self._unsettled.get(partition, ())), following)
            for partition, following in self._next.items()
        }

    def partitions(self) -> Iterable[Partition]:
        """Return the partitions that are read."""
        return self._next.keys()
