"""The short form of `scripts/chaos`: most faults once, kills twice, with less load.

The seeds are always the same, so that a run says something about the change that it is run for; `scripts/chaos` tries
others. They make the shorter ones of a fault's variants.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tools.chaos.faults import FAULTS
from tools.chaos.lab import Lab
from tools.chaos.report import line
from tools.chaos.results import Result
from tools.chaos.runner import Runner

TRIES = 4  # a round whose fault did not happen proves nothing: another seed may
SEEDS = {
    "detector-killed": (1, 2),
    "detector-paused": (10,),  # past the session's time-out, not the transaction's
    "network-cut": (4,),  # silent for 1.3 s
    "registry-slow": (7,),  # for a new schema id
    "poison-of-every-kind": (2,),  # outputs that take less than the input
    # Half a minute each, or on three brokers, where one fault is enough: for `scripts/chaos`, every week in a workflow.
    "broker-lost": (),
    "transaction-coordinator-moved": (),
    "producers-dated-ahead": (),
    "input-badly-keyed": (),
    "restore-longer-than-poll": (),
    "offsets-expired": (),
    "state-topic-deleted": (),
    "state-topic-truncated": (),
    "state-of-an-older-format": (),
}
COMMAND = "registry-down-cold"  # what the command itself is tried with
ROUNDS = [(name, seed) for name in FAULTS if name != COMMAND for seed in SEEDS.get(name, (1,))]


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with Lab() as opened:
        yield opened


def proven(runner: Runner, name: str, first: int) -> Result:
    """The first round of a fault that really happened."""
    for seed in range(first, first + TRIES):
        result = runner.run(name, seed)
        if result.verdict != "not run":
            break
        if "takes root" in result.problem:
            pytest.skip(result.problem)
    return result


@pytest.mark.slow
@pytest.mark.parametrize(("name", "seed"), ROUNDS)
def test_promises_are_kept(lab: Lab, tmp_path: Path, name: str, seed: int) -> None:
    result = proven(Runner(lab, tmp_path, scale=0.1, leniency=10), name, seed)
    for log in sorted(tmp_path.glob(f"{name}-*/detector*.log")):  # pytest shows them where the round failed
        sys.stderr.write(f"--- {log.name} ---\n{log.read_text(errors='replace')[-6000:]}\n")
    assert result.verdict == "ok", line(result)
    assert result.tally is not None
    assert result.tally.messages > 0


@pytest.mark.slow
def test_the_command_reports_each_round_and_repeats_it_by_its_seed() -> None:
    command = [sys.executable, "-m", "tools.chaos", "--rounds", "1", "--seed", "5", "--only", COMMAND]
    done = subprocess.run([*command, "--json"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    (chaos_round,) = report["rounds"]
    assert (chaos_round["fault"], chaos_round["seed"], chaos_round["verdict"]) == (COMMAND, 5, "ok")
    assert chaos_round["proof"]
    (summary,) = report["faults"]
    assert (summary["rounds"], summary["proven"], summary["missing"], summary["doubled"]) == (1, 1, 0, 0)
    assert report["violations"] == 0
    assert f"{COMMAND} --seed 5: ok" in done.stderr


@pytest.mark.parametrize("arguments", [["--rounds", "0"], ["--rounds", "few"], ["--only", "meteorite"]])
def test_wrong_usage_is_said(arguments: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tools.chaos", *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert arguments[-1] in done.stderr
    assert "Traceback" not in done.stderr
