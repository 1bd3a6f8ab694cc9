"""The latest transactions, in memory: what is around a case.

Columns in rings of numpy: 136 bytes a transaction. A look-up passes over a whole column, which takes milliseconds for
some hundred thousand transactions; an index would have to be kept for every one, and a page asks a few times a minute.
"""

import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from threading import Event, Lock, Thread
from typing import Any

import numpy as np
import structlog
from confluent_kafka import Consumer, KafkaException, Message, TopicPartition
from numpy.typing import NDArray

from services.console.records import Transaction
from services.contracts import HEADER_SIZE, ColumnDecoder, Registry, Schema, split_by_schema
from services.errors import ExpectedError
from services.streaming.failures import reason
from services.streaming.lifecycle import backoff

log = structlog.get_logger()

_FIELDS = {"id": "S36", "source": "S34", "target": "S34", "amount": "i8", "currency": "S8", "created_at": "i8"}
_BATCH = 10_000
_WAIT_SECONDS = 0.2
RATE_SECONDS = 300


@dataclass(frozen=True)
class Rates:
    """Transactions of each of the last seconds, the oldest first, by verdict."""

    legit: Sequence[int]
    fraud: Sequence[int]


class RecentTransactions:
    """The latest transactions of a bounded number.

    Args:
        capacity: Number of transactions.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._columns: dict[str, NDArray[Any]] = {name: np.zeros(capacity, kind) for name, kind in _FIELDS.items()}
        self._prefixes = np.zeros(capacity, "u8")
        self._next = 0
        self._count = 0
        self._lock = Lock()
        self._seconds: dict[str, dict[int, int]] = {"legit": {}, "fraud": {}}

    def add(self, columns: Mapping[str, NDArray[Any]]) -> None:
        """Add transactions.

        Args:
            columns: By field its values.
        """
        count = len(columns["id"])
        if count > self._capacity:
            columns = {name: values[-self._capacity :] for name, values in columns.items()}
            count = self._capacity
        with self._lock:
            places = (self._next + np.arange(count)) % self._capacity
            for name, column in self._columns.items():
                column[places] = columns[name]
            self._prefixes[places] = _prefixes(self._columns["id"][places])
            self._next = (self._next + count) % self._capacity
            self._count = min(self._count + count, self._capacity)

    def count(self, verdict: str, number: int, now: float | None = None) -> None:
        """Count transactions as having come in this second."""
        second = int(time.time() if now is None else now)
        seconds = self._seconds[verdict]
        with self._lock:
            seconds[second] = seconds.get(second, 0) + number
            for old in [key for key in seconds if key < second - RATE_SECONDS]:
                del seconds[old]

    def rates(self, length: int, now: float | None = None) -> Rates:
        """Return the numbers of the last seconds, without the current one."""
        second = int(time.time() if now is None else now)
        with self._lock:
            legit, fraud = (
                [self._seconds[verdict].get(at, 0) for at in range(second - length, second)]
                for verdict in ("legit", "fraud")
            )
        return Rates(legit, fraud)

    def find(self, ids: Collection[str]) -> list[Transaction]:
        """Return the transactions of some ids, of those that are at hand."""
        wanted = np.array([identifier.encode() for identifier in ids], "S36")
        if not len(wanted):
            return []
        with self._lock:
            places = np.flatnonzero(np.isin(self._prefixes[: self._count], _prefixes(wanted)))
            places = places[np.isin(self._columns["id"][places], wanted)]
            return self._transactions(places)

    def of_accounts(self, accounts: Collection[str], limit: int) -> list[Transaction]:
        """Return the latest transactions from or to some accounts.

        Args:
            accounts: The accounts.
            limit: The largest number of transactions.
        """
        wanted = np.array([account.encode() for account in accounts], "S34")
        with self._lock:
            part = slice(0, self._count)
            rows = np.isin(self._columns["source"][part], wanted) | np.isin(self._columns["target"][part], wanted)
            places = np.flatnonzero(rows)
            latest = places[np.argsort(self._columns["created_at"][places])][-limit:]
            return self._transactions(latest)

    def _transactions(self, places: NDArray[np.int64]) -> list[Transaction]:
        columns = {name: column[places].tolist() for name, column in self._columns.items()}
        return [
            Transaction(identifier.decode(), source.decode(), target.decode(), amount, currency.decode(), created_at)
            for identifier, source, target, amount, currency, created_at in zip(*columns.values(), strict=True)
        ]


def _prefixes(ids: NDArray[Any]) -> NDArray[np.uint64]:
    """Return the first 8 bytes of each id as a number: a comparison of numbers rules out nearly all others."""
    return np.ascontiguousarray(ids).view("u1").reshape(len(ids), 36)[:, :8].copy().view("u8").ravel()


class RecentReader:
    """Reader of the topics of transactions into `RecentTransactions`, from some way before their end on.

    Args:
        recent: Gets the transactions.
        make_consumer: Makes a consumer without a group that reads committed records.
        topics: By topic the verdict of its transactions.
        registry: Asked once per schema id.
        schema: The contract of transactions.
        capacity: Number of transactions to begin with.
        stop: Ends reading when set.
    """

    def __init__(
        self,
        recent: RecentTransactions,
        make_consumer: Any,
        topics: Mapping[str, str],
        *,
        registry: Registry,
        schema: Schema,
        capacity: int,
        stop: Event,
    ) -> None:
        self._recent = recent
        self._make_consumer = make_consumer
        self._topics = topics
        self._registry = registry
        self._schema = schema
        self._capacity = capacity
        self._stop = stop
        self._decoders: dict[Any, ColumnDecoder | None] = {}

    def start(self) -> None:
        """Start reading in a thread of its own."""
        Thread(target=self._run, name="recent", daemon=True).start()

    def _run(self) -> None:
        attempt = 0
        while not self._stop.is_set():
            consumer = self._make_consumer()
            try:
                self._follow(consumer)
            except (KafkaException, ExpectedError) as error:
                log.warning("recent transactions interrupted", reason=reason(error))
                self._stop.wait(backoff(attempt))
                attempt += 1
            finally:
                consumer.close()

    def _follow(self, consumer: Consumer) -> None:
        partitions, ends = [], {}
        for topic in self._topics:
            numbers = list(consumer.list_topics(topic, 10).topics[topic].partitions)
            for number in numbers:
                low, high = consumer.get_watermark_offsets(TopicPartition(topic, number), timeout=10)
                ends[topic, number] = high
                partitions.append(TopicPartition(topic, number, max(low, high - self._capacity // len(numbers))))
        consumer.assign(partitions)
        while not self._stop.is_set():
            by_topic: dict[str, list[Message]] = {}
            for message in consumer.consume(_BATCH, _WAIT_SECONDS):
                if message.error() is None and message.value() is not None:
                    by_topic.setdefault(str(message.topic()), []).append(message)
            for topic, messages in by_topic.items():
                self._add(messages)
                # What was there before the start did not come now.
                live = [m for m in messages if (m.offset() or 0) >= ends[topic, m.partition() or 0]]
                self._recent.count(self._topics[topic], len(live))

    def _add(self, messages: Iterable[Message]) -> None:
        values = [value for message in messages if isinstance(value := message.value(), bytes)]
        for schema_id, rows in split_by_schema(values).groups.items():
            if schema_id not in self._decoders:
                self._decoders[schema_id] = self._decoder(schema_id)
            if decoder := self._decoders[schema_id]:
                decoded = decoder.decode([values[row] for row in rows.tolist()], HEADER_SIZE)
                good = slice(None) if decoded.good is None else decoded.good
                self._recent.add({name: decoded.columns[name][good] for name in _FIELDS})

    def _decoder(self, schema_id: Any) -> ColumnDecoder | None:
        try:
            return ColumnDecoder(self._registry.schema_of(schema_id), self._schema.json, list(_FIELDS))
        except ExpectedError as error:
            log.warning("transactions of a schema can't be shown", schema_id=str(schema_id), reason=str(error))
            return None
