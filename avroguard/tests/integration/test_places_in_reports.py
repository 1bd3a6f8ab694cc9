"""Reports that CI services read name files from the root of the repository, wherever the command runs."""

import json
import os
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from avroguard.cli.lint import main
from support.contract_files import git

FILE = "contracts/avro/a b.avsc"
BROKEN = '{"type": "record", "name": "O", "namespace": "shop", "fields": [{"name": "a", "type": "itn"}]}'


@pytest.fixture(params=["services/orders", "contracts/avro", ".", ".."])
def argument(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]
) -> str:
    """The schema as it is named from the working directory, one of several."""
    for variable in ("SCHEMAS_DIR", "GITHUB_WORKSPACE", "CI_PROJECT_DIR"):
        monkeypatch.delenv(variable, raising=False)
    root = tmp_path / "repository"
    for directory in ("contracts/avro", "services/orders"):
        (root / directory).mkdir(parents=True)
    git(root, "init", "--quiet")
    (root / FILE).write_text(BROKEN)
    monkeypatch.chdir(root / request.param)
    capsys.readouterr()
    return os.path.relpath(root / FILE)


def report(argument: str, form: str, capsys: pytest.CaptureFixture[str]) -> str:
    assert main([argument, "--format", form]) == 1
    return capsys.readouterr().out


def test_files_are_named_from_the_root_of_the_repository(argument: str, capsys: pytest.CaptureFixture[str]) -> None:
    annotation = report(argument, "github", capsys).splitlines()[0]
    assert annotation.startswith(f"::error file={FILE},line=1,")
    assert f"::{FILE}:1:" in annotation
    (issue,) = json.loads(report(argument, "gitlab", capsys))
    assert issue["location"]["path"] == FILE
    (run,) = json.loads(report(argument, "sarif", capsys))["runs"]
    (location,) = run["results"][0]["locations"]
    assert location["physicalLocation"]["artifactLocation"]["uri"] == "contracts/avro/a%20b.avsc"
    suites = ET.fromstring(report(argument, "junit", capsys)).findall("testsuite")
    assert [suite.get("name") for suite in suites] == [FILE]
    assert [case.get("file") for case in suites[0]] == [FILE]


def test_the_root_of_a_ci_checkout_goes_first(
    argument: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GITHUB_WORKSPACE", str(tmp_path))
    assert report(argument, "github", capsys).startswith(f"::error file=repository/{FILE},")


def test_a_fingerprint_is_that_of_the_file_wherever_the_command_runs(
    argument: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (elsewhere,) = json.loads(report(argument, "gitlab", capsys))
    file = Path(argument).resolve()
    monkeypatch.chdir(file.parent)
    (beside,) = json.loads(report(file.name, "gitlab", capsys))
    assert elsewhere["fingerprint"] == beside["fingerprint"]
