"""Child processes: their log, their end, and the guard that ends them with their owner."""

import subprocess
import sys
from pathlib import Path

import psutil  # type: ignore[import-untyped]
import pytest

from tools.harness.processes import ChildProcess, ProcessDied
from tools.harness.waiting import wait_for

OWNER = """
import os, sys, time
from pathlib import Path
from tools.harness.processes import ChildProcess
child = ChildProcess("child", [sys.executable, "-c", "import time; time.sleep(600)"], os.environ, Path(sys.argv[1]))
print(child.process.pid, flush=True)
time.sleep(600)
"""


def child(log: Path, code: str) -> ChildProcess:
    return ChildProcess("child", [sys.executable, "-c", code], {}, log)


def test_a_process_that_ended_early_is_named_with_the_end_of_its_log(tmp_path: Path) -> None:
    with child(tmp_path / "child.log", "print('last words'); raise SystemExit(3)") as process:
        process.process.wait(60)
        for check in (process.require_alive, process.require_no_failure, process.require_success):
            with pytest.raises(ProcessDied, match=r"(?s)the child .* with exit code 3; the end of .*last words"):
                check()


def test_a_process_that_ended_well_has_not_failed(tmp_path: Path) -> None:
    with child(tmp_path / "child.log", "") as process:
        process.process.wait(60)
        process.require_no_failure()
        process.require_success()
        with pytest.raises(ProcessDied, match="ended early with exit code 0"):
            process.require_alive()


def test_a_process_ends_with_its_block(tmp_path: Path) -> None:
    with child(tmp_path / "child.log", "import time; time.sleep(600)") as process:
        process.require_alive()
        with pytest.raises(ProcessDied, match="did not end when asked to"):
            process.require_success()
    assert process.ended


def test_a_process_ends_with_an_owner_that_is_killed_even_if_paused(tmp_path: Path) -> None:
    command = [sys.executable, "-c", OWNER, str(tmp_path / "child.log")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        left = psutil.Process(int(owner.stdout.readline()))
        left.suspend()
        owner.kill()
    wait_for(lambda: not left.is_running() or left.status() == psutil.STATUS_ZOMBIE, "the guard ends the child")
