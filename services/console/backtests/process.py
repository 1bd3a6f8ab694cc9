"""A worker process: started with a request, watched, and ended when it takes too long."""

import json
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from threading import Timer
from typing import Any

from services.errors import ContractError

READ, EVALUATED = "read", "evaluated"
"""Phases: messages that were read, transactions that were evaluated."""

WORKER = (sys.executable, "-m", "services.console.backtests")


@dataclass(frozen=True)
class Request:
    """A backtest to make.

    Attributes:
        changed: Content of the changed rules file.
        in_force: Content of the rules file in force.
        hours: The time to look back from now.
        examples: Number of examples of each rule and change.
    """

    changed: str
    in_force: str
    hours: float
    examples: int = 5


class BacktestError(ContractError):
    """The backtest has no result: the rules are broken, or the transactions can't be had."""


Report = Callable[[str, int, int], bool]
"""Takes the phase, the number done and the total; returns False to end the backtest."""


def run_worker(request: Request, report: Report, seconds: float, command: Sequence[str] = WORKER) -> Mapping[str, Any]:
    """Return the result of a backtest, made by a process of its own.

    Args:
        request: The request.
        report: Receives the progress.
        seconds: Time after which the process is killed.
        command: The worker.

    Raises:
        BacktestError: It has no result; the text is for the person who asked.
    """
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        timer = Timer(seconds, process.kill)
        timer.start()
        try:
            return _follow(process, request, report)
        finally:
            late = not timer.is_alive()
            timer.cancel()
            process.kill()
            if late:
                raise BacktestError(
                    f"it took longer than {seconds:g} s (BACKTEST_SECONDS): choose fewer days"
                ) from None


def _follow(process: "subprocess.Popen[str]", request: Request, report: Report) -> Mapping[str, Any]:
    assert process.stdin is not None and process.stdout is not None  # noqa: S101, PT018 - pipes
    with suppress(BrokenPipeError):
        process.stdin.write(json.dumps(asdict(request)))
        process.stdin.close()
    for text in process.stdout:
        line = json.loads(text)
        if "result" in line:
            result: Mapping[str, Any] = line["result"]
            return result
        if "error" in line:
            raise BacktestError(line["error"])
        if not report(line["phase"], line["done"], line["total"]):
            raise BacktestError("stopped")
    raise BacktestError("the worker ended without a result: the log of the console has the reason")
