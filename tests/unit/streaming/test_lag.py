"""Lag of partitions whose offsets end with markers and aborted records."""

from typing import Any

import pytest
from confluent_kafka import KafkaError

from services.errors import Unavailable
from services.streaming import lag
from services.streaming.lag import UncommittedRange, _Tails

PARTITION = ("in", 0)


class Message:
    def __init__(self, code: int | None) -> None:
        self._code = code

    def error(self) -> KafkaError | None:
        return None if self._code is None else KafkaError(self._code)


class Log:
    """A consumer of a partition that has messages at some offsets only."""

    def __init__(self, *offsets: int) -> None:
        self.offsets = offsets
        self.lookups: list[int] = []
        self.failing = False

    def assign(self, partitions: list[Any]) -> None:
        self.lookups.append(partitions[0].offset)

    def consume(self, _count: int, _timeout: float) -> list[Message]:
        if self.failing:
            return [Message(KafkaError._TRANSPORT)]
        has_record = any(offset >= self.lookups[-1] for offset in self.offsets)
        return [Message(None if has_record else KafkaError._PARTITION_EOF)]

    def unassign(self) -> None: ...


class Measured:
    """The lags of one partition of a log."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._tails = _Tails()

    def lag(self, begin: int, end: int) -> int:
        return self._tails.lag(self._log, PARTITION, UncommittedRange(begin, end))  # type: ignore[arg-type]

    def keep_nothing(self) -> None:
        self._tails.retain([])


def test_a_partition_that_moves_is_measured_by_its_offsets() -> None:
    log = Log()
    measured = Measured(log)
    assert [measured.lag(begin, 100) for begin in (0, 60, 100)] == [100, 40, 0]
    assert log.lookups == []


def test_offsets_without_messages_are_no_lag() -> None:
    log = Log(8)
    measured = Measured(log)
    assert measured.lag(9, 10) == 1  # may be a message: it has not stood still yet
    assert [measured.lag(9, 10) for _ in range(3)] == [0, 0, 0]
    assert log.lookups == [9]  # what was found empty stays so
    assert measured.lag(9, 12) == 0
    assert log.lookups == [9, 10]


def test_a_partition_that_stands_still_before_a_message_has_its_lag() -> None:
    log = Log(9)
    measured = Measured(log)
    assert [measured.lag(9, end) for end in (10, 20, 500)] == [1, 11, 491]
    assert log.lookups == [9]  # a message stays one


def test_a_message_after_an_empty_range_is_lag() -> None:
    log = Log()
    measured = Measured(log)
    assert [measured.lag(9, 10) for _ in range(2)] == [1, 0]
    log.offsets = (10,)
    assert measured.lag(9, 11) == 2


def test_a_partition_that_was_given_away_is_forgotten() -> None:
    log = Log()
    measured = Measured(log)
    for _ in range(2):
        measured.lag(9, 10)
    measured.keep_nothing()
    assert measured.lag(9, 10) == 1


def test_a_broker_that_is_away_is_an_error_and_no_lag(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lag, "_TIMEOUT", 0.05)
    log = Log()
    measured = Measured(log)
    measured.lag(9, 10)
    log.failing = True
    with pytest.raises(Unavailable):
        measured.lag(9, 10)
