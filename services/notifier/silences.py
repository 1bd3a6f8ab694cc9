"""Silences: alerts of which nobody is told for a time, with who wanted that and why."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from services.notifier.alert import Alert
from services.notifier.events import moment
from services.notifier.matching import Condition, Matcher

MAX_SECONDS = 60 * 86_400
"""The longest silence: the topic keeps records for longer."""


@dataclass(frozen=True)
class Silence:
    """A silence; the attributes are those of the record payments.Silence, times in seconds since the epoch."""

    id: UUID
    matcher: Matcher
    author: str
    reason: str
    starts_at: float
    ends_at: float
    recorded_at: float

    def record(self) -> dict[str, Any]:
        """Return the record of the silence."""
        return {
            "id": self.id,
            "matchers": [
                {
                    "field": condition.field,
                    "values": list(condition.patterns),
                    "at_least": condition.at_least,
                    "at_most": condition.at_most,
                }
                for condition in self.matcher.conditions
            ],
            "author": self.author,
            "reason": self.reason,
            "starts_at": moment(self.starts_at),
            "ends_at": moment(self.ends_at),
            "recorded_at": moment(self.recorded_at),
        }

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> "Silence":
        """Return the silence of a decoded record."""
        conditions = (
            Condition(each["field"], tuple(each["values"]), each["at_least"], each["at_most"])
            for each in record["matchers"]
        )
        return cls(
            id=record["id"],
            matcher=Matcher(tuple(conditions)),
            author=record["author"],
            reason=record["reason"],
            starts_at=record["starts_at"].timestamp(),
            ends_at=record["ends_at"].timestamp(),
            recorded_at=record["recorded_at"].timestamp(),
        )

    def holds_at(self, now: float) -> bool:
        """Return whether the silence holds at a time."""
        return self.starts_at <= now < self.ends_at


class Silences:
    """The newest record of each silence."""

    def __init__(self) -> None:
        self._silences: dict[UUID, Silence] = {}

    def put(self, silence: Silence) -> None:
        """Add a silence, or replace the one of its id."""
        self._silences[silence.id] = silence

    def __iter__(self) -> Iterator[Silence]:
        return iter(self._silences.values())

    def silencing(self, alert: Alert, now: float) -> Silence | None:
        """Return a silence that holds for an alert now; None where there is none."""
        for silence in self._silences.values():
            if silence.holds_at(now) and silence.matcher.matches(alert):
                return silence
        return None

    def forget_ended(self, now: float) -> None:
        """Drop the silences that are over."""
        self._silences = {id_: silence for id_, silence in self._silences.items() if silence.ends_at > now}
