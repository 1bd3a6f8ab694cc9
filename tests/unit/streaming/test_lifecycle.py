import os
import signal
from threading import Event

import pytest
from structlog.testing import capture_logs

from services.errors import ContractError, Unavailable, UsageError
from services.streaming.lifecycle import backoff, run_service, stop_on_signals, wait_until


def test_backoff_doubles_up_to_its_limit() -> None:
    assert [backoff(attempt, first=1, most=5) for attempt in range(5)] == [1, 2, 4, 5, 5]
    assert backoff(10_000) == backoff(30)


def test_waits_until_the_call_succeeds() -> None:
    answers = iter([Unavailable("not yet"), Unavailable("not yet")])

    def attempt() -> str:
        for error in answers:
            raise error
        return "up"

    assert wait_until(attempt, what="registry", timeout=60, stop=Event()) == "up"


def test_gives_up_when_the_time_is_over() -> None:
    def attempt() -> None:
        raise Unavailable("down")

    with pytest.raises(Unavailable, match="down"):
        wait_until(attempt, what="registry", timeout=0, stop=Event())


def test_does_not_wait_for_what_waiting_cannot_mend() -> None:
    calls = []

    def attempt() -> None:
        calls.append(1)
        raise ContractError("not registered")

    with pytest.raises(ContractError):
        wait_until(attempt, what="registry", timeout=60, stop=Event())
    assert len(calls) == 1


def test_stopping_ends_the_waiting() -> None:
    stop = Event()
    stop.set()

    def attempt() -> None:
        raise Unavailable("down")

    with pytest.raises(Unavailable):
        wait_until(attempt, what="registry", timeout=60, stop=stop)


@pytest.mark.parametrize(
    ("error", "code"), [(UsageError("wrong"), 2), (Unavailable("down"), 3), (ContractError("missing"), 1)]
)
def test_an_expected_error_becomes_a_log_line_and_an_exit_code(error: Exception, code: int) -> None:
    def main() -> int:
        raise error

    with capture_logs() as lines, pytest.raises(SystemExit) as caught:
        run_service(main)
    assert caught.value.code == code
    assert [(line["event"], line["reason"], line["exit_code"]) for line in lines] == [("stopped", str(error), code)]


def test_the_first_signal_asks_and_the_second_ends() -> None:
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    try:
        stop = stop_on_signals()
        assert not stop.is_set()
        os.kill(os.getpid(), signal.SIGTERM)
        assert stop.is_set()
        with pytest.raises(SystemExit) as caught:
            os.kill(os.getpid(), signal.SIGTERM)
        assert caught.value.code == 128 + signal.SIGTERM
    finally:
        signal.signal(signal.SIGTERM, before[0])
        signal.signal(signal.SIGINT, before[1])
