"""Transactions of one stage as they were read, in columns: records of their own, or rows of batches."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain, groupby, pairwise
from operator import itemgetter
from typing import Protocol

import numpy as np
from confluent_kafka import Message
from numpy.typing import NDArray

from services.detection.headers import OWNED, HeaderRuns, HeaderWriter
from services.detection.transaction_batch import Matched
from services.errors import PoisonError
from services.streaming.dead_letter_format import Original
from services.streaming.positions import MessagePosition, RecordPosition, position_of
from services.streaming.record_headers import Headers
from services.streaming.sink import Sink

Rows = NDArray[np.int64]
Features = Mapping[str, NDArray[np.float64]]
NO_LABEL = -1
ALONE = -1
"""Row of a transaction that is a record of its own."""

_verdict_headers = HeaderWriter()


class Incoming(Protocol):
    """Transactions of one stage.

    Attributes:
        values: The value of each.
        keys: The key of each.
        headers: The headers of each; None where it has none.
        timestamps: The timestamp of each record, in milliseconds since the epoch.
        partitions: The partition of each.
        offsets: The offset of the record of each.
        runs: The headers, once for consecutive transactions with the same.
        features: The value of each by the name of a feature that earlier stages computed; NaN where there is none.
        labels: For each 1 or 0 for the label of a transaction, fraud or not, and `NO_LABEL` for a transaction; None
            where all are transactions.
    """

    @property
    def values(self) -> list[bytes | None]: ...  # noqa: D102 - see the attributes above
    @property
    def keys(self) -> Sequence[bytes | None]: ...  # noqa: D102
    @property
    def headers(self) -> Sequence[Headers | None]: ...  # noqa: D102
    @property
    def timestamps(self) -> NDArray[np.int64]: ...  # noqa: D102
    @property
    def partitions(self) -> Rows: ...  # noqa: D102
    @property
    def offsets(self) -> Rows: ...  # noqa: D102
    @property
    def runs(self) -> HeaderRuns: ...  # noqa: D102
    @property
    def features(self) -> Features: ...  # noqa: D102
    @property
    def labels(self) -> NDArray[np.int8] | None: ...  # noqa: D102

    def __len__(self) -> int: ...

    def versions(self) -> Iterator[tuple[str, int]]:
        """Yield the version of the rules that evaluated consecutive transactions before, and their number."""

    def matched(self) -> Matched:
        """Return the rules that matched in earlier stages."""

    def position(self, row: int) -> MessagePosition:
        """Return the position of a transaction."""

    def part(self, begin: int, end: int) -> "Incoming":
        """Return the transactions in [begin, end)."""

    def take(self, rows: Sequence[int]) -> "Incoming":
        """Return some of the transactions, by ascending index."""

    def write_dead_letter(self, sink: Sink, row: int, error: PoisonError, *, without_content: bool = False) -> None:
        """Write a transaction to the dead-letter topic."""


class Records:
    """Transactions that are records of their own; the client's messages are asked only for what is needed.

    Args:
        messages: The records.
        headers: Of each; None where it has none.
    """

    def __init__(self, messages: Sequence[Message], headers: Sequence[Headers | None]) -> None:
        self.messages = messages
        self.headers = headers
        self.features: Features = {}
        self.labels: NDArray[np.int8] | None = None

    def __len__(self) -> int:
        return len(self.messages)

    @cached_property
    def values(self) -> list[bytes | None]:
        """The value of each."""
        return [message.value() for message in self.messages]

    @cached_property
    def keys(self) -> Sequence[bytes | None]:
        """The key of each."""
        return [message.key() for message in self.messages]

    @cached_property
    def timestamps(self) -> NDArray[np.int64]:
        """The timestamp of each."""
        return np.array([message.timestamp()[1] for message in self.messages], np.int64)

    @cached_property
    def partitions(self) -> Rows:
        """The partition of each."""
        return np.fromiter(map(Message.partition, self.messages), np.int64, len(self))

    @cached_property
    def offsets(self) -> Rows:
        """The offset of each."""
        return np.array([message.offset() for message in self.messages], np.int64)

    @cached_property
    def runs(self) -> HeaderRuns:
        """The headers, once for consecutive ones with the same: most have."""
        return HeaderRuns.of(self.headers)

    def versions(self) -> Iterator[tuple[str, int]]:
        """Yield the versions in their headers."""
        for version, run in groupby(self.runs.verdicts(), itemgetter(0)):
            yield version, len(list(run))

    def matched(self) -> Matched:
        """Return the rules in their headers."""
        return {row: names for row, (_version, names) in enumerate(self.runs.verdicts()) if names}

    def position(self, row: int) -> RecordPosition:
        """Return the position of a record."""
        return position_of(self.messages[row])

    def part(self, begin: int, end: int) -> "Records":
        """Return the records in [begin, end)."""
        if begin == 0 and end == len(self):
            return self
        return Records(self.messages[begin:end], self.headers[begin:end])

    def take(self, rows: Sequence[int]) -> "Records":
        """Return some of the records."""
        return Records([self.messages[row] for row in rows], [self.headers[row] for row in rows])

    def write_dead_letter(self, sink: Sink, row: int, error: PoisonError, *, without_content: bool = False) -> None:
        """Write a record to the dead-letter topic."""
        sink.write_dead_letter(self.messages[row], error, without_content=without_content)


@dataclass(frozen=True)
class BatchRows:
    """Transactions of a repartition topic: rows of batches, and records of their own among them.

    Attributes:
        topic: The topic.
        key_parts: The keys, record by record: they are seldom asked for.
        rows: The row of each in its record; `ALONE` for a record of its own.
        evaluated: The version of the rules of each in earlier stages, run by run.
        earlier: The rules that matched in earlier stages.
        batches: The number of transactions in each record that is a batch.
        features: The value of each by the name of a feature that earlier stages computed; NaN where there is none.
        labels: See `Incoming`.
    """

    topic: str
    values: list[bytes | None]
    key_parts: Sequence[Sequence[bytes | None]]
    headers: Sequence[Headers | None]
    timestamps: NDArray[np.int64]
    partitions: Rows
    offsets: Rows
    rows: Rows
    evaluated: Sequence[tuple[str, int]]
    earlier: Matched
    batches: Mapping[RecordPosition, int] = field(default_factory=dict)
    features: Features = field(default_factory=dict)
    labels: NDArray[np.int8] | None = None

    def __len__(self) -> int:
        return len(self.values)

    @cached_property
    def keys(self) -> Sequence[bytes | None]:
        """The key of each."""
        return list(chain.from_iterable(self.key_parts))

    @cached_property
    def runs(self) -> HeaderRuns:
        """The headers, once for consecutive transactions with the same."""
        return HeaderRuns.of(self.headers)

    def versions(self) -> Iterator[tuple[str, int]]:
        """Yield the versions of the batches, those of equal neighbours together."""
        for version, run in groupby(self.evaluated, itemgetter(0)):
            yield version, sum(count for _, count in run)

    def matched(self) -> Matched:
        """Return the rules that matched in earlier stages."""
        return self.earlier

    def position(self, row: int) -> MessagePosition:
        """Return the position of a transaction."""
        record = self.topic, int(self.partitions[row]), int(self.offsets[row])
        place = int(self.rows[row])
        return record if place == ALONE else (*record, place)

    def part(self, begin: int, end: int) -> "BatchRows":
        """Return the transactions in [begin, end)."""
        if begin == 0 and end == len(self):
            return self
        return self.take(range(begin, end))

    def take(self, rows: Sequence[int]) -> "BatchRows":
        """Return some of the transactions."""
        index = np.array(rows, np.int64)
        versions = [version for version, count in self.evaluated for _ in range(count)]
        places = {row: place for place, row in enumerate(rows)}
        return BatchRows(
            topic=self.topic,
            values=[self.values[row] for row in rows],
            key_parts=[[self.keys[row] for row in rows]],
            headers=[self.headers[row] for row in rows],
            timestamps=self.timestamps[index],
            partitions=self.partitions[index],
            offsets=self.offsets[index],
            rows=self.rows[index],
            evaluated=[(versions[row], 1) for row in rows],
            earlier={places[row]: names for row, names in self.earlier.items() if row in places},
            features={name: values[index] for name, values in self.features.items()},
            labels=None if self.labels is None or (self.labels[index] == NO_LABEL).all() else self.labels[index],
        )

    def between(self, begin: int, end: int) -> "BatchRows":
        """Return the transactions whose rows in their batch are in [begin, end)."""
        return self.take(np.flatnonzero((self.rows >= begin) & (self.rows < end)).tolist())

    def write_dead_letter(self, sink: Sink, row: int, error: PoisonError, *, without_content: bool = False) -> None:
        """Write a transaction to the dead-letter topic, as the record of its own that `redrive` puts back."""
        own = [header for header in self.headers[row] or () if header[0] not in OWNED]
        if version := self._version(row):
            own += _verdict_headers(version, self.earlier.get(row, ()))
        place = int(self.rows[row])
        original = Original(
            self.topic, int(self.partitions[row]), int(self.offsets[row]), self.keys[row], self.values[row], own,
            row=None if place == ALONE else place, timestamp_ms=int(self.timestamps[row]),
        )  # fmt: skip
        sink.write_dead_letter_of(original, error, without_content=without_content)

    def _version(self, row: int) -> str:
        for version, count in self.evaluated:
            if row < count:
                return version
            row -= count
        return ""


def rows_without(rows: BatchRows, excluded: Collection[MessagePosition]) -> BatchRows:
    """Return transactions without those at some positions."""
    index = [row for row in range(len(rows)) if rows.position(row) not in excluded]
    return rows if len(index) == len(rows) else rows.take(index)


def runs_of_labels(incoming: Incoming) -> Iterator[tuple[Incoming, NDArray[np.int8] | None]]:
    """Yield consecutive transactions, and consecutive labels with what they say, in their order."""
    labels = incoming.labels
    if labels is None:
        yield incoming, None
        return
    changes = np.flatnonzero(np.diff(labels == NO_LABEL)) + 1
    for begin, end in pairwise([0, *changes.tolist(), len(incoming)]):
        part = incoming.part(begin, end)
        yield part, None if labels[begin] == NO_LABEL else labels[begin:end]
