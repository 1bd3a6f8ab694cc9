"""Subjects of keys and of other names, and subjects that are frozen: registered, compared and pulled as any other."""

import json
import tomllib
from pathlib import Path

import pytest

from avroguard.cli import check, drift, pull, register
from avroguard.levels import Level
from support.contract_files import ContractFiles, add_field
from support.registry_server import Served

OPTIONAL = add_field(name="channel", type=["null", "string"], default=None)


def write(files: ContractFiles, text: str) -> None:
    (files.directory / "contracts.toml").write_text(text)
    (files.directory / "key.avsc").write_text(
        json.dumps({"type": "record", "name": "Key", "fields": [{"name": "id", "type": "long"}]})
    )


def test_keys_are_registered_and_pulled(
    served: Served, files: ContractFiles, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write(files, '[topics.orders]\nkey = "key.avsc"\nvalue = "transaction.avsc"\ncompatibility = "FULL"\n')
    assert register.main([]) == 0, capsys.readouterr()
    assert set(served.registry.subjects) == {"orders-key", "orders-value"}
    assert served.registry.levels == dict.fromkeys(("orders-key", "orders-value"), Level.FULL)
    assert check.main(["--against", "registry"]) == 0
    assert drift.main([]) == 0

    assert pull.main(["orders-value", "orders-key", "--to", "pulled"]) == 0
    tables = tomllib.loads(Path("pulled/contracts.toml").read_text())
    assert tables == {
        "topics": {"orders": {"value": "transaction.avsc", "key": "key.avsc", "compatibility": "FULL"}},
    }
    monkeypatch.setenv("SCHEMAS_DIR", "pulled")
    assert drift.main([]) == 0, capsys.readouterr().out
    assert pull.main(["orders-value", "orders-key", "--to", "pulled"]) == 0
    assert "changed" not in capsys.readouterr().out.replace("unchanged", "")


def test_keys_alone_and_keys_of_another_level_are_pulled(
    served: Served, files: ContractFiles, capsys: pytest.CaptureFixture[str]
) -> None:
    write(files, '[topics.orders]\nkey = "key.avsc"\nvalue = "transaction.avsc"\ncompatibility = "FULL"\n')
    assert register.main([]) == 0, capsys.readouterr()
    assert pull.main(["orders-key", "--to", "keys"]) == 0, capsys.readouterr()
    assert tomllib.loads(Path("keys/contracts.toml").read_text()) == {
        "topics": {"orders": {"value": "bytes", "key": "key.avsc", "compatibility": "FULL"}},
    }
    served.registry.levels["orders-key"] = Level.NONE
    assert pull.main(["orders-value", "orders-key", "--to", "pulled"]) == 0, capsys.readouterr()
    assert tomllib.loads(Path("pulled/contracts.toml").read_text()) == {
        "topics": {"orders": {"value": "transaction.avsc", "compatibility": "FULL"}},
        "schemas": {"key.avsc": {"subject": "orders-key", "compatibility": "NONE"}},
    }


@pytest.mark.parametrize(
    ("strategy", "subject"),
    [("record", "payments.Transaction"), ("topic-record", "orders-payments.Transaction")],
)
def test_subjects_are_named_as_the_strategy_says(
    served: Served, files: ContractFiles, capsys: pytest.CaptureFixture[str], strategy: str, subject: str
) -> None:
    write(
        files,
        f'[topics.orders]\nvalue = "transaction.avsc"\ncompatibility = "FULL"\nsubject_name_strategy = "{strategy}"\n',
    )
    assert register.main([]) == 0, capsys.readouterr()
    assert set(served.registry.subjects) == {subject}
    assert drift.main([]) == 0


def test_a_frozen_subject_has_the_strictest_level_in_the_registry(
    served: Served, files: ContractFiles, capsys: pytest.CaptureFixture[str]
) -> None:
    files.change_contracts("FULL_TRANSITIVE", "FROZEN")
    assert register.main([]) == 0
    assert capsys.readouterr().out.count("NEW v1 id 1, level FULL_TRANSITIVE") == 2
    assert set(served.registry.levels.values()) == {Level.FULL_TRANSITIVE}
    assert register.main(["--dry-run", "--detailed-exitcode"]) == 0
    assert drift.main([]) == 0
    before = served.registry.state()
    files.change(OPTIONAL)
    capsys.readouterr()
    assert register.main([]) == 1
    assert "SCHEMA_FROZEN" in capsys.readouterr().out
    assert served.registry.state() == before
