"""`avroguard explain`, `changelog` and `init` in a repository of their own."""

import json
from pathlib import Path
from typing import Any

import pytest

from avroguard.cli import changelog, check, explain, init
from avroguard.config.topics import load_contracts
from support.contract_files import commit_all, git

MONEY = {"type": "record", "name": "Money", "namespace": "shop", "fields": [{"name": "cents", "type": "int"}]}
ORDER = {
    "type": "record",
    "name": "Order",
    "namespace": "shop",
    "fields": [{"name": "id", "type": "string"}, {"name": "total", "type": "Money"}],
}


def write(path: str, schema: Any) -> None:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(json.dumps(schema, indent=1))


@pytest.fixture(autouse=True)
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with an order that refers to money, which is its working directory."""
    git(tmp_path, "init", "--quiet", "--initial-branch=main")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SCHEMAS_DIR", raising=False)
    write("avro/order.avsc", ORDER)
    write("avro/money.avsc", MONEY)
    commit_all(tmp_path)
    return tmp_path


def test_a_change_is_explained_with_a_record_and_the_order_of_deployment(capsys: pytest.CaptureFixture[str]) -> None:
    write("avro/money.avsc", {**MONEY, "fields": [{"name": "cents", "type": "long"}]})
    names = ["git:main:avro/order.avsc", "avro/order.avsc"]
    assert explain.main([*names, "--level", "BACKWARD"]) == 0
    said = "from git:main:avro/order.avsc to avro/order.avsc at BACKWARD, readers deploy first, then writers"
    assert capsys.readouterr().out == f"{said}: nothing found\n"
    assert explain.main(names) == 1
    out = capsys.readouterr().out
    assert out.startswith("avro/money.avsc:8:12: TYPE_CHANGED field 'cents' of shop.Money is long")
    assert '    written with the new schema: {"id": "text", "total": {"cents": ' in out


def test_a_changelog_says_what_changed_who_deploys_first_and_what_breaks(capsys: pytest.CaptureFixture[str]) -> None:
    fields = [*ORDER["fields"], {"name": "note", "type": "string"}]
    write("avro/order.avsc", {**ORDER, "fields": fields})
    write("avro/new.avsc", {**MONEY, "name": "New"})
    assert changelog.main(["--against", "git:main"]) == 0
    text = capsys.readouterr().out
    assert text.startswith("# Schema changes since git:main\n\n## shop.Order\n\n`avro/order.avsc`, at BACKWARD\n\n")
    assert "- Added field note of shop.Order: string\n\n**Deployment:** writers deploy first, then readers.\n" in text
    assert "**Breaks:** READER_FIELD_MISSING_DEFAULT at `avro/order.avsc:" in text
    assert '```text\nwritten with git:main: {"id": "text", "total": {"cents": ' in text
    assert "## shop.Money" not in text
    assert text.endswith(
        "- shop.New is new in comparison with git:main: nothing to compare with (`avro/new.avsc:1:1`)\n"
    )


def test_a_changelog_of_no_change_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert changelog.main(["--against", "git:main"]) == 0
    assert capsys.readouterr().out == "# Schema changes since git:main\n\nNo schema has changed.\n"


def test_contracts_are_written_from_what_is_there_and_never_overwritten(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write("copy/money.avsc", MONEY)
    Path("avro/broken.avsc").write_text("{")
    monkeypatch.chdir("copy")
    assert init.main(["--level", "FULL"]) == 0
    output = capsys.readouterr()
    assert output.out.endswith("contracts.toml: written, with 2 schemas at FULL\n")
    assert "avroguard init: copy/money.avsc: left out" in output.err
    assert "avroguard init: avro/broken.avsc: left out" in output.err
    monkeypatch.chdir("..")
    Path("avro/broken.avsc").unlink()
    contracts = load_contracts(Path("contracts.toml"))
    assert [(contract.subject, contract.compatibility) for contract in contracts.subjects] == [
        ("shop.Money", "FULL"),
        ("shop.Order", "FULL"),
    ]
    assert check.main(["--against", "git:main"]) == 0
    text = Path("contracts.toml").read_text()
    assert init.main([]) == 2
    assert "contracts.toml: there already; nothing is overwritten" in capsys.readouterr().err
    assert Path("contracts.toml").read_text() == text


def test_where_there_is_no_schema_no_contracts_are_written(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path_factory.mktemp("empty"))
    assert init.main([]) == 2
    assert "no valid schema file (.avsc) in this directory or below" in capsys.readouterr().err
    assert not Path("contracts.toml").exists()
