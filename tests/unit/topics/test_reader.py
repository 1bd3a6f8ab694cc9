"""Reading partitions: only messages before the ends, until every partition has ended."""

from collections.abc import Sequence
from typing import Any, cast

import pytest
from confluent_kafka import Consumer, KafkaError

from services.errors import Unavailable
from tools.topics import reader
from tools.topics.reader import TopicReader

A, B = ("topic", 0), ("topic", 1)


class Record:
    """A message, or an event of a partition, as far as the reader looks at it."""

    def __init__(self, partition: int, offset: int, error: KafkaError | None = None) -> None:
        self._partition, self._offset, self._error = partition, offset, error

    def topic(self) -> str:
        return "topic"

    def partition(self) -> int:
        return self._partition

    def offset(self) -> int:
        return self._offset

    def error(self) -> KafkaError | None:
        return self._error


class Records:
    """A consumer that hands out records one after the other."""

    def __init__(self, *records: Record) -> None:
        self._records = list(records)
        self.assigned: dict[tuple[str, int], int] = {}

    def assign(self, partitions: Sequence[Any]) -> None:
        self.assigned = {(place.topic, place.partition): place.offset for place in partitions}

    def consume(self, limit: int, _timeout: float) -> list[Record]:
        taken, self._records = self._records[:limit], self._records[limit:]
        return taken


def eof(partition: int, offset: int) -> Record:
    return Record(partition, offset, KafkaError(KafkaError._PARTITION_EOF))


def read(records: Records, starts: dict[tuple[str, int], int], ends: dict[tuple[str, int], int] | None) -> list[int]:
    batches = TopicReader(cast("Consumer", records), starts, ends).batches()
    return [int(message.offset() or 0) for batch in batches for message in batch]


def test_messages_from_the_ends_on_are_left_out() -> None:
    records = Records(*(Record(0, offset) for offset in range(3, 8)))
    assert read(records, {A: 3}, {A: 6}) == [3, 4, 5]
    assert records.assigned == {A: 3}


def test_a_partition_ends_in_front_of_markers_or_an_open_transaction() -> None:
    assert read(Records(Record(0, 3), eof(0, 4)), {A: 3}, {A: 9}) == [3]


def test_a_partition_without_messages_is_not_waited_for() -> None:
    assert read(Records(Record(1, 0)), {A: 5, B: 0}, {A: 5, B: 1}) == [0]


def test_without_ends_every_partition_is_read_to_its_own() -> None:
    assert read(Records(Record(0, 0), eof(0, 1), Record(1, 0), eof(1, 1)), {A: 0, B: 0}, None) == [0, 0]


def test_offsets_are_reached_by_the_end_of_the_partition_alone() -> None:
    opened = TopicReader(cast("Consumer", Records(Record(0, 0), eof(0, 2))), {A: 0, B: 0})
    assert not opened.has_reached({A: 2})
    opened.read(0)
    assert opened.has_reached({A: 2, B: 0})
    assert not opened.has_reached({A: 3})


def test_partitions_that_stand_still_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "QUIET_SECONDS", 0.0)
    with pytest.raises(Unavailable, match="topic-0: can't be read to the end"):
        read(Records(), {A: 0}, {A: 1})


def test_a_consumer_that_has_failed_ends_reading() -> None:
    fatal = KafkaError(KafkaError._FATAL, "fenced", fatal=True)
    with pytest.raises(Unavailable, match="can't read topic: fenced"):
        read(Records(Record(0, 0, fatal)), {A: 0}, {A: 1})
