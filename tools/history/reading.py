"""Reads a topic once, read committed, in no group: from its beginning or a moment on, to where it ends now."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from services.errors import Unavailable
from services.streaming.clients import KafkaClients
from services.streaming.failures import reason

_TIMEOUT = 10.0
_BATCH = 10_000


class PastReader:
    """Reads what is in a topic now.

    Args:
        clients: Makes the consumer.
        topic: The topic.
        partitions: How many partitions it has.

    Every method raises Unavailable if the brokers don't answer.
    """

    def __init__(self, clients: KafkaClients, topic: str, partitions: int) -> None:
        self._consumer: Consumer = clients.consumer("history", enable_partition_eof=True, fetch_wait_max_ms=100)
        self._partitions = [TopicPartition(topic, number) for number in range(partitions)]

    def bounds(self) -> tuple[list[int], list[int]]:
        """The first offset of each partition, and the one after its last."""
        try:
            found = [self._consumer.get_watermark_offsets(one, timeout=_TIMEOUT) for one in self._partitions]
        except KafkaException as error:
            raise _unavailable(error) from error
        return [int(low) for low, _ in found], [int(high) for _, high in found]

    def offsets_at(self, moment: datetime, otherwise: Sequence[int]) -> list[int]:
        """The first offset of each partition whose message's timestamp is no earlier; `otherwise` where none is."""
        wanted = [TopicPartition(one.topic, one.partition, int(moment.timestamp() * 1000)) for one in self._partitions]
        try:
            found = self._consumer.offsets_for_times(wanted, timeout=_TIMEOUT)
        except KafkaException as error:
            raise _unavailable(error) from error
        return [one.offset if one.offset >= 0 else last for one, last in zip(found, otherwise, strict=True)]

    def read(self, starts: Sequence[int], ends: Sequence[int]) -> Iterator[list[Message]]:
        """The committed messages from some offsets to before others; of each partition in its order."""
        unfinished = {number for number, (start, end) in enumerate(zip(starts, ends, strict=True)) if start < end}
        self._consumer.assign(
            [TopicPartition(self._partitions[number].topic, number, starts[number]) for number in sorted(unfinished)]
        )
        while unfinished:
            first = self._consumer.consume(1, 0.2)
            messages = [*first, *self._consumer.consume(_BATCH, 0)] if first else []
            yield [message for message in messages if self._is_wanted(message, ends, unfinished)]

    def close(self) -> None:
        """Close the consumer."""
        self._consumer.close()

    @staticmethod
    def _is_wanted(message: Message, ends: Sequence[int], unfinished: set[int]) -> bool:
        number, offset, error = int(message.partition() or 0), int(message.offset() or 0), message.error()
        if error is None:
            if offset + 1 >= ends[number]:
                unfinished.discard(number)
            return offset < ends[number]
        if error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - its public name
            # The last offsets may be markers of transactions, or hidden behind one that is still open.
            unfinished.discard(number)
        elif error.fatal():
            raise Unavailable(f"can't read {message.topic()}: {error.str()}") from KafkaException(error)
        return False


def _unavailable(error: KafkaException) -> Unavailable:
    return Unavailable(f"the broker did not answer: {reason(error)}; is it still up?")
