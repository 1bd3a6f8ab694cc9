import time
from threading import Event

import pytest
from confluent_kafka import KafkaError, KafkaException

from services.errors import NotAuthorised, Unavailable
from services.streaming import failures
from services.streaming.failures import (
    ClientHung,
    LostPartitions,
    RetryBudget,
    call_with_timeout,
    raise_if_refused,
    reason,
    retry,
)


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(failures, "time", clock)
    return clock


def kafka_error(code: int, *, retriable: bool = False) -> KafkaException:
    return KafkaException(KafkaError(code, "because", False, retriable))


def test_retry_budget_starts_at_the_first_failure_not_the_last_success(clock: Clock) -> None:
    retry_budget = RetryBudget(300)
    retry_budget.succeeded()
    clock.now += 100_000  # idle for a day
    assert retry_budget.failed(Unavailable("down")) == 0.25
    clock.now += 299
    assert retry_budget.failed(Unavailable("down")) == 0.5
    clock.now += 2
    with pytest.raises(Unavailable, match="down"):
        retry_budget.failed(Unavailable("down"))


def test_a_success_resets_the_retry_budget(clock: Clock) -> None:
    retry_budget = RetryBudget(10)
    retry_budget.failed(Unavailable("down"))
    clock.now += 9
    retry_budget.succeeded()
    clock.now += 9
    assert retry_budget.failed(Unavailable("down")) == 0.25


def test_an_exhausted_retry_budget_turns_a_kafka_error_into_unavailable(clock: Clock) -> None:
    retry_budget = RetryBudget(10)
    error = kafka_error(KafkaError._TIMED_OUT)
    retry_budget.failed(error)
    clock.now += 11
    with pytest.raises(Unavailable, match="nothing could be committed for 11 s: _TIMED_OUT: because"):
        retry_budget.failed(error)


def test_a_retriable_call_is_repeated(clock: Clock) -> None:
    timeouts = []

    def call(timeout: float) -> None:
        timeouts.append(timeout)
        clock.now += 4.75
        if len(timeouts) < 3:
            raise kafka_error(KafkaError._TIMED_OUT, retriable=True)

    end = clock.now + 10
    retry(call, lambda: end)
    assert timeouts == [1, 1, 0.5]


def test_retries_end_at_a_deadline_that_moves_closer(clock: Clock) -> None:
    deadlines = iter([clock.now + 100, clock.now + 100, clock.now + 3, clock.now + 3])
    calls = []

    def call(timeout: float) -> None:
        calls.append(timeout)
        clock.now += 2
        raise kafka_error(KafkaError._TIMED_OUT, retriable=True)

    with pytest.raises(KafkaException):
        retry(call, lambda: next(deadlines))
    assert calls == [1, 1]


def test_a_permanent_error_is_raised_at_once(clock: Clock) -> None:
    calls = []

    def call(timeout: float) -> None:
        calls.append(timeout)
        raise kafka_error(KafkaError._FENCED)

    with pytest.raises(KafkaException):
        retry(call, lambda: clock.now + 10)
    assert len(calls) == 1


def test_refused_access_is_not_authorised() -> None:
    with pytest.raises(NotAuthorised, match="TOPIC_AUTHORIZATION_FAILED"):
        raise_if_refused(kafka_error(KafkaError.TOPIC_AUTHORIZATION_FAILED))
    raise_if_refused(kafka_error(KafkaError._TIMED_OUT))


def test_lost_partitions_are_an_abortable_kafka_error() -> None:
    assert reason(LostPartitions()).startswith("_ASSIGNMENT_LOST: ")


def test_a_call_with_timeout_raises_the_error_of_the_call() -> None:
    calls = []
    call_with_timeout(lambda: calls.append(1), "call", lambda: time.monotonic() + 60)
    assert calls == [1]

    def fail() -> None:
        raise kafka_error(KafkaError._FENCED)

    with pytest.raises(KafkaException, match="_FENCED"):
        call_with_timeout(fail, "call", lambda: time.monotonic() + 60)


def test_a_hung_call_is_abandoned() -> None:
    released = Event()
    with pytest.raises(ClientHung, match="send_offsets did not return") as caught:
        call_with_timeout(released.wait, "send_offsets", time.monotonic)
    assert caught.value.args[0].fatal()
    released.set()
