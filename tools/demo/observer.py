"""Reads topics while the pipeline runs, as any independent consumer would: totals, latencies, the latest alerts."""

import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np

from services.contracts import MessageRecords, Registry, Schema, TopicContract
from services.errors import ContractError, PoisonError
from services.history.columns import MessageColumns
from services.streaming.clients import KafkaClients
from services.streaming.record_headers import read_headers
from tools.demo.summary import TopicTotals
from tools.harness.latency_histogram import LatencyHistogram
from tools.topics.reader import Offsets, TopicReader

if TYPE_CHECKING:
    from confluent_kafka import Message

SHOWN = 10


class Observer:
    """Reads partitions, read committed and in no group.

    Args:
        clients: Makes the consumer.
        registry: Knows the schemas of the messages.
        schema: The transactions' schema.
        starts: The first offset to read of each partition.
        ends: The offset to read up to of each partition, not including it; None for no limit.
        verdict_topics: The topics whose messages have a latency.
        alerts: The topic of alerts, the latest of which are shown and which are not counted; None without one.
    """

    def __init__(
        self,
        clients: KafkaClients,
        registry: Registry,
        schema: Schema,
        starts: Offsets,
        ends: Offsets | None = None,
        *,
        verdict_topics: Sequence[str] = (),
        alerts: TopicContract | None = None,
    ) -> None:
        self._alerts_topic = alerts.name if alerts else ""
        self.totals = {topic: TopicTotals() for topic, _ in starts if topic != self._alerts_topic}
        self.latency = LatencyHistogram()
        self._columns = MessageColumns(registry, schema, ["id", "created_at"])
        self._records = MessageRecords(registry, alerts.required_schema if alerts else schema)
        self._verdict_topics = verdict_topics
        self._alerts: deque[Message] = deque(maxlen=SHOWN)
        # A broker answers that nothing more is there after fetch.wait.max.ms, which is what the end of a run waits for.
        consumer = clients.consumer("demo-observer", enable_partition_eof=True, fetch_wait_max_ms=100)
        self.reader = TopicReader(consumer, starts, ends)

    def step(self, timeout: float) -> None:
        """Take in the committed messages that are there, after waiting up to `timeout` seconds for a first one.

        Raises:
            Unavailable: The consumer has failed for good, or the registry can't be asked.
        """
        messages, seen_ms = self.reader.read(timeout), time.time_ns() // 1_000_000
        by_topic: dict[str, list[Message]] = {}
        for message in messages:
            by_topic.setdefault(str(message.topic()), []).append(message)
        self._alerts.extend(by_topic.pop(self._alerts_topic, ())[-SHOWN:])
        for topic, batch in by_topic.items():
            table = {"id": np.empty(0, "S36"), "created_at": np.empty(0, np.int64)} | self._columns.decode(batch)[1]
            created_ms = table["created_at"]
            self.totals[topic].add(len(batch), table["id"], created_ms)
            if topic in self._verdict_topics:
                self.latency.add(seen_ms - created_ms)

    def alerts(self) -> tuple[dict[str, Any], ...]:
        """The alerts that came last, latest first."""
        records = []
        for message in self._alerts:
            with suppress(PoisonError, ContractError):
                records.append(self._records.decode(message.value(), read_headers(message)))
        return tuple(sorted(records, key=lambda record: record["detected_at"], reverse=True))
