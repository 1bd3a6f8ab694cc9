"""Writes the state of partitions to the state topic, in the transactions that commit their offsets."""

import time
from collections.abc import Callable, Iterable, Mapping
from functools import partial

import structlog
from confluent_kafka import KafkaException

from services.contracts import Registration, frame
from services.detection.partition_state import PartitionState
from services.detection.state_log import StateLog
from services.detection.state_record import StateCodec
from services.rules.model import Window
from services.streaming.failures import reason
from services.streaming.positions import Partition
from services.streaming.record_size import batch_size
from services.streaming.restore_point import StatePosition
from services.streaming.sink import Sink

log = structlog.get_logger()

TRIM_SECONDS = 60.0

End = Callable[[Partition], int]
"""Returns the end of a partition of the state topic."""

Trim = Callable[[Mapping[Partition, int]], None]
"""Deletes the records of partitions before an offset."""


class StateWriter:
    """The logs of all partitions that this process owns.

    Args:
        topic: The state topic; its partition of the same number takes the state of a partition.
        codec: Encodes records.
        registration: The registration of the topic's contract.
        lateness_ms: Allowed lateness.
        max_bytes: The largest record that the topic takes.
        end: Returns the end of a partition of the state topic.
        trim: Deletes what is needed no more; must not block.
        on_write: Called with the number of bytes of each record.
    """

    def __init__(
        self,
        topic: str,
        codec: StateCodec,
        registration: Registration,
        lateness_ms: int,
        *,
        max_bytes: int,
        end: End,
        trim: Trim,
        on_write: Callable[[int], None],
    ) -> None:
        self._topic = topic
        self._codec = codec
        self._schema_id = registration.id
        self._lateness_ms = lateness_ms
        self._max_bytes = max_bytes
        self._end = end
        self._trim = trim
        self._on_write = on_write
        self._logs: dict[Partition, StateLog] = {}
        self._trimmed_at = time.monotonic()

    def begin(self, partition: Partition) -> None:
        """Begin a chain for a partition that has none: its state is not in the topic yet."""
        if partition not in self._logs:
            self._logs[partition] = StateLog(partition[0], self._lateness_ms)

    def resume(self, partition: Partition, position: StatePosition, windows: Iterable[Window], entries: int) -> None:
        """Go on with the chain that a partition was restored from.

        Args:
            partition: The partition.
            position: The chain.
            windows: The windows that the chain is complete for.
            entries: The number of entries in the chain.
        """
        self._logs[partition] = StateLog(partition[0], self._lateness_ms, position, windows, entries)

    def drop(self, partition: Partition) -> None:
        """Write no more about a partition."""
        self._logs.pop(partition, None)

    def position(self, partition: Partition) -> StatePosition | None:
        """Return what to commit with the offset of a partition; None where nothing is written that can be restored."""
        return self._logs[partition].position if partition in self._logs else None

    def is_writing(self, partition: Partition) -> bool:
        """Return whether the open transaction writes the state of a partition."""
        return partition in self._logs and self._logs[partition].is_prepared

    def write(self, partition: Partition, state: PartitionState, next_offset: int, sink: Sink) -> None:
        """Write the state of a partition, as far as that is due.

        Args:
            partition: The partition.
            state: Its state, whose rows the open transaction commits.
            next_offset: The offset that the transaction commits.
            sink: The sink.
        """
        if partition not in self._logs:
            return
        own, newest_ms = (self._topic, partition[1]), state.index.newest_ms
        try:
            records = self._logs[partition].prepare(state.state, next_offset, newest_ms, partial(self._end, own))
        except KafkaException as error:
            log.warning("state not written, will be later", topic=self._topic, partition=partition[1],
                        reason=reason(error))  # fmt: skip
            return
        key = partition[0].encode()
        values = [frame(self._schema_id, self._codec.encode(record)) for record in records]
        largest = max((batch_size(key, value, None) for value in values), default=0)
        if largest > self._max_bytes:
            log.error(
                "state too large to be written, the next owner will read the topic itself", topic=self._topic,
                partition=partition[1], bytes=largest, max_message_bytes=self._max_bytes,
            )  # fmt: skip
            self.drop(partition)
            return
        for value in values:
            sink.send(self._topic, value, key, partition=partition[1])
            self._on_write(len(value))

    def committed(self) -> None:
        """Note that the transaction is committed."""
        for log_of_partition in self._logs.values():
            log_of_partition.committed()
        now = time.monotonic()
        if now - self._trimmed_at >= TRIM_SECONDS:
            self._trimmed_at = now
            if unneeded := self._unneeded():
                self._trim(unneeded)

    def aborted(self) -> None:
        """Note that the transaction is aborted."""
        for log_of_partition in self._logs.values():
            log_of_partition.aborted()

    def _unneeded(self) -> dict[Partition, int]:
        """Return by partition of the state topic the offset that everything is unneeded before."""
        starts: dict[Partition, list[int]] = {}
        for (_topic, number), log_of_partition in self._logs.items():
            position = log_of_partition.position
            starts.setdefault((self._topic, number), []).append(position.start if position else 0)
        return {partition: min(offsets) for partition, offsets in starts.items() if min(offsets) > 0}
