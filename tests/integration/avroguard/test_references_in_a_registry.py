"""A record in a file of its own, used by two others: registered, found, decoded, changed, pulled, all by reference."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from avroguard.cli import check, drift, pull, register
from avroguard.config.topics import load_contracts as read_contracts_file
from services.contracts import Contracts, RecordDecoder, RecordEncoder, Registry, RegistrySettings, load_contracts
from tools.local_cluster import Cluster

MONEY: dict[str, Any] = {
    "type": "record",
    "name": "Money",
    "namespace": "ex",
    "doc": "An amount.",
    "fields": [{"name": "cents", "type": "long", "doc": "The amount in cents."}],
}


def user(name: str, *types: Any) -> dict[str, Any]:
    fields = [{"name": f"f{index}", "type": type_} for index, type_ in enumerate(types)]
    return {"type": "record", "name": name, "namespace": "ex", "fields": fields}


def contracts_of(names: dict[str, str]) -> str:
    topics = "".join(
        f'[topics."{names[topic]}"]\npartitions = 1\nretention = "7d"\nvalue = "{topic}.avsc"\n'
        'compatibility = "FULL_TRANSITIVE"\n\n'
        for topic in ("order", "refund")
    )
    shared = f'[schemas."money.avsc"]\nsubject = "{names["money"]}"\ncompatibility = "FULL_TRANSITIVE"\n\n'
    return topics + shared


@pytest.fixture
def names(unique: Callable[[str], str]) -> dict[str, str]:
    return {name: unique(name) for name in ("order", "refund", "money")}


@pytest.fixture
def directory(tmp_path: Path, names: dict[str, str], cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SCHEMAS_DIR", "schemas")
    monkeypatch.setenv("SCHEMA_REGISTRY_URL", cluster.registry_url)
    made = tmp_path / "schemas"
    made.mkdir()
    (made / "contracts.toml").write_text(contracts_of(names))
    write(made / "money.avsc", MONEY)
    write(made / "order.avsc", user("Order", "Money", ["null", "ex.Money"]))
    write(made / "refund.avsc", user("Refund", {"type": "array", "items": "ex.Money"}))
    return made


@pytest.fixture
def registry(cluster: Cluster) -> Registry:
    return Registry(RegistrySettings.load(url=cluster.registry_url))


def write(path: Path, schema: Any) -> None:
    path.write_text(json.dumps(schema, indent=2))


def subjects(contracts: Contracts) -> dict[str, str]:
    return {contract.schema.path.stem: contract.subject for contract in contracts.subjects}


def test_from_two_files_to_a_decoded_message(
    directory: Path, names: dict[str, str], registry: Registry, capsys: pytest.CaptureFixture[str]
) -> None:
    assert register.main(["--dry-run", "--detailed-exitcode"]) == 5
    assert [line.split()[1:3] for line in capsys.readouterr().out.splitlines()] == [["NEW", "v1,"]] * 3
    assert registry.versions(names["money"]) == []

    assert register.main([]) == 0
    assert capsys.readouterr().out.split()[0] == names["money"]
    contracts = load_contracts()
    stored = registry.version(f"{names['order']}-value")
    assert stored.references == ({"name": "ex.Money", "subject": names["money"], "version": 1},)
    assert stored.schema["fields"][0]["type"]["name"] == "Money"

    assert register.main(["--dry-run", "--detailed-exitcode"]) == 0
    assert all(" UNCHANGED v1 id " in line for line in capsys.readouterr().out.splitlines())
    for topic in contracts.governed:
        registration = registry.require(topic.subject, topic.required_schema)
        record = {"f0": {"cents": 3}, "f1": None} if "order" in topic.name else {"f0": [{"cents": 1}]}
        body = RecordEncoder(topic.required_schema.json).encode(record)
        assert RecordDecoder(registry.schema_by_id(registration.id), topic.required_schema.json).decode(body) == record
    assert check.main(["--against", "registry"]) == 0


def test_a_change_of_what_is_referred_to_reaches_those_that_refer_to_it(
    directory: Path, names: dict[str, str], registry: Registry, capsys: pytest.CaptureFixture[str]
) -> None:
    assert register.main([]) == 0
    optional = {"name": "currency", "type": "string", "default": "EUR"}
    write(directory / "money.avsc", MONEY | {"fields": [*MONEY["fields"], optional]})
    capsys.readouterr()
    assert check.main(["--against", "registry"]) == 0
    capsys.readouterr()
    assert register.main([]) == 0
    assert [line.split()[1:3] for line in capsys.readouterr().out.splitlines()] == [["CHANGED", "v2"]] * 3
    stored = registry.version(f"{names['refund']}-value")
    assert [reference["version"] for reference in stored.references] == [2]
    assert [field["name"] for field in stored.schema["fields"][0]["type"]["items"]["fields"]] == ["cents", "currency"]

    write(directory / "money.avsc", MONEY | {"fields": [{"name": "cents", "type": "string"}]})
    assert register.main([]) == 1
    output = capsys.readouterr().out
    assert output.count("INCOMPATIBLE") >= 3
    assert "schemas/money.avsc:" in output
    assert registry.versions(names["money"]) == [1, 2]


def test_what_is_pulled_is_what_was_registered(
    directory: Path,
    names: dict[str, str],
    registry: Registry,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert register.main([]) == 0
    pulled_subjects = [f"{names[topic]}-value" for topic in ("order", "refund")]
    assert pull.main([*pulled_subjects, "--to", "pulled", "--all-versions"]) == 0
    pulled = read_contracts_file(Path("pulled/contracts.toml"))
    assert subjects(pulled) == subjects(load_contracts())
    assert json.loads(Path("pulled/money.avsc").read_text()) == MONEY
    assert {contract.compatibility for contract in pulled.subjects} == {"FULL_TRANSITIVE"}

    monkeypatch.setenv("SCHEMAS_DIR", "pulled")
    assert drift.main(["--ignore", "*"]) == 0
    capsys.readouterr()
    assert pull.main([*pulled_subjects, "--to", "pulled"]) == 0
    assert all(line.endswith(": unchanged") for line in capsys.readouterr().out.splitlines())

    optional = {"name": "note", "type": "string", "default": ""}
    write(directory / "refund.avsc", user("Refund", {"type": "array", "items": "ex.Money"}) | {"doc": "x"})
    content = json.loads((directory / "refund.avsc").read_text())
    write(directory / "refund.avsc", content | {"fields": [*content["fields"], optional]})
    monkeypatch.setenv("SCHEMAS_DIR", "schemas")
    assert register.main([]) == 0
    assert pull.main([*pulled_subjects, "--to", "pulled", "--all-versions"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "pulled/refund.avsc: changed" in lines
    assert f"pulled/versions/{names['refund']}-value/v1.avsc: written" in lines


def test_drift_is_found_in_both_directions(
    directory: Path, names: dict[str, str], registry: Registry, capsys: pytest.CaptureFixture[str]
) -> None:
    assert drift.main(["--ignore", "*"]) == 1
    assert capsys.readouterr().out.count(" NOT_REGISTERED ") == 3
    assert register.main([]) == 0
    order = f"{names['order']}-value"
    capsys.readouterr()
    assert drift.main([order]) == 0

    old = (directory / "order.avsc").read_bytes()
    content = json.loads(old)
    write(
        directory / "order.avsc", content | {"fields": [*content["fields"], {"name": "n", "type": "int", "default": 1}]}
    )
    assert drift.main([order]) == 1
    assert "NOT_REGISTERED the registry at" in capsys.readouterr().out
    assert register.main([]) == 0
    (directory / "order.avsc").write_bytes(old)
    registry.set_compatibility_level(order, None)
    capsys.readouterr()
    assert drift.main([order]) == 1
    output = capsys.readouterr().out
    assert "NOT_THE_LATEST the file is v1" in output
    assert "LEVEL_DIFFERS" in output

    shutil.copy(directory / "order.avsc", directory / "refund.avsc")
    contracts = directory / "contracts.toml"
    contracts.write_text(contracts.read_text().replace(names["refund"], names["refund"] + ".new"))
    assert drift.main(["--ignore", "other*"]) == 1
    assert f"NOT_IN_CONTRACTS the registry at {registry} has the subject {names['refund']}" in capsys.readouterr().out
