"""Topics as a history: transactions in log order, joined with the labels topic.

All of it is held in memory, about 120 bytes a transaction: partitions have to be merged into one order.
"""

from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from confluent_kafka import Consumer, Message
from numpy.typing import NDArray

from services.contracts import Contracts, Registry
from services.rules.conditions import null_mark
from services.rules.model import EVENT_TIME, ID
from services.streaming.authorisation import READ
from services.streaming.clients import KafkaClients
from services.streaming.topics import TopicNeed, partition_counts, require_topics
from tools.history.blocks import Block, Labels
from tools.topics.columns import MessageColumns, Table, joined
from tools.topics.reader import Partition, TopicReader, offset_bounds, offsets_at

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
    """

    transactions: str
    labels: str | None
    begin: datetime | None = None
    end: datetime | None = None
    fill: timedelta = timedelta()


@dataclass
class TopicInput:
    """Reads topics.

    Args:
        clients: Makes the consumers.
        registry: Asked about schemas.
        contracts: The contracts of the topics.
        settings: The settings of what to read.

    Attributes:
        undecodable: Number of messages that could not be decoded, which the detector takes for dead letters.
        labelled: Number of labels found for transactions.
    """

    clients: KafkaClients
    registry: Registry
    contracts: Contracts
    settings: TopicSettings
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
        topic, begin, end = self.settings.transactions, self.settings.begin, self.settings.end
        decoder = MessageColumns(self.registry, self.contracts.topic(topic).required_schema)
        tables, places = [], [np.zeros((3, 0), np.int64)]
        with closing(self._consumer()) as consumer:
            oldest, ends = offset_bounds(consumer, self._partitions_of(topic))
            ends = offsets_at(consumer, end, ends) if end else ends
            counts = np.array(list((offsets_at(consumer, begin, ends) if begin else oldest).values()))
            starts = offsets_at(consumer, begin - self.settings.fill, ends) if begin else oldest
            for messages in TopicReader(consumer, starts, ends).batches():
                rows, table = decoder.decode(messages)
                self.undecodable += len(messages) - len(rows)
                if len(rows):
                    tables.append(table)
                    places.append(np.array([_place(messages[row]) for row in rows.tolist()], np.int64).T)
        partition, offset, timestamp = np.concatenate(places, axis=1)
        return joined(tables), partition, timestamp, offset >= counts[partition]

    def _labels(self, ids: NDArray[np.bytes_]) -> Labels | None:
        topic = str(self.settings.labels)
        decoder = MessageColumns(self.registry, self.contracts.topic(topic).required_schema)
        tables = []
        with closing(self._consumer()) as consumer:
            for messages in TopicReader(consumer, *offset_bounds(consumer, self._partitions_of(topic))).batches():
                rows, table = decoder.decode(messages)
                if len(rows):
                    arrived = [messages[row].timestamp()[1] for row in rows.tolist()]
                    tables.append({**table, ARRIVED: np.array(arrived, np.int64)})
        labels, self.labelled = joined_labels(ids, joined(tables)) if tables else (None, 0)
        return labels

    def _consumer(self) -> Consumer:
        return self.clients.consumer("history", enable_partition_eof=True, fetch_wait_max_ms=100)

    def _partitions_of(self, topic: str) -> list[Partition]:
        return [(topic, number) for number in range(self._counts[topic])]


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


def joined_labels(ids: NDArray[np.bytes_], table: Mapping[str, NDArray[Any]]) -> tuple[Labels, int]:
    """The labels of some transactions, and how many have one; of several the last holds.

    Where all labels say fraud, as the generator's do, what has none is no fraud. Where some say no fraud, what has none
    is not known yet.

    Args:
        ids: Of the transactions.
        table: The columns of the labels, and `ARRIVED`.
    """
    known = table["transaction_id"]
    order = np.argsort(known, kind="stable")
    place = np.searchsorted(known, ids, side="right", sorter=order) - 1
    rows = order[np.maximum(place, 0)]
    has = (place >= 0) & (known[rows] == ids)
    scenario, incident = (
        np.where(has & ~table[null_mark(name)][rows], table[name][rows], b"") for name in ("scenario", "incident")
    )
    fraud = has & table["fraud"][rows]
    arrived = np.where(has, table[ARRIVED][rows], -1)
    return Labels(fraud, scenario, incident, None if table["fraud"].all() else has, arrived), int(has.sum())


def _place(message: Message) -> tuple[int, int, int]:
    """Partition, offset and timestamp in milliseconds."""
    return message.partition() or 0, message.offset() or 0, message.timestamp()[1]
