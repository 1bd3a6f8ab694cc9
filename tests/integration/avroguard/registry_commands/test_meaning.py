"""`avroguard register` and changes that every registry takes although they mean something else."""

import datetime as dt
import json
from typing import Any

import pytest

from avroguard.cli import check, register
from support.contract_files import ContractFiles
from support.registry_server import Served

WAIVER = """
[[waivers]]
rule = "DEFAULT_CHANGED"
field = "payments.Transaction.channel"
reason = "nobody has relied on it yet"
expires = {}
"""


def channel(default: str) -> Any:
    def change(schema: dict[str, Any]) -> None:
        schema["fields"] = [field for field in schema["fields"] if field["name"] != "channel"]
        schema["fields"].append({"name": "channel", "doc": "How.", "type": "string", "default": default})

    return change


@pytest.fixture(autouse=True)
def registered(served: Served, files: ContractFiles, capsys: pytest.CaptureFixture[str]) -> None:
    """v1 without and v2 with a field, and a file that gives the field another default."""
    register.main([])
    files.change(channel("WEB"))
    assert register.main([]) == 0
    files.change(channel("POS"))
    capsys.readouterr()


def test_another_meaning_is_refused_as_it_is_by_check(
    served: Served, files: ContractFiles, capsys: pytest.CaptureFixture[str]
) -> None:
    before = served.registry.state()
    assert register.main([]) == 1
    output = capsys.readouterr()
    for subject, line in zip(files.subjects, output.out.splitlines(), strict=True):
        assert line.startswith(f"{subject}  OTHER MEANING with v2: schemas/transaction.avsc:")
        assert (
            'DEFAULT_CHANGED field \'channel\' of payments.Transaction has the default "POS" instead of "WEB"' in line
        )
    assert output.err == "avroguard register: refused; nothing has been changed\n"
    assert served.registry.state() == before
    assert check.main(["--against", "registry"]) == 1


def test_what_is_asked_to_be_a_warning_is_one(
    served: Served, files: ContractFiles, capsys: pytest.CaptureFixture[str]
) -> None:
    assert register.main(["--semantic", "warn"]) == 0
    first, second, warning = capsys.readouterr().out.splitlines()
    assert (first, second) == ("one-value  CHANGED v3 id 3", "two-value  CHANGED v3 id 3")
    assert ": DEFAULT_CHANGED warning: field 'channel'" in warning
    assert "(breaks v2 of one-value, two-value)" in warning


def test_what_is_not_asked_is_not_told(served: Served, capsys: pytest.CaptureFixture[str]) -> None:
    assert register.main(["--semantic", "off"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 2


def test_a_waiver_counts_until_its_day(
    served: Served, files: ContractFiles, capsys: pytest.CaptureFixture[str]
) -> None:
    contracts = files.directory / "contracts.toml"
    plain = contracts.read_text()
    today = dt.datetime.now(dt.UTC).date()
    contracts.write_text(plain + WAIVER.format(today - dt.timedelta(days=1)))
    assert register.main([]) == 1
    assert "WAIVER_EXPIRED the waiver of DEFAULT_CHANGED has expired on" in capsys.readouterr().out
    contracts.write_text(plain + WAIVER.format(today + dt.timedelta(days=1)))
    assert register.main(["--format", "json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert {finding["waived"] for finding in report["findings"]} == {"nobody has relied on it yet"}
    assert [(result["subject"], result["status"], result["version"]) for result in report["results"]] == [
        (subject, "CHANGED", 3) for subject in files.subjects
    ]


def test_what_a_version_before_has_changed_is_not_told_again(
    served: Served, files: ContractFiles, capsys: pytest.CaptureFixture[str]
) -> None:
    assert register.main(["--semantic", "off"]) == 0
    files.change(lambda schema: schema["fields"].append({"name": "x", "doc": "X.", "type": "int", "default": 0}))
    assert register.main([]) == 0
    files.change(channel("WEB"))
    capsys.readouterr()
    assert register.main([]) == 1
    assert "INCOMPATIBLE" not in capsys.readouterr().out


def test_a_plan_for_programs(served: Served, files: ContractFiles, capsys: pytest.CaptureFixture[str]) -> None:
    assert register.main(["--semantic", "off", "--dry-run", "--format", "json", "--detailed-exitcode"]) == 5
    output = capsys.readouterr()
    assert json.loads(output.out)["results"][0] == {
        "subject": "one-value",
        "status": "CHANGED",
        "version": 3,
        "id": None,
        "latest_before": 2,
        "level": "FULL_TRANSITIVE",
        "level_before": "FULL_TRANSITIVE",
        "notes": [],
    }
    assert register.main(["--format", "json"]) == 1
    assert {result["status"] for result in json.loads(capsys.readouterr().out)["results"]} == {"OTHER MEANING"}
