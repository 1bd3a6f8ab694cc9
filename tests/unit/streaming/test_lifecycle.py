import os
import signal
import subprocess
import sys
from threading import Event

import pytest
from structlog.testing import capture_logs

from services.errors import ContractError, Unavailable, UsageError
from services.streaming.lifecycle import Stopped, backoff, run_service, wait_until


def test_backoff_doubles_up_to_its_limit() -> None:
    assert [backoff(attempt, first=1, limit=5) for attempt in range(5)] == [1, 2, 4, 5, 5]
    assert backoff(10_000) == backoff(30)


def test_wait_until_returns_when_the_call_succeeds() -> None:
    answers = iter([Unavailable("not yet"), Unavailable("not yet")])

    def attempt() -> str:
        for error in answers:
            raise error
        return "up"

    assert wait_until(attempt, waiting_for="registry", timeout=60, stop=Event()) == "up"


def test_wait_until_raises_after_its_timeout() -> None:
    def attempt() -> None:
        raise Unavailable("down")

    with pytest.raises(Unavailable, match="down"):
        wait_until(attempt, waiting_for="registry", timeout=0, stop=Event())


def test_wait_until_raises_permanent_errors_at_once() -> None:
    calls = []

    def attempt() -> None:
        calls.append(1)
        raise ContractError("not registered")

    with pytest.raises(ContractError):
        wait_until(attempt, waiting_for="registry", timeout=60, stop=Event())
    assert len(calls) == 1


def test_transient_errors_are_retried_briefly(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter([ContractError("not registered"), Unavailable("not yet"), ContractError("not registered")])

    def attempt() -> str:
        for error in answers:
            raise error
        return "up"

    assert wait_until(attempt, waiting_for="registry", timeout=60, stop=Event(), transient=(ContractError,)) == "up"
    monkeypatch.setattr("services.streaming.lifecycle.BRIEF_SECONDS", 0.05)
    calls = []

    def never() -> None:
        calls.append(1)
        raise ContractError("not registered")

    with pytest.raises(ContractError):
        wait_until(never, waiting_for="registry", timeout=60, stop=Event(), transient=(ContractError,))
    assert len(calls) == 2


def test_a_stop_ends_the_wait() -> None:
    stop = Event()
    stop.set()

    def attempt() -> None:
        raise Unavailable("down")

    with pytest.raises(Stopped, match="while waiting for registry") as caught:
        wait_until(attempt, waiting_for="registry", timeout=60, stop=stop)
    assert caught.value.exit_code == 0


@pytest.mark.parametrize(
    ("error", "code"), [(UsageError("wrong"), 2), (Unavailable("down"), 3), (ContractError("missing"), 1)]
)
def test_an_expected_error_becomes_a_log_line_and_an_exit_code(
    error: Exception, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def main() -> int:
        raise error

    codes: list[int] = []
    monkeypatch.setattr("services.streaming.lifecycle.os._exit", codes.append)
    with capture_logs() as lines:
        run_service(main)
    assert codes == [code]
    assert [(line["event"], line["reason"], line["exit_code"]) for line in lines] == [("stopped", str(error), code)]


UNFINISHED = """
import threading, time
from services.streaming.lifecycle import run_service
from services.streaming.logs import configure_logging

def main():
    configure_logging("test")
    threading.Thread(target=time.sleep, args=(60,)).start()
    print("said", end="")
    {end}

run_service(main)
"""


@pytest.mark.parametrize(("end", "code"), [("return 4", 4), ("raise KeyError('a fault of ours')", 1)])
def test_a_service_ends_with_hung_threads(end: str, code: int) -> None:
    command = [sys.executable, "-c", UNFINISHED.format(end=end)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=50, check=False)
    assert (done.returncode, done.stdout) == (code, "said")
    assert ("KeyError: 'a fault of ours'" in done.stderr) == (code == 1)


BLOCKED = """
import sys, time
from services.streaming.lifecycle import stop_on_signals
stop = stop_on_signals(grace={grace})
print("ready", flush=True)
stop.wait()
print("asked", flush=True)
time.sleep(60)
"""


def asked_to_stop(grace: float | None) -> subprocess.Popen[str]:
    program = BLOCKED.format(grace=grace)
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.terminate()
    return process


def test_the_first_signal_stops_and_the_second_kills() -> None:
    process = asked_to_stop(grace=None)
    assert process.stdout is not None
    assert process.stdout.readline() == "asked\n"
    process.send_signal(signal.SIGINT)
    assert process.wait(10) == 128 + signal.SIGINT


def test_a_process_is_ended_after_its_grace_period() -> None:
    assert asked_to_stop(grace=0.1).wait(10) == 0


AGAIN = """
import os, time
from services.streaming.lifecycle import run_service, start_again, stop_on_signals
stop = stop_on_signals()

def main():
    is_first = os.environ.pop("FIRST", None) is not None
    print(os.getpid(), is_first, flush=True)
    if is_first:
        start_again(stop, {grace})
        {end}
    stop.wait()
    return 0

run_service(main)
"""


def started_again(end: str, grace: float = 60.0) -> subprocess.Popen[str]:
    program, environment = AGAIN.format(end=end, grace=grace), {**os.environ, "FIRST": "yes"}
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, env=environment)
    assert process.stdout is not None
    assert process.stdout.readline() == f"{process.pid} True\n"
    return process


@pytest.mark.parametrize(("end", "grace"), [("pass", 60.0), ("time.sleep(60)", 0.1)])
def test_a_service_starts_again_in_its_process_even_where_it_hangs(end: str, grace: float) -> None:
    process = started_again(end, grace)
    assert process.stdout is not None
    assert process.stdout.readline() == f"{process.pid} False\n"
    process.terminate()
    assert process.wait(10) == 0
    assert process.stdout.read() == ""


def test_a_signal_ends_a_service_that_is_about_to_start_again() -> None:
    process = started_again("print('ending', flush=True); time.sleep(1)")
    assert process.stdout is not None
    assert process.stdout.readline() == "ending\n"
    process.terminate()
    assert process.wait(10) == 0
    assert process.stdout.read() == ""
