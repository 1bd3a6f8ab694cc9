"""Start and end of a service: signals, exit codes, and waiting for its dependencies."""

import gc
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from threading import Event, Thread, Timer
from typing import NoReturn, TypeVar

import structlog

from services.errors import ExpectedError, RetryableError
from services.streaming.progress import Progress

log = structlog.get_logger()

BRIEF_SECONDS = 5.0

T = TypeVar("T")

_starts_again = Event()


class Stopped(ExpectedError):  # noqa: N818 - reads as what happened
    """A stop was requested before the work began: no failure."""

    exit_code = 0


def stop_on_signals(grace: float | None = None) -> Event:
    """Return an event that SIGTERM and SIGINT set; a second signal ends the process at once.

    A thread receives the signals through the file descriptor that Python writes their numbers to, because the main
    thread may be inside a Kafka call that nothing interrupts: librdkafka waits for some answers for as long as a
    transaction may take.

    Args:
        grace: Seconds after the first signal after which the process is ended with exit code 0. None for no limit.
    """
    stop = Event()
    receiver, sender = socket.socketpair()
    sender.setblocking(False)
    signal.set_wakeup_fd(sender.detach(), warn_on_full_buffer=False)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: None)

    def listen() -> None:
        receiver.recv(1)
        _starts_again.clear()
        stop.set()
        if grace is not None:
            timer = Timer(grace, _end_unfinished)
            timer.daemon = True
            timer.start()
        os._exit(128 + receiver.recv(1)[0])

    Thread(target=listen, name="signals", daemon=True).start()
    return stop


def _end_unfinished() -> None:
    log.warning("stopped without an answer of the brokers; uncommitted messages will be read again")
    os._exit(0)


def start_again(stop: Event, grace: float) -> None:
    """End the service as a signal does, and run its program again in the same process: its id and its container stay.

    Args:
        stop: The event of `stop_on_signals`. A signal from now on ends the service for good.
        grace: Seconds after which it starts again even where the brokers do not answer.
    """
    _starts_again.set()
    stop.set()
    timer = Timer(grace, _run_again)
    timer.daemon = True
    timer.start()


def _run_again() -> None:
    if _starts_again.is_set():
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606 - its own command line


def spare_garbage_collection() -> None:
    """Keep the cyclic garbage collector from scanning every batch of messages several times.

    A collection begins when 700 more objects were allocated than freed: seven times in a batch of 5,000 messages, none
    of which can be part of a cycle. With the higher threshold reference counting frees a batch before a collection
    begins; true cycles are still found. Objects that exist now are long-lived and are excluded.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 20, 20)


def run_service(main: Callable[[], int]) -> NoReturn:
    """Run a composition root and exit with its code, or run it again after `start_again`.

    An expected error becomes a log line and its exit code.

    The process ends without finalizing the interpreter: librdkafka's threads may call back into it at any time, and
    other threads may be inside calls that don't return. `main` closes everything that has to be closed.
    """
    try:
        code = main()
    except Stopped as error:
        log.info("stopped", reason=str(error))
        code = error.exit_code
    except ExpectedError as error:
        for line in str(error).splitlines():
            log.error("stopped", reason=line, error=type(error).__name__, exit_code=error.exit_code)
        code = error.exit_code
    except Exception:
        log.exception("failed")
        code = 1
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    if code == 0:
        _run_again()
    os._exit(code)


def backoff(attempt: int, *, first: float = 0.25, limit: float = 5.0) -> float:
    """Return the seconds to wait after the `attempt`-th failure in a row, counted from 0: doubles up to `limit`."""
    return float(min(limit, first * 2 ** min(attempt, 30)))


def wait_until(
    attempt: Callable[[], T],
    *,
    waiting_for: str,
    timeout: float,
    stop: Event,
    progress: Progress | None = None,
    transient: tuple[type[ExpectedError], ...] = (),
) -> T:
    """Repeat a call until it raises no `RetryableError`; each failure is logged.

    Args:
        attempt: The call.
        waiting_for: The dependency, for the log lines: `broker`, `schema registry`.
        timeout: Seconds after which the last error is raised.
        stop: Ends the waiting when set.
        progress: Receives the reason while the call fails.
        transient: Further errors that are retried, for `BRIEF_SECONDS`: a node of a registry may lag behind.

    Raises:
        RetryableError: the last one, when the time is up; one of `transient` after `BRIEF_SECONDS`.
        Stopped: `stop` was set.
    """
    started = time.monotonic()
    failures = 0
    retried: tuple[type[ExpectedError], ...] = (RetryableError, *transient)
    progress = progress or Progress()
    while True:
        try:
            result = attempt()
        except retried as error:
            deadline = started + (min(timeout, BRIEF_SECONDS) if isinstance(error, transient) else timeout)
            progress.waiting(f"{waiting_for}: {error}")
            pause = backoff(failures)
            failures += 1
            remaining = deadline - time.monotonic()
            if stop.is_set():
                raise Stopped(f"stopped while waiting for {waiting_for}") from error
            if remaining <= 0:
                raise
            log.warning("waiting", waiting_for=waiting_for, reason=str(error), seconds_left=round(remaining, 1))
            stop.wait(min(pause, remaining))
        else:
            progress.waiting(None)
            return result
