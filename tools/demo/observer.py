"""Watches the output topics while the pipeline runs: counts, ids, latencies, the latest suspicious transactions."""

from collections import deque
from collections.abc import Sequence

import numpy as np
from confluent_kafka import Message

from services.streaming.clients import KafkaClients
from tools.demo.columns import TransactionDecoder, empty_ids
from tools.demo.latency import LatencyHistogram
from tools.demo.offsets import Offsets
from tools.demo.reading import TopicReader, now_ms
from tools.demo.summary import Counted, Ids
from tools.demo.view import Suspicious

SHOWN = 10


class Tally:
    """Counts the messages of one topic and keeps the ids of those that could be decoded."""

    def __init__(self) -> None:
        self.messages = 0
        self._ids: list[Ids] = [empty_ids()]

    def add(self, messages: int, ids: Ids) -> None:
        """Count some more."""
        self.messages += messages
        self._ids.append(ids)

    @property
    def counted(self) -> Counted:
        """What was counted so far."""
        return Counted(self.messages, np.concatenate(self._ids))


class Observer:
    """Reads the output topics as any independent consumer would.

    Args:
        clients: Makes the consumer.
        decoder: Decodes the messages.
        starts: Where this run begins in each partition of the output topics.
        fraud_topic: Whose messages are kept for showing.
        dead_letter_topic: Whose messages have no latency: they were not judged.
    """

    def __init__(
        self,
        clients: KafkaClients,
        decoder: TransactionDecoder,
        starts: Offsets,
        *,
        fraud_topic: str,
        dead_letter_topic: str,
    ) -> None:
        self._reader = TopicReader(clients, starts)
        self._decoder = decoder
        self._fraud_topic = fraud_topic
        self._dead_letter_topic = dead_letter_topic
        self.topics = {topic: Tally() for topic, _partition in starts}
        self.latency = LatencyHistogram()
        self._latest: deque[bytes] = deque(maxlen=SHOWN)

    def step(self, timeout: float) -> None:
        """Take in what has been committed, after waiting up to ``timeout`` seconds for something."""
        messages = self._reader.read(timeout)
        if messages:
            self._take(messages, now_ms())

    def has_reached(self, ends: Offsets) -> bool:
        """Whether everything before these offsets was taken in."""
        return self._reader.has_reached(ends)

    def latest_suspicious(self) -> tuple[Suspicious, ...]:
        """The transactions that came last on the fraud topic, latest first."""
        return self._decoder.latest(self._latest)

    def close(self) -> None:
        """Close the consumer."""
        self._reader.close()

    def _take(self, messages: Sequence[Message], seen_ms: int) -> None:
        values: dict[str | None, list[bytes | None]] = {topic: [] for topic in self.topics}
        for message in messages:
            values[message.topic()].append(message.value())
        for topic, tally in self.topics.items():
            if not values[topic]:
                continue
            batch = self._decoder.batch(values[topic])
            tally.add(len(values[topic]), batch.ids)
            if topic != self._dead_letter_topic:
                self.latency.add(seen_ms - batch.created_ms)
            if topic == self._fraud_topic:
                self._latest.extend(value for value in values[topic][-SHOWN:] if value)


def count_topic(
    clients: KafkaClients, decoder: TransactionDecoder, starts: Offsets, ends: Offsets
) -> tuple[Counted, float]:
    """Read what is between two sets of offsets, read committed.

    Returns:
        What was counted, and the seconds from the creation of the first to that of the last transaction.
    """
    tally = Tally()
    first, last = np.iinfo(np.int64).max, 0
    reader = TopicReader(clients, starts)
    try:
        while not reader.has_reached(ends):
            values = [
                message.value()
                for message in reader.read(1.0)
                if (message.offset() or 0) < ends[str(message.topic()), int(message.partition() or 0)]
            ]
            if values:
                batch = decoder.batch(values)
                tally.add(len(values), batch.ids)
                first = min(first, int(batch.created_ms.min(initial=first)))
                last = max(last, int(batch.created_ms.max(initial=last)))
    finally:
        reader.close()
    return tally.counted, max(0, last - first) / 1000
