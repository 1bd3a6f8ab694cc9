"""Offsets of partitions by time."""

from collections.abc import Mapping

from confluent_kafka import Consumer, KafkaException, TopicPartition

from services.streaming.positions import Partition

REQUEST_SECONDS = 10.0


def limits_of(consumer: Consumer, topic: str) -> dict[Partition, tuple[int, int]]:
    """Return the first offset of each partition, and the one after its last.

    Raises:
        KafkaException: The brokers do not answer.
    """
    numbers = consumer.list_topics(topic, REQUEST_SECONDS).topics[topic].partitions
    return {
        (topic, number): consumer.get_watermark_offsets(TopicPartition(topic, number), REQUEST_SECONDS)
        for number in numbers
    }


def offsets_at(consumer: Consumer, limits: Mapping[Partition, tuple[int, int]], since: float) -> dict[Partition, int]:
    """Return the first offset of each partition whose record is not older than a time; its end where there is none.

    Args:
        consumer: Asked.
        limits: Limits of the partitions.
        since: Seconds since the epoch.

    Raises:
        KafkaException: The brokers do not answer.
    """
    if not limits:
        return {}
    answers = consumer.offsets_for_times(
        [TopicPartition(*part, max(0, round(since * 1000))) for part in limits], REQUEST_SECONDS
    )
    offsets = {}
    for answer in answers:
        if answer.error:
            raise KafkaException(answer.error)
        part = answer.topic, answer.partition
        offsets[part] = limits[part][1] if answer.offset < 0 else min(answer.offset, limits[part][1])
    return offsets
