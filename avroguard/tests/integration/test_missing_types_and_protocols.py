"""Types that no file defines, protocols beside schemas, and the side that has to deploy first."""

import json
from pathlib import Path
from typing import Any

import pytest

from avroguard.cli import check, lint
from support.contract_files import commit_all, git


def record(name: str, kind: str, *, namespace: str = "shop", default: object = None) -> dict[str, Any]:
    field = {"name": "a", "type": kind}
    fields = [field] if default is None else [field, {"name": "b", "type": "int", "default": default}]
    return {"type": "record", "name": name, "namespace": namespace, "fields": fields}


def write(path: str, content: Any) -> None:
    Path(path).write_text(json.dumps(content) + "\n")


def protocol(*types: dict[str, Any]) -> dict[str, Any]:
    return {"protocol": "Shop", "namespace": "shop", "types": types, "messages": {}}


def test_a_missing_type_is_one_finding_with_its_first_places(
    repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(5):
        write(f"order{number}.avsc", record(f"Order{number}", "shop.Money"))
    assert lint.main([]) == 1
    finding, summary = capsys.readouterr().out.splitlines()
    assert finding.startswith('order0.avsc:1:92: TYPE_UNKNOWN unknown type "shop.Money"')
    assert finding.endswith("; also in order1.avsc:1:92, order2.avsc:1:92, order3.avsc:1:92 and 1 more")
    assert summary == "5 files checked in the repository: 1 error"
    write("whole.avsc", record("Whole", "int"))
    commit_all(repository)
    assert check.main(["--against", "git:main"]) == 0
    finding, summary = capsys.readouterr().out.splitlines()
    assert finding.startswith(
        "order0.avsc:1:92: NOT_COMPARED warning: no schema, neither here nor in git:main: unknown"
    )
    assert "; also in order1.avsc:1:92, order2.avsc:1:92, order3.avsc:1:92 and 1 more" in finding
    assert summary.endswith("1 warning")


@pytest.mark.usefixtures("repository")
def test_a_name_without_namespace_is_another_type_in_another_one(capsys: pytest.CaptureFixture[str]) -> None:
    for namespace in ("bank", "shop"):
        write(f"{namespace}1.avsc", record("A", "Money", namespace=namespace))
        write(f"{namespace}2.avsc", record("B", "Money", namespace=namespace))
    assert lint.main([]) == 1
    bank, shop, _ = capsys.readouterr().out.splitlines()
    assert (bank[:6], bank[-10:-5]) == ("bank1.", ".avsc")
    assert "also in bank2.avsc" in bank
    assert "also in shop2.avsc" in shop


@pytest.mark.parametrize("level", ["BACKWARD", "BACKWARD_TRANSITIVE"])
def test_a_protocol_is_compared_with_its_past(repository: Path, capsys: pytest.CaptureFixture[str], level: str) -> None:
    write("shop.avpr", protocol(record("Order", "int")))
    commit_all(repository)
    write("shop.avpr", protocol(record("Order", "int", default=0), record("Line", "int")))
    commit_all(repository)
    git(repository, "branch", "--quiet", "before")
    assert check.main(["--against", "git:main", "--level", level]) == 0
    assert capsys.readouterr().out == f"1 schema checked against git:main at {level}: nothing found\n"
    write("shop.avpr", protocol(record("Order", "string", default=0), record("Line", "int")))
    assert check.main(["--against", "git:before", "--level", level]) == 1
    finding, *_ = capsys.readouterr().out.splitlines()
    assert finding.startswith("shop.avpr:1:")
    assert "TYPE_CHANGED field 'a' of shop.Order" in finding


@pytest.mark.parametrize(
    ("level", "order"),
    [
        ("BACKWARD", " (readers deploy first, then writers)"),
        ("FORWARD_TRANSITIVE", " (writers deploy first, then readers)"),
        ("FULL", " (readers and writers deploy in any order)"),
    ],
)
def test_the_level_says_who_deploys_a_change_first(
    repository: Path, capsys: pytest.CaptureFixture[str], level: str, order: str
) -> None:
    write("o.avsc", record("O", "int"))
    commit_all(repository)
    assert check.main(["--against", "git:main", "--level", level]) == 0
    assert capsys.readouterr().out == f"1 schema checked against git:main at {level}: nothing found\n"
    write("o.avsc", record("O", "int", default=0))
    assert check.main(["--against", "git:main", "--level", level]) == 0
    assert capsys.readouterr().out == f"1 schema checked against git:main at {level}{order}: nothing found\n"
    write("o.avsc", record("O", "string"))
    assert check.main(["--against", "git:main", "--level", level]) == 1
    assert "deploy" not in capsys.readouterr().out.splitlines()[-1]


def test_lint_and_check_find_the_same_files(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write("o.avsc", record("O", "int"))
    write("shop.avpr", protocol(record("Order", "int")))
    commit_all(repository)
    assert lint.main(["--format", "json"]) == 0
    linted = json.loads(capsys.readouterr().out)["checked"]
    assert check.main(["--against", "git:main", "--format", "json"]) == 0
    assert sorted(linted) == ["o.avsc", "shop.avpr"]
    assert sorted(json.loads(capsys.readouterr().out)["checked"]) == ["shop.O", "shop.avpr"]
