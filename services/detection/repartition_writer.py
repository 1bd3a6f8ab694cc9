"""Writes evaluated transactions to a repartition topic: a batch for each partition, or more where one is too large.

`routing` chooses the key of each.
"""

import itertools
from collections.abc import Sequence
from operator import itemgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.detection.evaluated_batch import EvaluatedBatch
from services.detection.headers import OWNED, HeaderRuns
from services.detection.transaction_batch import (
    FIXED_BYTES,
    BatchEncoder,
    TransactionBatch,
    feature_bytes,
    match_size,
    row_bytes,
    split_points,
)
from services.rules.model import EVENT_TIME
from services.streaming.partitioner import partition_of, partition_of_key
from services.streaming.record_headers import Headers
from services.streaming.sink import Sink

LONGEST_HASHED = 255  # bytes of a key; columns of bytes are as wide as the longest


def size_alone(version: str, names: Sequence[str], features: Sequence[str] = ()) -> int:
    """Return an upper limit of a record's bytes with one transaction, besides its key, value and headers."""
    of_features = row_bytes(len(features)) + feature_bytes(features)
    return FIXED_BYTES + len(version.encode()) + match_size(names) + of_features


class RepartitionWriter:
    """Writer to one repartition topic.

    Args:
        topic: The topic.
        encoder: Encodes batches.
        max_bytes: The largest record that the topic takes.
    """

    def __init__(self, topic: str, encoder: BatchEncoder, max_bytes: int) -> None:
        self._topic = topic
        self._encoder = encoder
        self._max_bytes = max_bytes

    def write(
        self, evaluated: EvaluatedBatch, values: Sequence[bytes | None], headers: Sequence[Headers | None], sink: Sink
    ) -> None:
        """Write the transactions that can be passed on, merged by event time, in the order of each partition.

        Args:
            evaluated: The transactions.
            values: The value to write for each.
            headers: The headers of each as they were read; those of the rules are left out.
            sink: Takes the records.
        """
        good, all_keys = evaluated.batch.rows, evaluated.outgoing.keys
        if not len(good):
            return
        count = sink.partition_count(self._topic)
        column = evaluated.batch.columns.get(evaluated.stage.repartition_field or "")
        if column is not None and column.dtype.kind == "S":  # texts of at most 255 bytes that don't end in a zero byte
            partitions = partition_of(column, count)
        else:
            partitions = partitions_of([all_keys[row] for row in good.tolist()], count)
        merged = merge_order(evaluated.incoming.partitions[good], evaluated.batch.columns[EVENT_TIME])
        order = merged[np.argsort(partitions[merged], kind="stable")]
        numbers, begins = np.unique(partitions[order], return_index=True)
        own = None if evaluated.incoming.runs.headers == (None,) else _without_owned(headers)
        for number, places in zip(numbers.tolist(), np.split(order, begins[1:]), strict=True):
            self.write_batch(self._batch(evaluated, values, own, places), number, sink)

    @staticmethod
    def _batch(
        evaluated: EvaluatedBatch,
        values: Sequence[bytes | None],
        headers: Sequence[Headers | None] | None,
        places: NDArray[np.int64],
    ) -> TransactionBatch:
        """Return the transactions of one partition, by their places among those that could be decoded."""
        rows = evaluated.batch.rows[places]
        index, keys, live = rows.tolist(), evaluated.outgoing.keys, evaluated.live
        return TransactionBatch(
            evaluated.topology.version,
            _items(values, index),
            _items(keys, index),
            evaluated.incoming.timestamps[rows],
            [None] * len(index) if headers is None else _items(headers, index),
            {place: tuple(live[row]) for place, row in enumerate(index) if row in live} if live else {},
            {name: values[places] for name, values in evaluated.features.items()},
        )

    def write_batch(self, batch: TransactionBatch, partition: int, sink: Sink) -> None:
        """Write a batch, in parts where it is too large for a record."""
        room = self._max_bytes - FIXED_BYTES - len(batch.version.encode()) - feature_bytes(batch.features)
        points = split_points(batch, room)
        for begin, end in itertools.pairwise(points):
            part = batch.part(begin, end)
            # Retention deletes the record when the newest of its transactions is old enough.
            newest = max(0, int(part.timestamps.max()))
            sink.send(self._topic, self._encoder.encode(part), None, partition=partition, timestamp=newest)


def merge_order(partitions: NDArray[np.int64], times: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the order that merges the rows of several partitions by their times, and keeps that of each partition.

    As Kafka Streams chooses the next record among the partitions of a task: a stage that reads what comes from several
    partitions meets few transactions out of order, though a client reads one partition after the other.

    Args:
        partitions: The partition of each row, in the order of reading.
        times: The event time of each row; within a partition the latest one so far counts.
    """
    latest = np.empty_like(times)
    for number in np.unique(partitions).tolist():
        rows = np.flatnonzero(partitions == number)
        latest[rows] = np.maximum.accumulate(times[rows])
    return np.argsort(latest, kind="stable")


def partitions_of(keys: Sequence[bytes | None], count: int) -> NDArray[np.int64]:
    """Return the partition of each key, as Java's clients and librdkafka's `murmur2_random` choose it."""
    joined = b"".join(filter(None, keys))
    if None not in keys and b"\0" not in joined and max(map(len, keys)) <= LONGEST_HASHED:  # type: ignore[arg-type]
        return partition_of(np.array(keys, "S"), count)
    odd = [key is None or len(key) > LONGEST_HASHED or b"\0" in key for key in keys]
    partitions = partition_of(np.array([b"" if is_odd else key for key, is_odd in zip(keys, odd, strict=True)]), count)
    for row in np.flatnonzero(odd).tolist():
        partitions[row] = partition_of_key(keys[row] or b"", count)
    return partitions


def _items(column: Sequence[Any], index: Sequence[int]) -> Sequence[Any]:
    """Return some items of a column."""
    return itemgetter(*index)(column) if len(index) > 1 else [column[row] for row in index]


def _without_owned(headers: Sequence[Headers | None]) -> list[Headers | None]:
    runs = HeaderRuns.of(headers)
    return runs.by_message(own and [header for header in own if header[0] not in OWNED] for own in runs.headers)
