"""What Kafka's errors mean for the loop: repeat the call, go back, start over, or give up."""

import time
from collections.abc import Callable
from threading import Thread

from confluent_kafka import KafkaError, KafkaException

from services.errors import NotAuthorised, RetryableError, Unavailable
from services.streaming.lifecycle import backoff

# What a broker answers when waiting can't help; without these the loop would retry for nothing.
NOT_AUTHORISED = {
    "TOPIC_AUTHORIZATION_FAILED",
    "GROUP_AUTHORIZATION_FAILED",
    "TRANSACTIONAL_ID_AUTHORIZATION_FAILED",
    "CLUSTER_AUTHORIZATION_FAILED",
    "SASL_AUTHENTICATION_FAILED",
}


class RetryBudget:
    """Counts failures in a row and says how long to wait after each, until it runs out.

    Args:
        seconds: How long failures may follow each other with no success between them.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._failures = 0
        self._since = 0.0

    def succeeded(self) -> None:
        """Something worked: the next failure is the first again."""
        self._failures = 0

    def failed(self, error: Exception) -> float:
        """Seconds to wait before trying again.

        Raises:
            RetryableError: patience has run out; `error` itself where it is one.
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
    """Raised by the loop itself, shaped like librdkafka's own abortable errors."""

    def __init__(self) -> None:
        super().__init__(KafkaError(KafkaError._ASSIGNMENT_LOST, "the group gave the partitions to others"))  # noqa: SLF001


def retry(call: Callable[[float], object], deadline: Callable[[], float]) -> None:
    """Repeats a transactional call for as long as librdkafka says that repeating it is right, until the deadline.

    Args:
        call: Takes the seconds it may block; librdkafka resumes it where it was when it is called again.
        deadline: When to stop repeating, on the monotonic clock. Asked again each time: a stop moves it closer.
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
    """A client does not come back from a call: it must be given up for a new one."""

    def __init__(self, what: str) -> None:
        super().__init__(KafkaError(KafkaError._TIMED_OUT, f"{what} did not come back", fatal=True))  # noqa: SLF001


def call_with_timeout(call: Callable[[], object], what: str, deadline: Callable[[], float]) -> None:
    """Makes a call that may ignore its time-out, in a thread of its own, and leaves it behind when it is late.

    `send_offsets_to_transaction` never comes back when the group's coordinator was decommissioned meanwhile (librdkafka
    issues 5456 and 5511). The thread that is left behind keeps the client alive, which can't be destroyed in that
    state; the next client of the same transactional id fences it.

    Args:
        call: What to do.
        what: Names it in the error.
        deadline: When to stop waiting, on the monotonic clock; asked again and again: a stop moves it closer.

    Raises:
        ClientHung: the call has not come back by then.
        Exception: what the call raised.
    """
    failures: list[Exception] = []

    def run() -> None:
        try:
            call()
        except Exception as error:  # noqa: BLE001 - handed over to the thread that waits
            failures.append(error)

    thread = Thread(target=run, name=what, daemon=True)
    thread.start()
    while thread.is_alive():
        left = deadline() - time.monotonic()
        if left <= 0:
            raise ClientHung(what)
        thread.join(min(left, 0.25))
    if failures:
        raise failures[0]


def is_fatal(error: KafkaException) -> bool:
    """Whether the client is of no use any more; what a call after the first fatal error raises says so by its code."""
    return bool(error.args[0].fatal() or error.args[0].code() == KafkaError._FATAL)  # noqa: SLF001


def raise_if_refused(error: KafkaException) -> None:
    """Turns an error that only other credentials or permissions can mend into `NotAuthorised`."""
    if error.args[0].name() in NOT_AUTHORISED:
        raise NotAuthorised(f"the broker refuses access: {reason(error)}") from error


def reason(error: Exception) -> str:
    """An error in one line: librdkafka's name for it and its text."""
    if isinstance(error, KafkaException):
        return f"{error.args[0].name()}: {error.args[0].str()}"
    return str(error)
