"""Commands through a follower: it takes a write, and for a while reads do not show it."""

from collections.abc import Iterator

import pytest

from avroguard.cli import check, drift, pull, register
from avroguard.levels import Level
from services.contracts import Registry, RegistrySettings, load_schema
from services.errors import ContractError
from support.contract_files import SCHEMAS, ContractFiles, add_field
from support.registry_replay import CONFLUENT
from support.registry_server import Served, serving
from support.registry_variants import FollowingRegistry


@pytest.fixture
def follower(monkeypatch: pytest.MonkeyPatch, impatient: None) -> Iterator[Served]:
    monkeypatch.setattr("avroguard.registry.recent_writes.VISIBLE_SECONDS", 30.0)
    with serving(CONFLUENT, FollowingRegistry) as server:
        monkeypatch.setenv("SCHEMA_REGISTRY_URL", server.url)
        yield server


def lagging(served: Served) -> FollowingRegistry:
    assert isinstance(served.registry, FollowingRegistry)
    return served.registry


def test_register_waits_until_its_writes_can_be_read(
    follower: Served, files: ContractFiles, capsys: pytest.CaptureFixture[str]
) -> None:
    assert register.main(["--lockfile", "schemas.lock"]) == 0, capsys.readouterr().err
    assert [line.split()[1] for line in capsys.readouterr().out.splitlines()] == ["NEW", "NEW"]
    assert lagging(follower).stale > 0
    files.change(add_field(name="channel", type=["null", "string"], default=None))
    files.change_contracts("FULL_TRANSITIVE", "FULL")
    stale = lagging(follower).stale
    assert register.main(["--lockfile", "schemas.lock"]) == 0, capsys.readouterr().err
    assert [line.split()[1] for line in capsys.readouterr().out.splitlines()] == ["CHANGED", "CHANGED"]
    assert lagging(follower).stale > stale
    versions = {subject: [1, 2] for subject in files.subjects}
    assert follower.registry.state() == (versions, dict.fromkeys(files.subjects, Level.FULL))


def test_a_schema_that_refers_to_one_just_registered_finds_it(
    follower: Served, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SCHEMAS_DIR", str(SCHEMAS))
    assert register.main([]) == 0, capsys.readouterr().err
    assert "streaming.alerts-value" in follower.registry.subjects
    assert lagging(follower).stale > 0


def test_a_verdict_is_asked_for_when_the_new_level_can_be_read(
    follower: Served, files: ContractFiles, capsys: pytest.CaptureFixture[str]
) -> None:
    assert register.main([]) == 0
    # At FULL_TRANSITIVE the registry says no: a follower that still has that level would refuse what is fine at NONE.
    files.change_contracts("FULL_TRANSITIVE", "NONE")
    files.change(add_field(name="channel", type="string"))
    lagging(follower).lag = 5
    assert register.main(["--semantic", "off"]) == 0, capsys.readouterr().out
    assert "REFUSED" not in capsys.readouterr().out


def test_a_version_that_never_shows_ends_with_its_name(
    follower: Served, files: ContractFiles, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("avroguard.registry.recent_writes.VISIBLE_SECONDS", 0.1)
    lagging(follower).lag = 1_000
    assert register.main([]) == 1
    assert "subject one-value: reading version 1: " in capsys.readouterr().err


def test_only_what_was_written_is_waited_for(follower: Served, files: ContractFiles) -> None:
    with Registry(RegistrySettings.load()) as registry:
        transaction = load_schema(files.directory / "transaction.avsc")
        registry.register("one-value", transaction)
        request_count = len(follower.requests)
        with pytest.raises(ContractError, match="40401"):
            registry.version("two-value")
        assert len(follower.requests) == request_count + 1
        assert registry.require("one-value", transaction).version == 1


def test_nothing_is_found_right_after_registration(
    follower: Served, files: ContractFiles, capsys: pytest.CaptureFixture[str]
) -> None:
    assert register.main([]) == 0
    lagging(follower).catch_up()
    assert drift.main([]) == 0, capsys.readouterr().out
    assert check.main(["--against", "registry"]) == 0, capsys.readouterr().out
    assert pull.main(["one-value", "--to", "schemas"]) == 0
    assert "schemas/transaction.avsc: unchanged" in capsys.readouterr().out
