"""`avroguard pull`: what it writes can be registered again, and what it can't write is said."""

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from avroguard.cli import drift, pull, register
from support.contract_files import ContractFiles
from support.registry_server import Fault, Served

MONEY = {"type": "record", "name": "Money", "namespace": "ex", "fields": [{"name": "cents", "type": "long"}]}
ORDER = {"type": "record", "name": "Order", "namespace": "ex", "fields": [{"name": "sum", "type": "Money"}]}


def hold(served: Served, subject: str, schema: Any, *references: str) -> None:
    """Register a version, with references to v1 of types."""
    uses = [{"name": name, "subject": name, "version": 1} for name in references]
    status, _ = served.registry.answer(
        "POST", f"/subjects/{subject}/versions", {"schema": json.dumps(schema)} | ({"references": uses} if uses else {})
    )
    assert status == 200


def test_what_happened_to_each_file_for_programs(
    served: Served, files: ContractFiles, capsys: pytest.CaptureFixture[str]
) -> None:
    register.main([])
    capsys.readouterr()
    arguments = ["one-value", "--to", "pulled", "--format", "json"]
    assert pull.main(arguments) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["results"] == [
        {"file": "pulled/transaction.avsc", "status": "written"},
        {"file": "pulled/contracts.toml", "status": "written"},
    ]
    assert (report["checked"], report["summary"]) == (["one-value"], "1 subject pulled to pulled: nothing found")
    assert pull.main(arguments) == 0
    assert json.loads(capsys.readouterr().out)["results"] == [
        {"file": "pulled/transaction.avsc", "status": "unchanged"}
    ]


@pytest.mark.parametrize("form", ["github", "sarif", "junit"])
def test_every_format(served: Served, files: ContractFiles, capsys: pytest.CaptureFixture[str], form: str) -> None:
    register.main([])
    assert pull.main(["one-value", "--to", "pulled", "--format", form]) == 0
    assert "nothing found" in capsys.readouterr().out or form != "github"


def test_subjects_that_are_no_topics(
    served: Served, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    hold(served, "ex.Money", MONEY)
    hold(served, "orders", "string")
    assert pull.main(["ex.Money", "orders", "--to", "schemas"]) == 0
    output = capsys.readouterr()
    assert "avroguard pull: orders v1 id 2, " in output.err
    assert "; has no place in contracts.toml: it is of no new topic, and a type without a name" in output.err
    assert json.loads(Path("schemas/orders.avsc").read_text()) == "string"
    assert list(tomllib.loads(Path("schemas/contracts.toml").read_text())) == ["schemas"]
    served.registry.levels["ex.Money"] = served.registry.default
    assert drift.main(["--ignore", "orders"]) == 0, capsys.readouterr().out


def test_an_older_version_that_is_referred_to_is_said(
    served: Served, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    hold(served, "ex.Money", MONEY)
    hold(served, "orders-value", ORDER, "ex.Money")
    more = {**MONEY, "fields": [*MONEY["fields"], {"name": "currency", "type": "string", "default": "EUR"}]}
    hold(served, "ex.Money", more)
    assert pull.main(["orders-value", "--to", "schemas"]) == 0
    assert "refers to v1 of ex.Money, where the files have v2" in capsys.readouterr().err


def test_what_is_wrong_with_the_contracts_afterwards_is_found(
    served: Served, files: ContractFiles, capsys: pytest.CaptureFixture[str]
) -> None:
    schema = {"type": "record", "name": "Order", "fields": [{"name": "sum", "type": "ex.Nothing"}]}
    body = {"subject": "orders-value", "version": 1, "id": 9, "schema": json.dumps(schema)}
    served.faults = [Fault("GET /subjects/orders-value/versions/latest", 200, json.dumps(body).encode())]
    assert pull.main(["orders-value", "--to", "schemas"]) == 1
    (finding,) = [line for line in capsys.readouterr().out.splitlines() if "order.avsc:" in line and ": TYPE" in line]
    assert re.match(r'schemas/order.avsc:\d+:15: TYPE_UNKNOWN unknown type "ex.Nothing"', finding)
