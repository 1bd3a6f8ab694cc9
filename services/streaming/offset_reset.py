"""Reset to the beginning of a partition whose committed offset does not exist; lost records are counted."""

import structlog
from confluent_kafka import OFFSET_INVALID, Consumer, TopicPartition

from services.streaming.handler import Handler
from services.streaming.metrics import LoopMetrics
from services.streaming.positions import Partition
from services.streaming.rebalance import RebalanceListener

log = structlog.get_logger()

REQUEST_TIMEOUT = 10.0


class OffsetReset:
    """Continuation at the beginning of a partition, with the state of the handler.

    Args:
        consumer: Consumer of the group.
        handler: Loses its state of a partition where the log is another one.
        metrics: Counts lost records.
        partitions: The assigned partitions.
    """

    def __init__(
        self, consumer: Consumer, handler: Handler, metrics: LoopMetrics, partitions: RebalanceListener
    ) -> None:
        self._consumer = consumer
        self._handler = handler
        self._metrics = metrics
        self._partitions = partitions

    def reset(self, partition: Partition) -> None:
        """Continue at the beginning of an assigned partition.

        Raises:
            KafkaException: A broker does not answer.
        """
        topic, number = partition
        (committed,) = self._consumer.committed([TopicPartition(topic, number)], REQUEST_TIMEOUT)
        low, high = self._consumer.get_watermark_offsets(TopicPartition(topic, number), REQUEST_TIMEOUT)
        if committed.offset == OFFSET_INVALID:
            log.info("partition has no committed offset", topic=topic, partition=number, starting_at=low)
        elif committed.offset < low:
            lost = low - committed.offset
            self._metrics.lost.labels(topic=topic, partition=str(number)).inc(lost)
            log.error("records deleted before they were read", topic=topic, partition=number, records=lost,
                      from_offset=committed.offset, to_offset=low)  # fmt: skip
        else:
            log.error("committed offset is beyond the end, reading the whole partition: was the topic recreated?",
                      topic=topic, partition=number, committed=committed.offset, end=high)  # fmt: skip
        if not 0 <= committed.offset < low:  # the state of the partition belongs to another log
            self._consumer.commit(offsets=[TopicPartition(topic, number, low)], asynchronous=False)
            self._handler.revoked([partition], lost=False)
            self._handler.assigned([partition])
        self._partitions.restart_at(partition, low)
