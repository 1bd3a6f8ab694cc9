"""The detector's settings, from environment variables."""

import os
import socket
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Literal

from pydantic import AliasChoices, Field, field_validator

from services.errors import UsageError
from services.streaming.commit_interval import AdaptiveInterval, CommitInterval, FixedInterval
from services.streaming.settings import ServiceSettings
from services.streaming.start_offsets import StartFrom

DEFAULT_RULES = Path(__file__).with_name("rules.toml")
"""The detector's own rules."""

_DEPRECATED = {"STAGE_TOPICS": "REPARTITION_TOPICS"}


TOPIC_OFF = "off"
"""In place of the topic of rules, states or scores: none is written."""


class DetectorSettings(ServiceSettings):
    """The detector's settings; docs/settings.md lists them with their meaning.

    Attributes:
        transactions_topic: The topic of transactions that is read.
        legit_topic: The topic of transactions on which no live rule fired.
        fraud_topic: The topic of transactions on which a live rule fired.
        dead_letter_topic: The topic of records that can't be processed, with the reason of each.
        alerts_topic: The topic of alerts.
        scores_topic: The topic of the scores of models, one for each transaction and model; `off`: none are written.
        rules_topic: The topic of the versions of the rules with their texts; `off`: none are written, and verdicts
            of earlier versions can't be explained.
        consumer_group: The consumer group; detectors of one group share the work.
        suspicious_amount: From this amount on, in units of the currency, a transaction is suspicious.
        commit_interval_ms: Milliseconds that a Kafka transaction lasts, shorter is sooner visible, longer is cheaper;
            `auto`: 100 behind a backlog, else as short as commits are fast.
        instance_id: Names this process among the group's; the next process of that name takes over at once what the
            last one left open, instead of after `transaction.timeout.ms`.
        retry_timeout: Seconds to go on trying when broker or registry fail while running.
        rules_file: What makes a transaction suspicious; read again when it changes.
        repartition_topics: The topics for rules whose key is not the receiver, to which the detector repartitions
            transactions and which it reads itself: ``field=topic``, several separated by commas.
        state_topic: The topic of what windows keep, for short restores; `off`: they are restored from the topics of
            transactions alone, and no window can be longer than these are kept.
        label_windows: Whether labels are read for windows over labels; without, no feature can have such windows.
        labels_topic: The topic of labels.
        input_keyed: Whether the input topic is keyed by the receiver: `verify` looks, `trust` does not, `repartition`
            sends it through a repartition topic that is.
        start_from: Where a group begins that has no committed offsets though there are verdicts: `beginning`, `end`,
            or a time.
        allowed_lateness: Seconds that a transaction may be older than the newest of its partition and still find its
            windows whole.
    """

    transactions_topic: str = "queueing.transactions"
    legit_topic: str = "streaming.transactions.legit"
    fraud_topic: str = "streaming.transactions.fraud"
    dead_letter_topic: str = "queueing.transactions.dlq"
    alerts_topic: str = "streaming.alerts"
    scores_topic: str = TOPIC_OFF
    rules_topic: str = "streaming.rules"
    repartition_topics: str = Field(
        default="target=streaming.transactions.by-target,source=streaming.transactions.by-source",
        validation_alias=AliasChoices("repartition_topics", "stage_topics"),
    )
    state_topic: str = "streaming.transactions.state"
    label_windows: Literal["on", "off"] = "off"
    labels_topic: str = "queueing.transactions.labels"
    input_keyed: Literal["verify", "repartition", "trust"] = "verify"
    start_from: str | None = None
    rules_file: Path = DEFAULT_RULES
    allowed_lateness: float = Field(default=60, ge=0, le=30 * 86_400)
    suspicious_amount: Decimal = Field(default=Decimal(900), ge=0)
    consumer_group: str = Field(default="fraud-detector", min_length=1)
    commit_interval_ms: Literal["auto"] | int = "auto"
    instance_id: str = Field(default_factory=lambda: f"{socket.gethostname()}-{os.getpid()}", min_length=1)
    retry_timeout: float = Field(default=300, ge=0)

    @field_validator("commit_interval_ms", mode="before")
    @classmethod
    def _auto_or_milliseconds(cls, value: object) -> object:
        if value != "auto" and not (str(value).isdecimal() and 1 <= int(str(value)) <= 60_000):
            raise ValueError("expected auto, or a number of milliseconds from 1 to 60000")
        return value

    @field_validator("repartition_topics")
    @classmethod
    def _fields_and_topics(cls, value: str) -> str:
        stages = [stage.split("=") for stage in value.split(",") if stage]
        if any(len(stage) != 2 or not all(stage) for stage in stages):
            raise ValueError("expected field=topic, several separated by commas, such as source=transactions.by-source")
        if len({field for field, _ in stages}) < len(stages):
            raise ValueError("expected each field once")
        return value

    @field_validator("start_from")
    @classmethod
    def _moment(cls, value: str | None) -> str | None:
        if value is not None:
            StartFrom.parse(value)
        return value

    def stages(self, key: str) -> dict[str, str]:
        """Return the topic of each stage by the field that it is keyed by, in order; the input is first.

        Args:
            key: The field that the input topic is keyed by, or is to be; an input that is repartitioned has the key "".

        Raises:
            UsageError: There is no topic to repartition the input by.
        """
        further = dict(stage.split("=") for stage in self.repartition_topics.split(",") if stage)
        if self.input_keyed == "repartition":
            if key not in further:
                raise UsageError(f"REPARTITION_TOPICS: INPUT_KEYED=repartition needs a topic by {key}: {key}=<topic>")
            return {"": self.transactions_topic, key: further.pop(key)} | further
        return {key: self.transactions_topic} | {field: topic for field, topic in further.items() if field != key}

    def commit_interval(self, stage_count: int) -> CommitInterval:
        """Return the time from one commit to the next.

        Args:
            stage_count: Chained Kafka transactions per message.
        """
        if self.commit_interval_ms == "auto":
            return AdaptiveInterval()
        return FixedInterval(self.commit_interval_ms / 1000, stage_count)

    @property
    def output_topics(self) -> tuple[str, str]:
        """The topics of evaluated transactions: legit and fraud."""
        return self.legit_topic, self.fraud_topic


def deprecated_settings(environment: Mapping[str, str]) -> list[str]:
    """Return a line for each variable with a deprecated name, which is still read where the new one is not set."""
    return [
        f"{old} is deprecated: set {new} instead"
        + (f"; {old} is ignored, as {new} is set" if new in environment else "")
        for old, new in _DEPRECATED.items()
        if old in environment
    ]
