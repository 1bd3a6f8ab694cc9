"""Every form of report is a whole document, whatever has ended the command."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from avroguard.cli import check, diff, drift, lint, register
from avroguard.errors import ContractError, NotAuthorised, UsageError
from avroguard.reporting import Format, failure_report, render

GOOD = '{"type": "record", "name": "O", "namespace": "shop", "fields": [{"name": "a", "type": "int"}]}'
BROKEN = GOOD.replace('"int"', '"itn"')
CONTRACTS = '[topics.t]\npartitions = 1\nretention = "7d"\nvalue = "o.avsc"\ncompatibility = "FULL"\n'
COLUMN = BROKEN.index('"itn"') + 1


@pytest.fixture(autouse=True)
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A schema that is no Avro, and its version before in the directory `before`."""
    monkeypatch.chdir(tmp_path)
    for variable in ("SCHEMAS_DIR", "GITHUB_WORKSPACE", "CI_PROJECT_DIR"):
        monkeypatch.delenv(variable, raising=False)
    Path("before").mkdir()
    for directory, schema in ((Path(), BROKEN), (Path("before"), GOOD)):
        (directory / "o.avsc").write_text(schema)
        (directory / "contracts.toml").write_text(CONTRACTS)


COMMANDS: list[tuple[Any, Sequence[str]]] = [
    (lint, ["o.avsc"]),
    (check, ["--against", "before"]),
    (diff, ["before/o.avsc", "o.avsc"]),
    (register, ["--registry-url", "http://127.0.0.1:1"]),
    (drift, ["--registry-url", "http://127.0.0.1:1"]),
]
ALL = [pytest.param(*command, id=command[0].__name__.rpartition(".")[2]) for command in COMMANDS]


def report(command: Any, arguments: Sequence[str], form: str, capsys: pytest.CaptureFixture[str]) -> str:
    assert command.main([*arguments, "--format", form]) == 1
    return capsys.readouterr().out


@pytest.mark.parametrize(("command", "arguments"), ALL)
def test_a_schema_that_is_no_avro_is_a_finding_at_its_place(
    command: Any, arguments: Sequence[str], capsys: pytest.CaptureFixture[str]
) -> None:
    (finding,) = json.loads(report(command, arguments, "json", capsys))["findings"]
    assert (finding["file"], finding["line"], finding["column"]) == ("o.avsc", 1, COLUMN)
    rule = "TYPE_UNKNOWN"
    assert (finding["rule"], finding["field"]) == (rule, "shop.O.a")

    (run,) = json.loads(report(command, arguments, "sarif", capsys))["runs"]
    assert [result["ruleId"] for result in run["results"]] == [rule]

    failure = ET.fromstring(report(command, arguments, "junit", capsys)).find(".//failure")
    assert failure is not None
    assert failure.get("type") == rule

    annotation = report(command, arguments, "github", capsys).splitlines()[0]
    assert annotation.startswith(f"::error file=o.avsc,line=1,col={COLUMN},title={rule}::")

    (issue,) = json.loads(report(command, arguments, "gitlab", capsys))
    assert (issue["check_name"], issue["severity"]) == (rule, "major")
    assert issue["location"] == {"path": "o.avsc", "lines": {"begin": 1}}


def test_a_fault_of_the_contracts_is_a_finding_at_its_line(capsys: pytest.CaptureFixture[str]) -> None:
    Path("o.avsc").write_text(GOOD)
    Path("contracts.toml").write_text(CONTRACTS.replace("FULL", "FUL"))
    (finding,) = json.loads(report(check, ["--against", "before"], "json", capsys))["findings"]
    assert (finding["file"], finding["line"], finding["rule"]) == ("contracts.toml", 5, "CONTRACTS_INVALID")


def test_an_error_without_a_place_is_told_in_every_form() -> None:
    ended = failure_report("avroguard check", UsageError("o.avsc:1: no such file <&>"))
    assert ended.findings == ()
    assert render(ended, Format.TEXT) == "o.avsc:1: no such file <&>\nstopped: 1 error\n"
    assert json.loads(render(ended, Format.JSON))["errors"] == ["o.avsc:1: no such file <&>"]
    assert render(ended, Format.GITHUB).startswith("::error title=avroguard check::o.avsc:1: no such file <&>\n")
    (run,) = json.loads(render(ended, Format.SARIF))["runs"]
    (invocation,) = run["invocations"]
    assert not invocation["executionSuccessful"]
    assert invocation["toolExecutionNotifications"][0]["message"]["text"] == "o.avsc:1: no such file <&>"
    root = ET.fromstring(render(ended, Format.JUNIT))
    assert (root.get("tests"), root.get("errors"), root.get("failures")) == ("1", "1", "0")
    (issue,) = json.loads(render(ended, Format.GITLAB))
    assert (issue["severity"], issue["location"]["path"]) == ("blocker", ".")


def test_every_form_says_why_nothing_was_compared(capsys: pytest.CaptureFixture[str]) -> None:
    Path("o.avsc").write_text(GOOD)
    Path("none").mkdir()
    against = ["--against", "none"]
    document = json.loads(report(check, against, "json", capsys))
    (error,) = document["errors"]
    assert error.startswith("nothing was compared: ")
    root = ET.fromstring(report(check, against, "junit", capsys))
    assert root.get("errors") == "1"
    (run,) = json.loads(report(check, against, "sarif", capsys))["runs"]
    assert run["invocations"][0]["toolExecutionNotifications"][0]["message"]["text"] == error
    assert any(issue["description"] == error for issue in json.loads(report(check, against, "gitlab", capsys)))
    assert f"::error title=avroguard check::{error}\n" in report(check, against, "github", capsys)
    assert check.main([*against, "--allow-none", "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["errors"] == []


def test_lines_with_and_without_a_place_are_told_apart() -> None:
    ended = failure_report("x", ContractError("a b.toml:3:4: wrong: very\nand nothing else"))
    assert [str(finding) for finding in ended.findings] == ["a b.toml:3:4: CONTRACTS_INVALID wrong: very"]
    assert ended.errors == ("and nothing else",)
    assert failure_report("x", NotAuthorised("who?")).errors == ("who?",)


def test_gitlab_finds_files_from_the_root_of_the_checkout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CI_PROJECT_DIR", str(tmp_path.parent))
    (issue,) = json.loads(report(lint, ["o.avsc"], "gitlab", capsys))
    assert issue["location"]["path"] == f"{tmp_path.name}/o.avsc"
