"""The start and the end of a service: signals, exit codes, and waiting for what it depends on."""

import signal
import sys
import time
from collections.abc import Callable
from threading import Event
from types import FrameType
from typing import NoReturn, TypeVar

import structlog

from services.errors import PipelineError, RetryableError

log = structlog.get_logger()

T = TypeVar("T")


def stop_on_signals() -> Event:
    """An event that SIGTERM and SIGINT set; a second signal ends the process at once."""
    stop = Event()

    def request_stop(number: int, _frame: FrameType | None) -> None:
        if stop.is_set():
            sys.exit(128 + number)
        stop.set()

    signal.signal(signal.SIGTERM, request_stop)
    signal.signal(signal.SIGINT, request_stop)
    return stop


def run_service(main: Callable[[], int]) -> NoReturn:
    """Runs a composition root and exits with its code; an expected error becomes a log line and its exit code."""
    try:
        code = main()
    except PipelineError as error:
        for line in str(error).splitlines():
            log.error("stopped", reason=line, error=type(error).__name__, exit_code=error.exit_code)
        code = error.exit_code
    sys.exit(code)


def backoff(attempt: int, *, first: float = 0.25, most: float = 5.0) -> float:
    """Seconds to wait after the `attempt`-th failure in a row, counted from 0: doubles up to `most`."""
    return float(min(most, first * 2 ** min(attempt, 30)))


def wait_until(attempt: Callable[[], T], *, what: str, timeout: float, stop: Event) -> T:
    """Calls `attempt` until it raises no `RetryableError`, saying so while it waits.

    Args:
        attempt: The call that may fail for now.
        what: Named in the log lines: `broker`, `schema registry`.
        timeout: Seconds before giving up.
        stop: Ends the waiting early.

    Raises:
        RetryableError: the last one, when the time is up or `stop` was set.
    """
    deadline = time.monotonic() + timeout
    failures = 0
    while True:
        try:
            return attempt()
        except RetryableError as error:
            pause = backoff(failures)
            failures += 1
            left = deadline - time.monotonic()
            if left <= 0 or stop.is_set():
                raise
            log.warning("waiting", waiting_for=what, reason=str(error), seconds_left=round(left, 1))
            stop.wait(min(pause, left))
