"""Reads records to transactions: of the input one each, of repartition topics batches and single transactions."""

from collections.abc import Callable, Sequence

import numpy as np
from confluent_kafka import Message
from numpy.typing import NDArray

from services.detection.headers import HeaderRuns, read_headers
from services.detection.incoming import ALONE, NO_LABEL, BatchRows, Features, Records, Rows
from services.detection.transaction_batch import TransactionBatch
from services.errors import PoisonError
from services.streaming.positions import RecordPosition, position_of
from services.streaming.record_headers import Headers

UnpackBatch = Callable[[bytes | None, Headers | None], TransactionBatch | None]
"""Returns the batch in a record, or None for a record of one transaction; raises PoisonError for a torn batch."""


def read_records(messages: Sequence[Message]) -> tuple[Records, dict[int, PoisonError]]:
    """Read records of single transactions.

    Returns:
        Those whose headers can be read; and by index what is wrong with the others.
    """
    good, headers, failures = read_headers(messages)
    return Records(good, headers), failures


def read_batches(
    topic: str, messages: Sequence[Message], unpack: UnpackBatch
) -> tuple[BatchRows, dict[int, PoisonError]]:
    """Read records of a repartition topic: batches, and single transactions.

    Returns:
        Their transactions; and by index what is wrong with the other records.
    """
    good, all_headers, failures = read_headers(messages)
    index = [place for place in range(len(messages)) if place not in failures]
    columns = _Columns(topic)
    for place, message, headers in zip(index, good, all_headers, strict=True):
        try:
            columns.add(message, headers, unpack(message.value(), headers))
        except PoisonError as error:
            failures[place] = error
    return columns.rows(), failures


class _Columns:
    """Rows of several records."""

    def __init__(self, topic: str) -> None:
        self._topic = topic
        self._values: list[bytes | None] = []
        self._keys: list[Sequence[bytes | None]] = []
        self._headers: list[Headers | None] = []
        self._timestamps: list[Rows] = []
        self._places: list[tuple[int, int, int]] = []  # of each record: partition, offset, number of rows
        self._evaluated: list[tuple[str, int]] = []
        self._matched: dict[int, tuple[str, ...]] = {}
        self._batches: dict[RecordPosition, int] = {}
        self._features: dict[int, Features] = {}  # by the first row of a record
        self._labels: dict[int, NDArray[np.bool_]] = {}

    def add(self, message: Message, headers: Headers | None, batch: TransactionBatch | None) -> None:
        """Add the rows of a record."""
        first = len(self._values)
        position = _topic, partition, offset = position_of(message)
        if batch is None:
            ((version, names),) = HeaderRuns.of([headers]).verdicts()
            self._values.append(message.value())
            self._keys.append([message.key()])
            self._headers.append(headers)
            self._timestamps.append(np.array([message.timestamp()[1]], np.int64))
            self._places.append((partition, offset, ALONE))
            self._evaluated.append((version, 1))
            self._matched |= {first: names} if names else {}
            return
        self._values += batch.values
        self._keys.append(batch.keys)
        self._headers += batch.headers
        self._timestamps.append(batch.timestamps)
        self._places.append((partition, offset, len(batch)))
        self._evaluated.append((batch.version, len(batch)))
        self._matched.update((first + row, names) for row, names in batch.matched.items())
        self._batches[position] = len(batch)
        if batch.features:
            self._features[first] = batch.features
        if batch.labels is not None:
            self._labels[first] = batch.labels

    def rows(self) -> BatchRows:
        """Return the rows of all records."""
        partitions, offsets, lengths = np.array(self._places, np.int64).reshape(-1, 3).T
        counts = np.maximum(lengths, 1)
        counts[lengths == 0] = 0
        starts = np.cumsum(counts) - counts
        rows = np.arange(len(self._values)) - np.repeat(starts, counts)
        rows[np.repeat(lengths == ALONE, counts)] = ALONE
        return BatchRows(
            topic=self._topic,
            values=self._values,
            key_parts=self._keys,
            headers=self._headers,
            timestamps=np.concatenate([np.empty(0, np.int64), *self._timestamps]),
            partitions=np.repeat(partitions, counts),
            offsets=np.repeat(offsets, counts),
            rows=rows,
            evaluated=self._evaluated,
            earlier=self._matched,
            batches=self._batches,
            features=self._joined_features(),
            labels=self._joined_labels(),
        )

    def _joined_labels(self) -> NDArray[np.int8] | None:
        """Return what the labels say, and `NO_LABEL` for transactions; None without labels."""
        if not self._labels:
            return None
        joined = np.full(len(self._values), NO_LABEL, np.int8)
        for first, labels in self._labels.items():
            joined[first : first + len(labels)] = labels
        return joined

    def _joined_features(self) -> Features:
        """Return the features of all rows; NaN where a record is without one."""
        names = dict.fromkeys(name for features in self._features.values() for name in features)
        joined = {name: np.full(len(self._values), np.nan) for name in names}
        for first, features in self._features.items():
            for name, values in features.items():
                joined[name][first : first + len(values)] = values
        return joined
