"""The composite action: what it declares, and what its script does in a checkout as GitHub makes it."""

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from support.contract_files import ContractFiles, commit_all, git, remove_field
from support.wheels import PROJECT, environment, make_wheels

ACTION: dict[str, Any] = yaml.safe_load((PROJECT / "action.yml").read_text(encoding="utf-8"))
INPUTS = {"AVROGUARD_AGAINST": "", "AVROGUARD_LEVEL": "", "AVROGUARD_FORMAT": "github", "AVROGUARD_PATHS": ""}
NEW_BRANCH = "0" * 40


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_wheels(tmp_path_factory.mktemp("wheels"), tmp_path_factory.mktemp("sources"))


@pytest.fixture
def origin(tmp_path: Path) -> ContractFiles:
    """A repository whose branch `change` removes a field that main has."""
    files = ContractFiles.make(tmp_path / "origin" / "schemas", lambda name: name)
    repository = tmp_path / "origin"
    git(repository, "init", "--quiet", "--initial-branch", "main")
    commit_all(repository)
    git(repository, "checkout", "--quiet", "-b", "change")
    files.change(remove_field("currency"))
    commit_all(repository)
    return files


def _run(
    origin: ContractFiles, wheels: Path, *, offline: bool = False, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Runs the script in a checkout of the branch with one commit, as actions/checkout makes it by default."""
    scratch = origin.directory.parents[1]
    checkout = scratch / "checkout"
    address = (scratch / "origin").as_uri()
    subprocess.run(
        ["git", "clone", "--quiet", "--depth=1", "--branch=change", "--single-branch", address, checkout], check=True
    )
    if offline:
        git(checkout, "remote", "set-url", "origin", (scratch / "nowhere").as_uri())
    given = {"GITHUB_ACTION_PATH": str(PROJECT), "RUNNER_TEMP": str(scratch), "AVROGUARD_DEFAULT_BRANCH": "main"}
    outside = {name: value for name, value in environment(wheels).items() if not name.startswith("GITHUB_")}
    return subprocess.run(
        [PROJECT / "action.sh"],
        cwd=checkout,
        env=outside | INPUTS | given | variables,
        capture_output=True,
        text=True,
        check=False,
    )


def test_every_input_reaches_the_script() -> None:
    (step,) = ACTION["runs"]["steps"]
    script = (PROJECT / "action.sh").read_text(encoding="utf-8")
    assert set(step["env"]) == set(re.findall(r"AVROGUARD_[A-Z_]+", script))
    assert {f"${{{{ inputs.{name} }}}}" for name in ACTION["inputs"]} == {
        value for value in step["env"].values() if "inputs." in value
    }
    assert os.access(PROJECT / "action.sh", os.X_OK)


@pytest.mark.parametrize(
    "variables",
    [{"GITHUB_BASE_REF": "main"}, {"AVROGUARD_BEFORE": NEW_BRANCH}],
    ids=["pull request", "new branch"],
)
def test_a_break_is_annotated_in_its_file(origin: ContractFiles, wheels: Path, variables: dict[str, str]) -> None:
    done = _run(origin, wheels, **variables)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "::error file=schemas/transaction.avsc,line=6" in done.stdout


def test_a_push_is_compared_with_what_was_there_before(origin: ContractFiles, wheels: Path) -> None:
    done = _run(origin, wheels, AVROGUARD_BEFORE=_before(origin))
    assert done.returncode == 1, done.stdout + done.stderr
    assert "READER_FIELD_MISSING_DEFAULT" in done.stdout


def test_the_level_is_handed_on(origin: ContractFiles, wheels: Path) -> None:
    done = _run(origin, wheels, AVROGUARD_AGAINST="git:origin/main", AVROGUARD_LEVEL="BACKWARD")
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_history_that_cannot_be_fetched_is_no_all_clear(origin: ContractFiles, wheels: Path) -> None:
    done = _run(origin, wheels, offline=True, GITHUB_BASE_REF="main")
    assert done.returncode == 3
    assert "set fetch-depth: 0" in done.stdout


def _before(origin: ContractFiles) -> str:
    command = ["git", "-C", str(origin.directory), "rev-parse", "main"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
