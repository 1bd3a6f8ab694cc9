"""Reads topics in no group, from given offsets on."""

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from services.errors import Unavailable
from services.streaming.failures import reason

Partition: TypeAlias = tuple[str, int]
Offsets: TypeAlias = Mapping[Partition, int]

BATCH = 10_000
QUIET_SECONDS = 60.0
_TIMEOUT = 10.0


class TopicReader:
    """Reads partitions from given offsets on.

    Args:
        consumer: With `enable.partition.eof`; closed with the reader.
        starts: The first offset to read of each partition.
        ends: The offset to read up to of each partition, not including it; None for no limit.

    Attributes:
        unfinished: The partitions that were not read up to `ends`, or to the end of the partition without any.
    """

    def __init__(self, consumer: Consumer, starts: Offsets, ends: Offsets | None = None) -> None:
        self._consumer = consumer
        self._ends = ends
        self._reached: dict[Partition, int] = {}
        self.unfinished = {place for place, start in starts.items() if ends is None or start < ends[place]}
        consumer.assign([TopicPartition(topic, number, offset) for (topic, number), offset in starts.items()])

    def read(self, timeout: float, limit: int = BATCH) -> list[Message]:
        """Read the messages that are there, after waiting up to `timeout` seconds for a first one.

        Waiting for one and then taking what else has come keeps a message from waiting for a batch to fill.

        Raises:
            Unavailable: The consumer has failed for good.
        """
        first = self._consumer.consume(1, timeout)
        messages = [*first, *self._consumer.consume(limit, 0)] if first else []
        return [message for message in messages if self._accept(message)]

    def batches(self) -> Iterator[list[Message]]:
        """Read until no partition is unfinished; of each partition in its order.

        Yields:
            Messages; an empty batch now and then while none come.

        Raises:
            Unavailable: The consumer has failed for good, or nothing more comes.
        """
        quiet_since = time.monotonic()
        while self.unfinished:
            messages = self.read(0.2)
            if messages:
                quiet_since = time.monotonic()
            elif time.monotonic() > quiet_since + QUIET_SECONDS:
                places = ", ".join(f"{topic}-{number}" for topic, number in sorted(self.unfinished))
                raise Unavailable(f"{places}: can't be read to the end: nothing came for {QUIET_SECONDS:.0f} s")
            yield messages

    def has_reached(self, ends: Offsets) -> bool:
        """Return whether everything committed before some offsets has been read."""
        return all(self._reached.get(place, 0) >= end for place, end in ends.items() if end)

    def close(self) -> None:
        """Close the consumer."""
        self._consumer.close()

    def _accept(self, message: Message) -> bool:
        """Return whether this is a message before the ends; the end of a partition is noted."""
        place, offset = (str(message.topic()), int(message.partition() or 0)), int(message.offset() or 0)
        error = message.error()
        if error is None:
            if self._ends is None:
                return True
            if offset + 1 >= self._ends[place]:
                self.unfinished.discard(place)
            return offset < self._ends[place]
        if error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - its public name
            # The last offsets may be markers of transactions, or hidden behind one that is still open.
            self.unfinished.discard(place)
            self._reached[place] = offset
        elif error.fatal():
            raise Unavailable(f"can't read {message.topic()}: {error.str()}") from KafkaException(error)
        return False


def offset_bounds(consumer: Consumer, partitions: Sequence[Partition]) -> tuple[Offsets, Offsets]:
    """The first offset of each partition, and the one after its last.

    Raises:
        Unavailable: The brokers don't answer.
    """
    try:
        bounds = {place: consumer.get_watermark_offsets(TopicPartition(*place), _TIMEOUT) for place in partitions}
    except KafkaException as error:
        raise unavailable(error) from error
    return {place: int(low) for place, (low, _) in bounds.items()}, {place: int(h) for place, (_, h) in bounds.items()}


def unavailable(error: KafkaException) -> Unavailable:
    """The error of brokers that don't answer."""
    return Unavailable(f"the broker did not answer: {reason(error)}; is it still up?")
