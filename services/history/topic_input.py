"""Topics as a history: transactions in log order, joined with the labels topic.

All of it is held in memory, about 120 bytes a transaction: partitions have to be merged into one order.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from confluent_kafka import Consumer, KafkaException, Message
from numpy.typing import NDArray

from services.contracts import Contracts, Registry
from services.errors import ContractError, Unavailable
from services.history.blocks import Block, Labels
from services.history.columns import MessageColumns, Table, joined
from services.rules.conditions import null_mark
from services.rules.model import EVENT_TIME, ID
from services.streaming.authorisation import READ
from services.streaming.clients import KafkaClients
from services.streaming.failures import raise_if_refused, reason
from services.streaming.offset_lookup import limits_of, offsets_at
from services.streaming.partition_reader import PartitionReader
from services.streaming.positions import Partition
from services.streaming.topics import TopicNeed, partition_counts, require_topics

BLOCK = 65_536
ARRIVED = "arrived at"
"""Column of labels: the timestamps of their records. No field has a space in its name."""


@dataclass(frozen=True)
class TopicSettings:
    """The part of topics to read.

    Attributes:
        transactions: The topic of the transactions.
        labels: The topic of the labels; None to do without.
        begin: Report on messages written from this moment on (their timestamps, which are the broker's on the input
            topic: no event times); None: from the oldest.
        end: Report on messages written before this moment; None: all that are there when reading begins.
        fill: Time before `begin` at which reading begins, so that windows are full.
        limit: The greatest number of messages to read; None for no limit.
        reviewed_only: Whether the truth is known of labelled transactions alone. Otherwise one without a label is no
            fraud where all labels say fraud, as the generator's do.
        group: The group id of consumers, which never join it.
    """

    transactions: str
    labels: str | None
    begin: datetime | None = None
    end: datetime | None = None
    fill: timedelta = timedelta()
    limit: int | None = None
    reviewed_only: bool = False
    group: str = "history"


class TooManyMessagesError(ContractError):
    """The part of the topic has more messages than the limit."""


@dataclass
class TopicInput:
    """Reads topics.

    Args:
        clients: Makes the consumers.
        registry: Asked about schemas.
        contracts: The contracts of the topics.
        settings: The settings of what to read.
        on_progress: Receives the number of offsets of transactions that were read, and of all that will be.

    Attributes:
        undecodable: Number of messages that could not be decoded, which the detector takes for dead letters.
        labelled: Number of labels found for transactions.
    """

    clients: KafkaClients
    registry: Registry
    contracts: Contracts
    settings: TopicSettings
    on_progress: Callable[[int, int], None] = lambda _read, _total: None
    undecodable: int = field(default=0, init=False)
    labelled: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        topics = [self.settings.transactions, *([self.settings.labels] if self.settings.labels else [])]
        needs = [TopicNeed(name, self.contracts.topic(name).partitions, (READ,)) for name in topics]
        admin = self.clients.admin()
        require_topics(admin, needs)
        self._counts = partition_counts(admin)  # there may be more than the contract says

    @property
    def name(self) -> str:
        """Name in reports."""
        of = self.settings
        begin = f" from {of.begin.isoformat()}" if of.begin else ""
        end = f" to {of.end.isoformat()}" if of.end else ""
        return f"topic {of.transactions}{begin}{end}"

    def notes(self) -> list[str]:
        """Remarks on what was read."""
        return [f"{self.undecodable:,} messages can't be decoded and were left out"] if self.undecodable else []

    @property
    def partitions(self) -> int:
        """Number of partitions of the transactions topic."""
        return self._counts[self.settings.transactions]

    def blocks(self) -> Iterator[Block]:
        """The transactions in the order of the log, partitions merged by event time (or the earlier timestamp)."""
        table, partition, timestamp, counted = self._transactions()
        if not table:
            return
        labels = self._labels(table[ID]) if self.settings.labels else None
        clock = np.minimum(table[EVENT_TIME], timestamp)
        order = merged(partition, clock)
        for first in range(0, len(order), BLOCK):
            rows = order[first : first + BLOCK]
            yield Block(
                {name: column[rows] for name, column in table.items()},
                len(rows),
                labels.at(rows) if labels else None,
                partition[rows],
                clock[rows],
                counted[rows],
            )

    def _transactions(self) -> tuple[Table, NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
        topic, begin = self.settings.transactions, self.settings.begin
        decoder = MessageColumns(self.registry, self.contracts.topic(topic).required_schema)
        tables, places = [], [np.zeros((3, 0), np.int64)]
        ranges = self._ranges(topic, self.settings.end, begin - self.settings.fill if begin else None)
        counted = self._ranges(topic, self.settings.end, begin) if begin else ranges
        counts = np.array([start for _, (start, _) in sorted(counted.items())])
        total = sum(end - start for start, end in ranges.values())
        if self.settings.limit is not None and total > self.settings.limit:
            raise TooManyMessagesError(
                f"{topic}: {total:,} messages would be read (the longest window is filled first), and the limit is "
                f"{self.settings.limit:,}"
            )
        read = 0
        for messages in self._messages(ranges):
            rows, table = decoder.decode(messages)
            self.undecodable += len(messages) - len(rows)
            if len(rows):
                tables.append(table)
                places.append(np.array([_place(messages[row]) for row in rows.tolist()], np.int64).T)
            read += len(messages)
            self.on_progress(read, total)
        partition, offset, timestamp = np.concatenate(places, axis=1)
        return joined(tables), partition, timestamp, offset >= counts[partition]

    def _labels(self, ids: NDArray[np.bytes_]) -> Labels | None:
        topic = str(self.settings.labels)
        decoder = MessageColumns(self.registry, self.contracts.topic(topic).required_schema)
        tables = []
        for messages in self._messages(self._ranges(topic)):
            rows, table = decoder.decode(messages)
            if len(rows):
                arrived = [messages[row].timestamp()[1] for row in rows.tolist()]
                tables.append({**table, ARRIVED: np.array(arrived, np.int64)})
        if not tables:
            return None
        labels, self.labelled = joined_labels(ids, joined(tables), reviewed_only=self.settings.reviewed_only)
        return labels

    def _ranges(
        self, topic: str, end: datetime | None = None, begin: datetime | None = None
    ) -> dict[Partition, tuple[int, int]]:
        """Return of each partition the first offset written since a time, and the one after the last before another.

        Raises:
            Unavailable: The brokers don't answer.
        """
        try:
            with closing(self._consumer()) as consumer:
                limits = limits_of(consumer, topic)
                starts = offsets_at(consumer, limits, begin.timestamp()) if begin else {}
                ends = offsets_at(consumer, limits, end.timestamp()) if end else {}
        except KafkaException as error:
            raise_if_refused(error)
            raise Unavailable(f"{topic}: the brokers don't answer: {reason(error)}") from error
        ranges = {part: (starts.get(part, low), ends.get(part, high)) for part, (low, high) in limits.items()}
        return {part: (min(start, stop), stop) for part, (start, stop) in ranges.items()}

    def _messages(self, ranges: Mapping[Partition, tuple[int, int]]) -> Iterator[Sequence[Message]]:
        reader = PartitionReader(self._consumer)
        try:
            for chunk in reader.chunks(ranges):
                yield chunk.messages
        finally:
            reader.close()

    def _consumer(self) -> Consumer:
        return self.clients.consumer(self.settings.group, enable_partition_eof=True, fetch_wait_max_ms=100)


def merged(partition: NDArray[np.int64], time: NDArray[np.int64]) -> NDArray[np.int64]:
    """An order of messages that keeps that of each partition, and otherwise goes by time.

    The time is not the messages' own timestamp: data of weeks that were replayed within seconds would be shuffled.

    Args:
        partition: Of each message, those of one partition in its order.
        time: The time at which each was made, about.
    """
    reached = time.copy()
    for number in np.unique(partition):
        rows = partition == number
        reached[rows] = np.maximum.accumulate(time[rows])
    return np.lexsort((np.arange(len(partition)), partition, reached))


def joined_labels(
    ids: NDArray[np.bytes_], table: Mapping[str, NDArray[Any]], *, reviewed_only: bool = False
) -> tuple[Labels, int]:
    """The labels of some transactions, and how many have one; of several the last holds.

    Where all labels say fraud, as the generator's do, what has none is no fraud. Where some say no fraud, what has none
    is not known yet.

    Args:
        ids: Of the transactions.
        table: The columns of the labels, and `ARRIVED`.
        reviewed_only: Whether what has no label is unknown in any case.
    """
    labelled = table["transaction_id"]
    order = np.argsort(labelled, kind="stable")
    place = np.searchsorted(labelled, ids, side="right", sorter=order) - 1
    rows = order[np.maximum(place, 0)]
    has = (place >= 0) & (labelled[rows] == ids)
    scenario, incident = (
        np.where(has & ~table[null_mark(name)][rows], table[name][rows], b"") for name in ("scenario", "incident")
    )
    fraud = has & table["fraud"][rows]
    arrived = np.where(has, table[ARRIVED][rows], -1)
    known = None if table["fraud"].all() and not reviewed_only else has
    return Labels(fraud, scenario, incident, known, arrived), int(has.sum())


def _place(message: Message) -> tuple[int, int, int]:
    """Partition, offset and timestamp in milliseconds."""
    return message.partition() or 0, message.offset() or 0, message.timestamp()[1]
