"""Classification of Kafka errors: retry the call, abort and rewind, replace the clients, or give up."""

import time
from collections.abc import Callable
from threading import Thread

from confluent_kafka import KafkaError, KafkaException

from services.errors import NotAuthorised, RetryableError, Unavailable
from services.streaming.lifecycle import backoff

# Errors that no retry can mend.
NOT_AUTHORISED = {
    "TOPIC_AUTHORIZATION_FAILED",
    "GROUP_AUTHORIZATION_FAILED",
    "TRANSACTIONAL_ID_AUTHORIZATION_FAILED",
    "CLUSTER_AUTHORIZATION_FAILED",
    "SASL_AUTHENTICATION_FAILED",
}


class RetryBudget:
    """Backoff for consecutive failures, limited in time.

    Args:
        seconds: Time from the first failure, with no success since, after which the budget is exhausted.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._failures = 0
        self._since = 0.0

    def succeeded(self) -> None:
        """Reset the budget: the next failure is the first of a row."""
        self._failures = 0

    def failed(self, error: Exception) -> float:
        """Record a failure and return the seconds to wait before the next attempt.

        Raises:
            RetryableError: the budget is exhausted; `error` itself where it is a RetryableError.
        """
        now = time.monotonic()
        if not self._failures:
            self._since = now
        waited = now - self._since
        if waited > self._seconds:
            if isinstance(error, RetryableError):
                raise error
            raise Unavailable(f"nothing could be committed for {waited:.0f} s: {reason(error)}") from error
        self._failures += 1
        return backoff(self._failures - 1)


class LostPartitions(KafkaException):
    """Partitions of the open transaction belong to other members now; shaped like librdkafka's abortable errors."""

    def __init__(self) -> None:
        super().__init__(KafkaError(KafkaError._ASSIGNMENT_LOST, "the group gave the partitions to others"))  # noqa: SLF001


def retry(call: Callable[[float], object], deadline: Callable[[], float]) -> None:
    """Repeat a transactional call while librdkafka marks its error as retriable, until the deadline.

    Args:
        call: Takes the seconds it may block; librdkafka resumes the operation when it is called again.
        deadline: Returns the time to stop at, on the monotonic clock. Evaluated each time: a stop moves it closer.
    """
    while True:
        try:
            call(max(0.1, min(1.0, deadline() - time.monotonic())))
        except KafkaException as error:
            if not error.args[0].retriable() or time.monotonic() >= deadline():
                raise
        else:
            return


class ClientHung(KafkaException):
    """A call into the client does not return: the client must be replaced by a new one."""

    def __init__(self, operation: str) -> None:
        super().__init__(KafkaError(KafkaError._TIMED_OUT, f"{operation} did not return", fatal=True))  # noqa: SLF001


def call_with_timeout(call: Callable[[], object], operation: str, deadline: Callable[[], float]) -> None:
    """Run a call that may ignore its time-out in a thread, and abandon the thread at the deadline.

    `send_offsets_to_transaction` never returns when the group's coordinator was decommissioned meanwhile (librdkafka
    issues 5456 and 5511). The abandoned thread keeps the client alive, which can't be destroyed in that state; the next
    client of the same transactional id fences it.

    Args:
        call: The call.
        operation: Its name, for the error.
        deadline: Returns the time to stop at, on the monotonic clock. Evaluated repeatedly: a stop moves it closer.

    Raises:
        ClientHung: the call has not returned by the deadline.
        Exception: an error of the call.
    """
    failures: list[Exception] = []

    def run() -> None:
        try:
            call()
        except Exception as error:  # noqa: BLE001 - handed over to the thread that waits
            failures.append(error)

    thread = Thread(target=run, name=operation, daemon=True)
    thread.start()
    while thread.is_alive():
        remaining = deadline() - time.monotonic()
        if remaining <= 0:
            raise ClientHung(operation)
        thread.join(min(remaining, 0.25))
    if failures:
        raise failures[0]


def is_fatal(error: KafkaException) -> bool:
    """Return whether the client is unusable; calls after the first fatal error raise an error with the code _FATAL."""
    return bool(error.args[0].fatal() or error.args[0].code() == KafkaError._FATAL)  # noqa: SLF001


def raise_if_refused(error: KafkaException) -> None:
    """Raise `NotAuthorised` for an error that only other credentials or permissions can mend."""
    if error.args[0].name() in NOT_AUTHORISED:
        raise NotAuthorised(f"the broker refuses access: {reason(error)}") from error


def reason(error: Exception) -> str:
    """Return an error in one line: librdkafka's name for it and its text."""
    if isinstance(error, KafkaException):
        return f"{error.args[0].name()}: {error.args[0].str()}"
    return str(error)
