"""`avroguard register --lockfile`, `--dry-run --detailed-exitcode` and metadata, with a real registry."""

import re
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from avroguard.avro.schema import load_schema
from avroguard.cli import register
from avroguard.registry.client import Registry
from avroguard.registry.settings import RegistrySettings
from support.contract_files import ContractFiles, add_field
from tools.local_cluster import Cluster

OPTIONAL = {"name": "channel", "type": ["null", "string"], "default": None}


@pytest.fixture
def files(
    tmp_path: Path, unique: Callable[[str], str], cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> ContractFiles:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SCHEMAS_DIR", "schemas")
    monkeypatch.setenv("SCHEMA_REGISTRY_URL", cluster.registry_url)
    return ContractFiles.make(tmp_path / "schemas", unique)


def locked() -> dict[str, dict[str, object]]:
    return dict(tomllib.loads(Path("test.lock.toml").read_text())["subjects"])


def run(*arguments: str) -> int:
    return register.main(["--lockfile", "test.lock.toml", *arguments])


def test_the_lockfile_says_what_the_registry_holds(
    files: ContractFiles, cluster: Cluster, capsys: pytest.CaptureFixture[str]
) -> None:
    registry = Registry(RegistrySettings.load(url=cluster.registry_url))
    assert run("--dry-run", "--detailed-exitcode") == 5
    assert not Path("test.lock.toml").exists()
    assert run() == 0
    first = locked()
    assert set(first) == set(files.subjects)
    registered = registry.require(files.subjects[0], load_schema(Path("schemas/transaction.avsc")))
    assert (first[files.subjects[0]]["version"], first[files.subjects[0]]["id"]) == (1, registered.id)
    assert run("--dry-run", "--detailed-exitcode") == 0

    files.change(add_field(**OPTIONAL))
    assert run(files.subjects[0]) == 0
    second = locked()
    assert second[files.subjects[0]]["version"] == 2
    assert second[files.subjects[0]]["fingerprint"] != first[files.subjects[0]]["fingerprint"]
    assert second[files.subjects[1]] == first[files.subjects[1]]


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("version = 1", "version = 7", "v7 (id"),
        ("id = ", "id = 9", "has id"),
        ('fingerprint = "sha256:', 'fingerprint = "sha256:0', "is another schema"),
    ],
)
def test_a_registry_that_is_not_as_locked_stops_everything(
    files: ContractFiles, capsys: pytest.CaptureFixture[str], key: str, value: str, said: str
) -> None:
    assert run() == 0
    lockfile = Path("test.lock.toml")
    lockfile.write_text(lockfile.read_text().replace(key, value, 1))
    before = lockfile.read_text()
    files.change(add_field(**OPTIONAL))
    capsys.readouterr()
    assert run() == 1
    output = capsys.readouterr()
    locked_line, held_back = output.out.splitlines()
    assert " LOCKED test.lock.toml:4: LOCK_DIFFERS v" in locked_line
    assert said in locked_line
    assert held_back.endswith("SKIPPED")
    assert "nothing has been changed" in output.err
    assert lockfile.read_text() == before


@pytest.mark.parametrize("content", ["[", "x = 1", "[subjects]\na = 1", '[subjects.a]\nversion = "1"', "subjects = 1"])
def test_a_broken_lockfile(files: ContractFiles, capsys: pytest.CaptureFixture[str], content: str) -> None:
    Path("test.lock.toml").write_text(content)
    assert run() == 1
    assert re.match(r"avroguard register: test\.lock\.toml:\d+", capsys.readouterr().err)


def test_a_lockfile_that_cannot_be_written_is_told_before_anything_is_registered(
    files: ContractFiles, cluster: Cluster, capsys: pytest.CaptureFixture[str]
) -> None:
    for path, said in (("nowhere/a.lock", "expected a file in a dir"), ("schemas", "cannot be read: Is a directory")):
        assert register.main(["--lockfile", path]) == 2
        assert capsys.readouterr().err.startswith(f"avroguard register: --lockfile {path}: {said}")
    assert Registry(RegistrySettings.load(url=cluster.registry_url)).versions(files.subjects[0]) == []


def test_metadata_that_this_registry_drops_are_not_reported_as_kept(
    files: ContractFiles, capsys: pytest.CaptureFixture[str]
) -> None:
    files.change_contracts(
        'compatibility = "FULL_TRANSITIVE"', 'compatibility = "FULL_TRANSITIVE"\nmetadata.properties.owner = "us"', 1
    )
    assert register.main([]) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert "the registry keeps no metadata and no rules: those of the contract are not in it" in first
    assert "keeps no metadata" not in second
    assert register.main(["--dry-run", "--detailed-exitcode"]) == 0


def test_a_report_for_programs(files: ContractFiles, capsys: pytest.CaptureFixture[str]) -> None:
    assert register.main(["--format", "junit"]) == 0
    output = capsys.readouterr()
    assert output.out.startswith("<?xml")
    assert output.err.count("NEW v1") == 2
