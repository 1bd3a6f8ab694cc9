"""`avroguard register` and `avroguard check --against registry` with a real registry."""

import json
from collections.abc import Callable
from pathlib import Path

import httpx2
import pytest

from avroguard.cli import check, register
from services.contracts import Level, Registry, RegistrySettings, UnknownSchemaId, load_schema
from services.errors import ContractError
from support.contract_files import ContractFiles, add_field, remove_field
from tools.local_cluster import Cluster


@pytest.fixture
def registry(cluster: Cluster) -> Registry:
    return Registry(RegistrySettings.load(url=cluster.registry_url))


@pytest.fixture
def files(
    tmp_path: Path, unique: Callable[[str], str], cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> ContractFiles:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SCHEMAS_DIR", "schemas")
    monkeypatch.setenv("SCHEMA_REGISTRY_URL", cluster.registry_url)
    return ContractFiles.make(tmp_path / "schemas", unique)


def lines(capsys: pytest.CaptureFixture[str]) -> list[str]:
    """Return the line printed for each subject, without the subject."""
    return [line.split(maxsplit=1)[1] for line in capsys.readouterr().out.splitlines()]


def state_of(registry: Registry, files: ContractFiles) -> list[object]:
    """All that the registry knows of the subjects."""
    return [(registry.history(subject), registry.compatibility_level(subject)) for subject in files.subjects]


def test_registering_twice_changes_nothing_the_second_time(
    files: ContractFiles, registry: Registry, capsys: pytest.CaptureFixture[str]
) -> None:
    assert register.main([]) == 0
    new = lines(capsys)
    before = state_of(registry, files)
    registrations = [
        registry.require(subject, load_schema(Path("schemas/transaction.avsc"))) for subject in files.subjects
    ]
    assert new == [f"NEW v1 id {registration.id}, level FULL_TRANSITIVE" for registration in registrations]
    assert registrations[0].id == registrations[1].id
    assert [level for _, level in before] == [Level.FULL_TRANSITIVE] * 2

    assert register.main([]) == 0
    assert lines(capsys) == [f"UNCHANGED v1 id {registration.id}" for registration in registrations]
    assert state_of(registry, files) == before


def test_what_is_registered_can_be_found_again(files: ContractFiles, registry: Registry) -> None:
    register.main([])
    schema = load_schema(Path("schemas/transaction.avsc"))
    registration = registry.require(files.subjects[0], schema)
    assert registry.schema_by_id(registration.id)["name"] == "Transaction"
    assert set(files.subjects) <= registry.subjects_of(registration.id)
    assert registry.version(files.subjects[0]).version == 1
    assert registry.is_compatible(files.subjects[0], schema)
    with pytest.raises(UnknownSchemaId):
        registry.schema_by_id(2_000_000_000)
    with pytest.raises(ContractError, match="is not registered; run avroguard register"):
        registry.require(files.subjects[0] + "-of-nobody", schema)


def test_a_removed_field_is_refused_everywhere_and_nothing_changes(
    files: ContractFiles, registry: Registry, capsys: pytest.CaptureFixture[str]
) -> None:
    register.main([])
    registry.set_compatibility_level(files.subjects[0], Level.BACKWARD)
    before = state_of(registry, files)
    files.change(remove_field("currency"))
    capsys.readouterr()

    assert check.main(["--against", "registry"]) == 1
    assert "schemas/transaction.avsc:6:13: READER_FIELD_MISSING_DEFAULT field 'currency'" in capsys.readouterr().out
    for arguments in ([], ["--dry-run"]):
        assert register.main(arguments) == 1
        output = capsys.readouterr()
        assert [line.split()[1] for line in output.out.splitlines()] == ["INCOMPATIBLE"] * 2
        assert output.out.count("'currency'") == 2
        assert "nothing has been changed" in output.err
    assert state_of(registry, files) == before


def test_one_refused_subject_holds_all_back(
    files: ContractFiles, registry: Registry, capsys: pytest.CaptureFixture[str]
) -> None:
    schema = load_schema(Path("schemas/transaction.avsc"))
    registry.register(files.subjects[1], schema)
    before = state_of(registry, files)
    files.change(add_field(name="channel", type="string"))
    capsys.readouterr()
    assert register.main([]) == 1
    assert [line.split()[0] for line in lines(capsys)] == ["SKIPPED", "INCOMPATIBLE"]
    assert state_of(registry, files) == before


def test_the_whole_history_counts_where_the_level_is_transitive(
    files: ContractFiles, registry: Registry, capsys: pytest.CaptureFixture[str]
) -> None:
    register.main([])
    files.change(add_field(name="channel", type=["null", "string"], default=None))
    assert register.main([]) == 0
    files.change(remove_field("channel"))
    files.change(add_field(name="channel", type=["null", "int"], default=None))
    capsys.readouterr()
    assert check.main(["--against", "registry", files.subjects[0]]) == 1
    assert f"(breaks v2 of {files.subjects[0]})" in capsys.readouterr().out

    registry.set_compatibility_level(files.subjects[0], Level.NONE)
    third = registry.register(files.subjects[0], load_schema(Path("schemas/transaction.avsc")))
    assert third.version == 3
    files.change(lambda schema: schema["fields"].append(schema["fields"].pop(0)))
    capsys.readouterr()
    assert check.main(["--against", "registry", "--level", "FULL", files.subjects[0]]) == 0
    assert check.main(["--against", "registry", "--level", "FULL_TRANSITIVE", files.subjects[0]]) == 1


def test_a_dry_run_says_what_would_be_done_and_does_not(
    files: ContractFiles, registry: Registry, capsys: pytest.CaptureFixture[str]
) -> None:
    assert register.main(["--dry-run"]) == 0
    assert lines(capsys) == ["NEW v1, level FULL_TRANSITIVE (dry run)"] * 2
    assert state_of(registry, files) == [([], None)] * 2


def test_a_level_that_was_changed_by_hand_is_set_again(
    files: ContractFiles, registry: Registry, capsys: pytest.CaptureFixture[str]
) -> None:
    register.main([])
    registry.set_compatibility_level(files.subjects[0], Level.FORWARD)
    capsys.readouterr()
    assert register.main([]) == 0
    assert lines(capsys)[0].endswith(", level FORWARD -> FULL_TRANSITIVE")
    assert registry.compatibility_level(files.subjects[0]) is Level.FULL_TRANSITIVE


def test_an_older_version_is_not_made_the_latest_in_silence(
    files: ContractFiles, capsys: pytest.CaptureFixture[str]
) -> None:
    register.main([])
    old = Path("schemas/transaction.avsc").read_bytes()
    files.change(add_field(name="channel", type=["null", "string"], default=None))
    register.main([])
    Path("schemas/transaction.avsc").write_bytes(old)
    capsys.readouterr()
    assert register.main([]) == 1
    assert all(line.startswith("ROLLBACK schemas/transaction.avsc:1:1: ROLLBACK the") for line in lines(capsys))
    assert register.main(["--allow-rollback"]) == 0
    assert all(line.startswith("ROLLBACK v1 id ") and line.endswith("the latest is v2") for line in lines(capsys))


def test_a_change_that_this_registry_drops_is_not_reported_as_done(
    files: ContractFiles, capsys: pytest.CaptureFixture[str]
) -> None:
    register.main([])
    files.change(lambda schema: schema.update(doc="In other words."))
    capsys.readouterr()
    assert register.main([]) == 0
    said = "the registry keeps its docs and aliases, which differ from the file's"
    assert all(line.startswith("UNCHANGED v1 id ") and said in line for line in lines(capsys))


def test_a_check_against_a_registry_without_the_subjects_compares_nothing(
    files: ContractFiles, cluster: Cluster, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SCHEMA_REGISTRY_URL")
    against = ["--against", f"registry:{cluster.registry_url}"]
    assert check.main(against) == 1
    assert "0 of 2 subjects checked" in capsys.readouterr().out
    assert check.main([*against, "--allow-none"]) == 0


def test_the_wrong_base_url_is_wrong_usage(
    files: ContractFiles, cluster: Cluster, capsys: pytest.CaptureFixture[str]
) -> None:
    base = cluster.registry_url.partition("/apis")[0]
    assert register.main(["--registry-url", base]) == 2
    assert "SCHEMA_REGISTRY_URL is not the base of a registry's Confluent API" in capsys.readouterr().err


def test_a_schema_that_refers_to_another_is_read_whole(
    registry: Registry, cluster: Cluster, unique: Callable[[str], str]
) -> None:
    address, customer = unique("address"), unique("customer")
    inner = {"type": "record", "name": "Address", "namespace": "ex", "fields": [{"name": "zip", "type": "string"}]}
    outer = {"type": "record", "name": "Customer", "namespace": "ex", "fields": [{"name": "at", "type": "ex.Address"}]}
    reference = {"name": "ex.Address", "subject": address, "version": 1}
    for subject, content, references in ((address, inner, []), (customer, outer, [reference])):
        body = {"schema": json.dumps(content), "references": references}
        answer = httpx2.post(f"{cluster.registry_url}/subjects/{subject}/versions", json=body, timeout=10)
        assert answer.status_code == 200, answer.text
    version = registry.version(customer)
    for schema in (version.schema, registry.schema_by_id(version.id)):
        assert schema["fields"][0]["type"]["fields"] == [{"name": "zip", "type": "string"}]
