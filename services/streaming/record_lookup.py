"""Look-up of a single record by its offset."""

import time

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from services.errors import Unavailable
from services.streaming.failures import raise_if_refused
from services.streaming.positions import Partition


def first_record(consumer: Consumer, partition: Partition, offset: int, timeout: float) -> Message | None:
    """Return the first committed record at or after an offset; None where the partition has none.

    Args:
        consumer: A consumer without assignment that reports the ends of partitions (`enable.partition.eof`).
        partition: The partition.
        offset: The first offset to look at.
        timeout: Seconds after which the look-up fails.

    Raises:
        Unavailable: No broker answers within the time.
        NotAuthorised: The brokers refuse access.
        KafkaException: The consumer has failed.
    """
    consumer.assign([TopicPartition(*partition, offset)])
    deadline = time.monotonic() + timeout
    try:
        while time.monotonic() < deadline:
            for message in consumer.consume(1, 0.5):
                error = message.error()
                if error is None:
                    return message
                if error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - its public name
                    return None
                raise_if_refused(KafkaException(error))
                if error.fatal():
                    raise KafkaException(error)
    finally:
        consumer.unassign()
    topic, number = partition
    raise Unavailable(f"{topic}-{number}-{offset}: no broker returned a record for {timeout:.0f} s")
