"""The notifier's settings, from environment variables."""

import time
from pathlib import Path

from pydantic import Field, field_validator

from services.rules.aggregations import read_duration
from services.streaming.settings import ServiceSettings
from services.streaming.start_offsets import StartFrom

DEFAULT_NOTIFICATIONS = Path(__file__).with_name("notifications.toml")
"""The notifier's own file."""


class NotifierSettings(ServiceSettings):
    """The notifier's settings; docs/settings.md lists them with their meaning.

    Attributes:
        alerts_topic: The topic of alerts that is read.
        notifications_topic: The topic of what became of each alert.
        silences_topic: The topic of silences.
        decisions_topic: The topic of people's decisions; read for the daily report where contracts.toml has it.
        legit_topic: The topic of transactions on which no rule fired; counted for the daily report.
        fraud_topic: The topic of transactions on which a rule fired; counted for the daily report.
        notifications_file: Who is told what; read again when it changes.
        notifier_group: The consumer group; of the notifiers in it one works, the others stand by.
        start_notifying_from: Where a group begins that has no committed offsets: `beginning`, `end`, a time, or a
            duration before now, such as 1h.
        retry_timeout: Seconds to go on trying when the brokers fail while running.
    """

    alerts_topic: str = "streaming.alerts"
    notifications_topic: str = "streaming.notifications"
    silences_topic: str = "streaming.silences"
    decisions_topic: str = "streaming.decisions"
    legit_topic: str = "streaming.transactions.legit"
    fraud_topic: str = "streaming.transactions.fraud"
    notifications_file: Path = DEFAULT_NOTIFICATIONS
    notifier_group: str = Field(default="fraud-notifier", min_length=1)
    start_notifying_from: str = "1h"
    retry_timeout: float = Field(default=300, gt=0)

    @field_validator("start_notifying_from")
    @classmethod
    def _start(cls, value: str) -> str:
        start_from(value, 0.0)
        return value


def start_from(text: str, now: float | None = None) -> StartFrom:
    """Return the start that a setting names.

    Args:
        text: A duration before now, or what `StartFrom.parse` reads.
        now: Seconds since the epoch; by default the present.

    Raises:
        ValueError: The text is neither.
    """
    try:
        duration = read_duration(text)
    except ValueError:
        return StartFrom.parse(text)
    return StartFrom(max(1, round((time.time() if now is None else now) * 1000) - duration))
