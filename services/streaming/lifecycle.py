"""The start and the end of a service: signals, exit codes, and waiting for its dependencies."""

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


class Stopped(ExpectedError):  # noqa: N818 - reads as what happened
    """The process was asked to stop before it had begun its work: no failure."""

    exit_code = 0


def stop_on_signals(grace: float | None = None) -> Event:
    """An event that SIGTERM and SIGINT set; a second signal ends the process at once.

    A thread of its own hears of the signals, through the file descriptor that Python writes their numbers to, because
    the main thread may be inside a Kafka call that nothing interrupts: librdkafka waits for some answers for as long
    as a transaction may take.

    Args:
        grace: Seconds after the first signal in which the process must have ended by itself; then it is ended with
            exit code 0. None for a process that ends in time, or has to say what it could not do.
    """
    stop = Event()
    heard, written = socket.socketpair()
    written.setblocking(False)
    signal.set_wakeup_fd(written.detach(), warn_on_full_buffer=False)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: None)

    def listen() -> None:
        heard.recv(1)
        stop.set()
        if grace is not None:
            timer = Timer(grace, _end_unfinished)
            timer.daemon = True
            timer.start()
        os._exit(128 + heard.recv(1)[0])

    Thread(target=listen, name="signals", daemon=True).start()
    return stop


def _end_unfinished() -> None:
    log.warning("ended before the brokers answered: what was not committed will be done again")
    os._exit(0)


def spare_garbage_collection() -> None:
    """Keeps the cyclic garbage collector from going through every batch of messages again and again.

    It begins a collection when 700 more objects were made than freed: seven times in a batch of 5,000 messages, none of
    which can be part of a cycle. With the higher threshold a batch is freed by reference counting alone before a
    collection begins; true cycles are still found. What exists by now stays, so that it is left out as well.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 20, 20)


def run_service(main: Callable[[], int]) -> NoReturn:
    """Run a composition root and exit with its code; an expected error becomes a log line and its exit code.

    The process ends without finalizing the interpreter: librdkafka's threads may call back into it at any time, and
    other threads may be inside calls that don't come back. What has to be closed, `main` has closed.
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
    os._exit(code)


def backoff(attempt: int, *, first: float = 0.25, most: float = 5.0) -> float:
    """Seconds to wait after the `attempt`-th failure in a row, counted from 0: doubles up to `most`."""
    return float(min(most, first * 2 ** min(attempt, 30)))


def wait_until(
    attempt: Callable[[], T],
    *,
    waiting_for: str,
    timeout: float,
    stop: Event,
    progress: Progress | None = None,
    transient: tuple[type[ExpectedError], ...] = (),
) -> T:
    """Calls `attempt` until it raises no `RetryableError`, saying so while it waits.

    Args:
        attempt: The call that may fail for now.
        waiting_for: The dependency, for the log lines: `broker`, `schema registry`.
        timeout: Seconds before giving up.
        stop: Ends the waiting early.
        progress: Receives the reason while the call fails.
        transient: Further errors that may pass, within `BRIEF_SECONDS`: a node of a registry may lag behind.

    Raises:
        RetryableError: the last one, when the time is up; one of `transient` when its time is.
        Stopped: `stop` was set meanwhile.
    """
    started = time.monotonic()
    failures = 0
    passing: tuple[type[ExpectedError], ...] = (RetryableError, *transient)
    progress = progress or Progress()
    while True:
        try:
            result = attempt()
        except passing as error:
            deadline = started + (min(timeout, BRIEF_SECONDS) if isinstance(error, transient) else timeout)
            progress.waiting(f"{waiting_for}: {error}")
            pause = backoff(failures)
            failures += 1
            left = deadline - time.monotonic()
            if stop.is_set():
                raise Stopped(f"stopped while waiting for {waiting_for}") from error
            if left <= 0:
                raise
            log.warning("waiting", waiting_for=waiting_for, reason=str(error), seconds_left=round(left, 1))
            stop.wait(min(pause, left))
        else:
            progress.waiting(None)
            return result
