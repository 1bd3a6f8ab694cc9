"""The hooks of .pre-commit-hooks.yaml in another repository, by pre-commit itself and without an index."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from support.contract_files import ContractFiles, add_field, git, remove_field
from support.wheels import environment, make_wheels, repository_copy

Commit = Callable[[str], subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def hooks(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """This repository as others clone it, and the environment of a process that runs pre-commit."""
    wheels = make_wheels(tmp_path_factory.mktemp("wheels"), tmp_path_factory.mktemp("sources"))
    repository = repository_copy(tmp_path_factory.mktemp("hooks"))
    home = {"PRE_COMMIT_HOME": str(tmp_path_factory.mktemp("home"))}
    author = {f"GIT_{role}_{key}": "test" for role in ("AUTHOR", "COMMITTER") for key in ("NAME", "EMAIL")}
    scripts = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return repository, environment(wheels) | home | author | {"PATH": scripts}


@pytest.fixture
def files(tmp_path: Path, hooks: tuple[Path, dict[str, str]]) -> ContractFiles:
    """A repository with schemas and the hooks, committed."""
    repository, variables = hooks
    revision = subprocess.run(
        ["git", "-C", repository, "rev-parse", "HEAD"], capture_output=True, text=True, check=True
    )
    made = ContractFiles.make(tmp_path / "shop" / "schemas", lambda name: name)
    names = "".join(
        f"      - id: {name}\n" for name in ("avroguard-lint", "avroguard-check", "lint-schemas", "check-schemas")
    )
    (tmp_path / "shop" / ".pre-commit-config.yaml").write_text(
        f"repos:\n  - repo: {repository}\n    rev: {revision.stdout.strip()}\n    hooks:\n{names}"
    )
    git(tmp_path / "shop", "init", "--quiet")
    git(tmp_path / "shop", "add", "--all")
    subprocess.run(["git", "-C", tmp_path / "shop", "commit", "--quiet", "-m", "First"], env=variables, check=True)
    return made


@pytest.fixture
def run_hooks(files: ContractFiles, hooks: tuple[Path, dict[str, str]]) -> Callable[[], tuple[int, str]]:
    """Stages everything and runs every hook; returns the exit code and what was written."""

    def run() -> tuple[int, str]:
        git(files.directory, "add", "--all")
        command = [sys.executable, "-m", "pre_commit", "run", "--color", "never"]
        done = subprocess.run(
            command, cwd=files.directory.parent, env=hooks[1], capture_output=True, text=True, check=False
        )
        return done.returncode, done.stdout + done.stderr

    return run


def test_a_compatible_change_passes_every_hook(
    files: ContractFiles, run_hooks: Callable[[], tuple[int, str]], hooks: tuple[Path, dict[str, str]]
) -> None:
    files.change(add_field(name="channel", type="string", default="web", doc="Where it was ordered."))
    code, output = run_hooks()
    assert code == 0, output
    assert output.count("Passed") == 4
    installed = {path.name for path in Path(hooks[1]["PRE_COMMIT_HOME"]).glob("repo*/py_env*/**/site-packages/*")}
    assert "avroguard" in installed
    assert not {"numpy", "confluent_kafka", "fastavro", "httpx2"} & installed


def test_a_breaking_change_fails(files: ContractFiles, run_hooks: Callable[[], tuple[int, str]]) -> None:
    files.change(remove_field("currency"))
    code, output = run_hooks()
    assert code == 1
    assert output.count("READER_FIELD_MISSING_DEFAULT") == 2
    assert output.count("Passed") == 2
