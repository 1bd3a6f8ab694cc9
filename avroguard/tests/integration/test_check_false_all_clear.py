"""Changes that `avroguard check` must not pass over: a type renamed under its users, files without a table."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from avroguard.cli.check import main
from support.contract_files import commit_all, git

Check = Callable[..., tuple[int, str]]


def enum(name: str, **more: Any) -> dict[str, Any]:
    return {"type": "enum", "name": name, "namespace": "s", "symbols": ["NEW", "OLD"], **more}


def record(name: str, kind: Any) -> dict[str, Any]:
    return {"type": "record", "name": name, "namespace": "s", "fields": [{"name": "a", "type": kind}]}


def write(path: str, schema: Any) -> None:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(json.dumps(schema, indent=2) + "\n")


@pytest.fixture
def check(capsys: pytest.CaptureFixture[str]) -> Check:
    """Run the command; returns the exit code and its output."""

    def run(*arguments: str, against: str = "git:HEAD") -> tuple[int, str]:
        code = main(["--against", against, *arguments])
        return code, "".join(capsys.readouterr())

    return run


@pytest.fixture(autouse=True)
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty repository that is the working directory."""
    root = tmp_path / "repository"
    root.mkdir()
    git(root, "init", "--quiet", "--initial-branch=main")
    monkeypatch.chdir(root)
    monkeypatch.delenv("SCHEMAS_DIR", raising=False)
    return root


@pytest.mark.parametrize("form", ["text", "json", "github", "gitlab", "junit", "sarif"])
@pytest.mark.parametrize("against", ["git:HEAD", "../before"])
def test_a_type_that_is_gone_under_an_unchanged_user_is_an_error(check: Check, form: str, against: str) -> None:
    for directory in ("", "../before/"):
        write(f"{directory}status.avsc", enum("Status"))
        write(f"{directory}order.avsc", record("Order", "s.Status"))
    commit_all(Path())
    write("status.avsc", enum("State", aliases=["Status"]))
    code, output = check("--format", form, against=against)
    assert code == 1
    assert "TYPE_UNKNOWN" in output
    assert "NOT_COMPARED" not in output
    assert form != "text" or output.startswith("order.avsc:8:15: TYPE_UNKNOWN ")


@pytest.mark.parametrize("against", ["git:HEAD", "../before"])
def test_a_file_whose_type_was_unknown_before_is_no_error(check: Check, against: str) -> None:
    for directory in ("", "../before/"):
        write(f"{directory}status.avsc", enum("Status"))
        write(f"{directory}order.avsc", record("Order", "s.Other"))
    commit_all(Path())
    code, output = check(against=against)
    assert code == 0
    assert "order.avsc:8:15: NOT_COMPARED warning: order.avsc is no schema, neither here nor in " in output
