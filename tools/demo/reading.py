"""An independent reader of the topics: read committed, in no group, from one set of offsets to another."""

import time
from collections.abc import Sequence

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from services.errors import Unavailable
from services.streaming.clients import KafkaClients
from tools.demo.offsets import Offsets, Partition

BATCH = 10_000


class TopicReader:
    """Reads partitions from given offsets on.

    Args:
        clients: Makes the consumer.
        starts: The first offset to read of each partition.
    """

    def __init__(self, clients: KafkaClients, starts: Offsets) -> None:
        # The broker says that there is nothing more after so many milliseconds: the reader waits for that at the end.
        self._consumer: Consumer = clients.consumer("demo-observer", enable_partition_eof=True, fetch_wait_max_ms=100)
        self._consumer.assign(
            [TopicPartition(topic, partition, offset) for (topic, partition), offset in starts.items()]
        )
        self._reached: dict[Partition, int] = {}

    def read(self, timeout: float) -> Sequence[Message]:
        """The committed messages that are there, after waiting up to ``timeout`` seconds for a first one.

        Waiting for one and then taking what else has come keeps a message from waiting for a batch to fill.

        Raises:
            Unavailable: The consumer has failed for good.
        """
        first = self._consumer.consume(1, timeout)
        if not first:
            return []
        return [message for message in [*first, *self._consumer.consume(BATCH, 0)] if not self._is_event(message)]

    def has_reached(self, ends: Offsets) -> bool:
        """Whether everything committed before these offsets has been handed out."""
        return all(self._reached.get(partition, 0) >= end for partition, end in ends.items() if end)

    def close(self) -> None:
        """Close the consumer."""
        self._consumer.close()

    def _is_event(self, message: Message) -> bool:
        """Whether this is no message but an end of a partition, which is noted, or an error."""
        error = message.error()
        if error is None:
            return False
        if error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - its public name
            # The offset at the end counts the markers of transactions as well, which are never handed out.
            self._reached[str(message.topic()), int(message.partition() or 0)] = int(message.offset() or 0)
        elif error.fatal():
            raise Unavailable(f"can't read {message.topic()}: {error.str()}") from KafkaException(error)
        return True


def now_ms() -> int:
    """The wall clock in whole milliseconds since the epoch, as ``created_at`` has it."""
    return time.time_ns() // 1_000_000
