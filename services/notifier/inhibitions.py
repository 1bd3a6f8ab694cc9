"""Inhibition: an alert is not told while a worse one of the same account is fresh."""

from collections.abc import Sequence
from uuid import UUID

from services.notifier.alert import Alert
from services.notifier.model import Inhibition


class Inhibitions:
    """The alerts that suppress others.

    Args:
        inhibitions: What suppresses what.
    """

    def __init__(self, inhibitions: Sequence[Inhibition]) -> None:
        self._inhibitions = inhibitions
        # By rule of inhibition and values of its equal fields: the newest source, and when it came.
        self._sources: dict[tuple[int, tuple[str, ...]], tuple[UUID, float]] = {}

    def observe(self, alert: Alert, at: float) -> None:
        """Note an alert that may suppress others.

        Args:
            alert: The alert.
            at: When it came, in seconds since the epoch.
        """
        for number, inhibition in enumerate(self._inhibitions):
            if inhibition.source.matches(alert):
                values = tuple(map(alert.label, inhibition.equal))
                self._sources[number, values] = alert.id, at

    def inhibiting(self, alert: Alert, now: float) -> UUID | None:
        """Return the id of an alert that suppresses another one now; None where there is none."""
        for number, inhibition in enumerate(self._inhibitions):
            source, at = self._sources.get((number, tuple(map(alert.label, inhibition.equal))), (None, 0.0))
            if source is None or source == alert.id or now >= at + inhibition.duration:
                continue
            if inhibition.target.matches(alert) and not inhibition.source.matches(alert):
                return source
        return None

    def forget_old(self, now: float) -> None:
        """Drop the sources that suppress nothing any more."""
        self._sources = {
            key: (alert, at)
            for key, (alert, at) in self._sources.items()
            if now < at + self._inhibitions[key[0]].duration
        }
