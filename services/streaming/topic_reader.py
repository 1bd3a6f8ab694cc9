"""Reading of a whole topic, each partition from its beginning to its present end, without a group."""

from collections.abc import Callable, Iterator
from contextlib import closing
from threading import Event

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from services.errors import ContractError, Unavailable
from services.streaming.failures import raise_if_refused, reason

QUIET_SECONDS = 30.0
"""Seconds without a message after which reading fails."""

_BATCH = 1000
_WAIT_SECONDS = 0.2


class TopicReader:
    """Reader of whole topics, committed messages only.

    Args:
        make_consumer: Makes a consumer with the given properties (`_` for `.` in their names).
        stop: Ends reading when set.
    """

    def __init__(self, make_consumer: Callable[..., Consumer], stop: Event | None = None) -> None:
        self._make_consumer = make_consumer
        self._stop = stop or Event()

    def read(self, topic: str, *, await_transactions: bool = False) -> Iterator[list[Message]]:
        """Yield the messages that a topic has at the time of the call, in batches.

        Args:
            topic: The topic.
            await_transactions: Wait for the transactions that are open now: their records, and committed records after
                them, are hidden until they end. Otherwise reading ends before them.

        Raises:
            ContractError: The topic does not exist.
            Unavailable: The brokers do not answer, or a transaction stays open.
            NotAuthorised: The brokers refuse access.
        """
        try:
            # The end of a partition depends on the isolation level: at read_committed it is before open transactions.
            level = "read_uncommitted" if await_transactions else "read_committed"
            with closing(self._make_consumer(isolation_level=level)) as consumer:
                ends = _ends(consumer, topic)
            with closing(self._make_consumer(isolation_level="read_committed", enable_partition_eof=True)) as consumer:
                consumer.assign([TopicPartition(topic, number, start) for number, (start, _end) in ends.items()])
                unfinished = {number: end for number, (start, end) in ends.items() if start < end}
                yield from self._messages(consumer, topic, unfinished, await_transactions=await_transactions)
        except KafkaException as error:
            raise_if_refused(error)
            raise Unavailable(f"{topic} can't be read: {reason(error)}") from error

    def _messages(
        self, consumer: Consumer, topic: str, unfinished: dict[int, int], *, await_transactions: bool
    ) -> Iterator[list[Message]]:
        quiet = 0.0
        while unfinished and not self._stop.is_set():
            committed, progress = [], False
            for message in consumer.consume(_BATCH, _WAIT_SECONDS):
                number, offset, error = int(message.partition() or 0), int(message.offset() or 0), message.error()
                end = unfinished.get(number, 0)
                if error is None:
                    progress = True
                    if offset < end:
                        committed.append(message)
                    ended = offset + 1 >= end
                elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - its public name
                    # The last offsets may be transaction markers, which a consumer does not return.
                    ended = offset >= end or not await_transactions
                else:
                    raise_if_refused(KafkaException(error))
                    if error.fatal():
                        raise KafkaException(error)
                    continue  # librdkafka recovers by itself
                if ended:
                    unfinished.pop(number, None)
            quiet = 0.0 if progress else quiet + _WAIT_SECONDS
            if quiet > QUIET_SECONDS:
                positions = ", ".join(f"{topic}-{number} before {end}" for number, end in unfinished.items())
                raise Unavailable(f"{positions}: no message for {QUIET_SECONDS:.0f} s; is a transaction left open?")
            if committed:
                yield committed


def _ends(consumer: Consumer, topic: str) -> dict[int, tuple[int, int]]:
    """Return the first offset of each partition, and the one after its last."""
    metadata = consumer.list_topics(topic, QUIET_SECONDS).topics[topic]
    if metadata.error is not None:
        if metadata.error.code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
            raise ContractError(f"topic {topic} does not exist: run scripts/create-topics")
        raise KafkaException(metadata.error)
    ends = {}
    for number in metadata.partitions:
        low, high = consumer.get_watermark_offsets(TopicPartition(topic, number), timeout=QUIET_SECONDS)
        ends[number] = int(low), int(high)
    return ends
