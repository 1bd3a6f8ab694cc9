"""`avroguard register` with both registries' answers: what it says is what the registry then holds."""

import json
import tomllib
from pathlib import Path

import pytest

from avroguard.cli import check, register
from avroguard.levels import Level
from support.contract_files import ContractFiles, add_field, remove_field
from support.registry_server import Fault, Served

OPTIONAL = add_field(name="channel", type=["null", "string"], default=None)


def said(capsys: pytest.CaptureFixture[str]) -> list[str]:
    """Return the line printed for each subject, without the subject."""
    return [line.split(maxsplit=1)[1] for line in capsys.readouterr().out.splitlines()]


def versions(served: Served) -> dict[str, int]:
    return {subject: len(versions) for subject, versions in served.registry.subjects.items()}


def test_a_dry_run_asks_and_changes_nothing(
    served: Served, files: ContractFiles, capsys: pytest.CaptureFixture[str]
) -> None:
    assert register.main(["--dry-run", "--detailed-exitcode"]) == 5
    assert said(capsys) == ["NEW v1, level FULL_TRANSITIVE (dry run)"] * 2
    assert served.registry.state() == ({}, {})
    assert register.main([]) == 0
    assert register.main(["--dry-run", "--detailed-exitcode"]) == 0


def test_new_then_unchanged_then_changed(
    served: Served, files: ContractFiles, capsys: pytest.CaptureFixture[str]
) -> None:
    assert register.main([]) == 0
    assert said(capsys) == ["NEW v1 id 1, level FULL_TRANSITIVE"] * 2
    assert served.registry.levels == dict.fromkeys(files.subjects, Level.FULL_TRANSITIVE)
    before = served.registry.state()

    schema = files.directory / "transaction.avsc"
    schema.write_text(json.dumps(dict(reversed(json.loads(schema.read_text()).items())), indent=7))
    assert register.main([]) == 0
    assert said(capsys) == ["UNCHANGED v1 id 1"] * 2
    assert served.registry.state() == before

    files.change(OPTIONAL)
    assert register.main([]) == 0
    assert said(capsys) == ["CHANGED v2 id 2"] * 2
    assert versions(served) == dict.fromkeys(files.subjects, 2)


def test_a_change_of_docs_is_a_version_or_said_to_be_dropped(
    served: Served, files: ContractFiles, capsys: pytest.CaptureFixture[str]
) -> None:
    makes_version = not served.registry.apicurio
    register.main([])
    files.change(lambda schema: schema.update(doc="In other words."))
    dropped = "UNCHANGED v1 id 1, the registry keeps its docs and aliases, which differ from the file's"
    capsys.readouterr()
    assert register.main(["--dry-run", "--detailed-exitcode"]) == (5 if makes_version else 0)
    planned = "CHANGED v2, docs or aliases alone" if makes_version else dropped
    assert said(capsys) == [f"{planned} (dry run)"] * 2
    assert register.main([]) == 0
    assert said(capsys) == ["CHANGED v2 id 2, docs or aliases alone" if makes_version else dropped] * 2
    assert versions(served) == dict.fromkeys(files.subjects, 2 if makes_version else 1)


def test_what_is_incompatible_holds_the_rest_back(
    served: Served, files: ContractFiles, capsys: pytest.CaptureFixture[str]
) -> None:
    register.main([files.subjects[1]])
    before = served.registry.state()
    files.change(remove_field("currency"))
    capsys.readouterr()
    assert register.main([]) == 1
    output = capsys.readouterr()
    first, second = output.out.splitlines()
    assert first == "one-value  SKIPPED"
    assert second.startswith("two-value  INCOMPATIBLE with v1: schemas/transaction.avsc:6:13: READER_FIELD_MISSING_")
    assert output.err == "avroguard register: refused; nothing has been changed\n"
    assert served.registry.state() == before


def test_an_older_version_is_a_rollback(
    served: Served, files: ContractFiles, capsys: pytest.CaptureFixture[str]
) -> None:
    old = (files.directory / "transaction.avsc").read_bytes()
    register.main([])
    files.change(OPTIONAL)
    register.main([])
    before = served.registry.state()
    (files.directory / "transaction.avsc").write_bytes(old)
    capsys.readouterr()
    assert register.main([]) == 1
    assert all(line.startswith("ROLLBACK schemas/transaction.avsc:1:1: ROLLBACK") for line in said(capsys))
    assert register.main(["--allow-rollback"]) == 0
    assert said(capsys) == ["ROLLBACK v1 id 1, the latest is v2"] * 2
    assert served.registry.state() == before


def test_a_lockfile_is_written_and_a_registry_made_anew_is_noticed(
    served: Served, files: ContractFiles, capsys: pytest.CaptureFixture[str]
) -> None:
    assert register.main(["--lockfile", "test.lock"]) == 0
    tables = tomllib.loads(Path("test.lock").read_text())["subjects"]
    assert {subject: (table["version"], table["id"]) for subject, table in tables.items()} == dict.fromkeys(
        files.subjects, (1, 1)
    )
    capsys.readouterr()
    assert register.main(["--lockfile", "test.lock"]) == 0
    assert "written" not in capsys.readouterr().err

    served.registry.subjects.clear()
    assert register.main(["--lockfile", "test.lock"]) == 1
    assert all(line.startswith("LOCKED test.lock:4: LOCK_DIFFERS v1 (id 1) of ") for line in said(capsys)[:1])
    assert served.registry.subjects == {}


def test_references_are_registered_before_what_refers_to_them(
    served: Served, files: ContractFiles, capsys: pytest.CaptureFixture[str]
) -> None:
    money = {"type": "record", "name": "Money", "namespace": "ex", "fields": [{"name": "cents", "type": "long"}]}
    order = {"type": "record", "name": "Order", "namespace": "ex", "fields": [{"name": "sum", "type": "Money"}]}
    for name, schema in (("money", money), ("order", order)):
        (files.directory / f"{name}.avsc").write_text(json.dumps(schema))
    (files.directory / "contracts.toml").write_text(
        '[topics.order]\npartitions = 1\nretention = "7d"\nvalue = "order.avsc"\ncompatibility = "FULL"\n\n'
        '[schemas."money.avsc"]\nsubject = "shared.money"\ncompatibility = "FULL"\n'
    )
    assert register.main([]) == 0
    registered = [
        request
        for request in served.requests
        if request.endswith("/versions") and request.startswith("POST /subjects/")
    ]
    assert registered == ["POST /subjects/shared.money/versions", "POST /subjects/order-value/versions"]
    assert served.registry.subjects["order-value"][0].references == [
        {"name": "ex.Money", "subject": "shared.money", "version": 1}
    ]

    money["fields"].append({"name": "currency", "type": "string", "default": "EUR"})
    (files.directory / "money.avsc").write_text(json.dumps(money))
    capsys.readouterr()
    assert register.main([]) == 0
    assert [line.split(" id ")[0] for line in said(capsys)] == ["CHANGED v2"] * 2
    assert served.registry.subjects["order-value"][1].references[0]["version"] == 2
    assert register.main(["--dry-run", "--detailed-exitcode"]) == 0


def test_a_level_set_by_hand_is_set_again(
    served: Served, files: ContractFiles, capsys: pytest.CaptureFixture[str]
) -> None:
    register.main([])
    served.registry.levels["one-value"] = Level.FORWARD
    del served.registry.levels["two-value"]
    capsys.readouterr()
    assert register.main([]) == 0
    lines = said(capsys)
    assert lines[0] == "CHANGED v1 id 1, level FORWARD -> FULL_TRANSITIVE"
    # Apicurio's does not tell an unset level from NONE.
    assert lines[1] == "CHANGED v1 id 1, level " + ("NONE -> " if served.registry.apicurio else "") + "FULL_TRANSITIVE"
    assert served.registry.levels == dict.fromkeys(files.subjects, Level.FULL_TRANSITIVE)


@pytest.mark.parametrize("whose", ["one-value", "all"])
def test_what_is_read_only_is_refused_before_anything_is_changed(
    served: Served, files: ContractFiles, capsys: pytest.CaptureFixture[str], whose: str
) -> None:
    register.main([])
    if whose == "all":
        served.registry.mode = "READONLY"
    else:
        served.registry.modes[whose] = "READONLY"
    assert register.main([]) == 0, "nothing is to be changed"
    before, request_count = served.registry.state(), len(served.requests)
    files.change(OPTIONAL)
    files.change_contracts("FULL_TRANSITIVE", "FULL")
    capsys.readouterr()
    assert register.main([]) == 1
    output = capsys.readouterr()
    assert "one-value  READ ONLY schemas/contracts.toml:1: READ_ONLY the registry at" in output.out
    assert "has one-value in mode READONLY: it is not to be changed" in output.out
    assert ("two-value  SKIPPED" in output.out) is (whose == "one-value")
    assert output.err == "avroguard register: refused; nothing has been changed\n"
    assert served.registry.state() == before
    assert [
        request
        for request in served.requests[request_count:]
        if request.startswith(("PUT", "DELETE")) or request.endswith("/versions")
    ] == [f"GET /subjects/{subject}/versions" for subject in files.subjects for _ in range(2)]


@pytest.mark.parametrize(("status", "body"), [(403, b""), (404, b"<html>"), (404, b'{"error_code": 404}')])
def test_a_registry_that_does_not_tell_its_mode_is_tried(
    served: Served, files: ContractFiles, status: int, body: bytes
) -> None:
    served.faults = [Fault("GET /mode", status, body)]
    assert register.main([]) == 0
    assert versions(served) == dict.fromkeys(files.subjects, 1)


def test_a_registry_that_registers_other_docs_than_it_was_sent_is_noticed(
    served: Served, files: ContractFiles, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    parsed = served.registry.parsed
    undocumented = {"schema": json.dumps(json.loads((files.directory / "transaction.avsc").read_text()) | {"doc": ""})}
    monkeypatch.setattr(served.registry, "parsed", lambda _: parsed(undocumented))
    assert register.main(["one-value"]) == 0
    dropped = "the registry keeps its docs and aliases, which differ from the file's"
    assert said(capsys) == [f"NEW v1 id 1, {dropped}, level FULL_TRANSITIVE"]


def test_a_level_of_the_registrys_own_is_not_the_contracts(
    served: Served, files: ContractFiles, capsys: pytest.CaptureFixture[str]
) -> None:
    """A subject without a level is judged by that of the whole registry, which may ask for something else."""
    register.main([])
    served.registry.levels.clear()
    served.registry.default = Level.BACKWARD
    files.change_contracts("FULL_TRANSITIVE", "FORWARD")
    files.change(add_field(name="channel", type="string"))
    capsys.readouterr()
    # Apicurio's does not tell an unset level from one that is set, and so it seems to be lowered.
    assert check.main(["--against", "registry"]) == (1 if served.registry.apicurio else 0)
    assert "REFUSED_BY_REGISTRY" not in capsys.readouterr().out
    assert register.main([]) == 0
    assert versions(served) == dict.fromkeys(files.subjects, 2)
