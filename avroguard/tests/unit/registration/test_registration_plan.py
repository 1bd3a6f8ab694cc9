"""Registering all or nothing: what is planned, and what is put back when the registry says no halfway."""

from collections.abc import Callable
from typing import Any

import pytest

from avroguard.avro.document import parse_json
from avroguard.avro.schema import Schema
from avroguard.cli import register
from avroguard.config.subjects import Contracts, TopicContract
from avroguard.errors import ContractError, ExpectedError, Unavailable
from avroguard.levels import Level
from avroguard.places import Place
from avroguard.registration.levels import set_levels
from avroguard.registration.plan import make_plan
from avroguard.registry.client import Registration
from support.fake_registry import FakeRegistry, schema

V1 = {"type": "record", "name": "R", "fields": [{"name": "a", "type": "int"}]}
V2 = {**V1, "fields": [*V1["fields"], {"name": "b", "type": "int", "default": 0}]}
BROKEN = {**V1, "fields": [{"name": "b", "type": "int"}]}


def contracts(content: Any, level: Level = Level.FULL_TRANSITIVE) -> Contracts:
    topics = (TopicContract(name, 1, 1, schema(content), level, Place("contracts.toml", 1)) for name in ("x", "y"))
    return Contracts(tuple(topics), "contracts.toml")


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """Run the command with contracts and a registry in memory."""

    def runner(contracts: Contracts, registry: FakeRegistry, *arguments: str) -> int:
        monkeypatch.setattr(register, "load_contracts", lambda _: contracts)
        monkeypatch.setattr(register, "Registry", lambda _: registry)
        return register.main(["--registry-url", "http://fake", *arguments])

    return runner


def test_a_plan_changes_nothing_and_says_what_is_there() -> None:
    registry = FakeRegistry(V1)
    before = registry.state()
    step = make_plan(contracts(V2).subjects, registry)[0]
    assert (step.subject, step.registered, step.latest, step.changes_level) == ("x-value", None, 1, True)
    assert not step.findings
    assert registry.state() == before


def test_a_registered_schema_is_not_judged_again() -> None:
    """A registered version is deployed: an old fault of the history is no reason to stop it now."""
    step = make_plan(contracts(BROKEN).subjects, FakeRegistry(V1, BROKEN))[0]
    assert step.registered == Registration("x-value", 2, 2)
    assert not step.findings


@pytest.mark.parametrize("present", [None, Level.NONE, Level.BACKWARD, Level.FULL_TRANSITIVE])
def test_levels_are_put_back_when_the_registry_refuses_at_the_new_ones(present: Level | None) -> None:
    registry = FakeRegistry(V1)
    registry.levels["x-value"] = present
    registry.refused = ("y-value", Level.FULL_TRANSITIVE)
    before = registry.state()
    refused = set_levels(make_plan(contracts(V2).subjects, registry), registry)
    assert [(finding.rule, finding.subjects) for finding in refused] == [("REFUSED_BY_REGISTRY", ("y-value",))]
    assert registry.state() == before


def test_levels_are_put_back_when_one_cannot_be_set() -> None:
    registry = FakeRegistry(V1)
    registry.fails["level of y-value"] = ContractError("subject y-value is read-only")
    before = registry.state()
    with pytest.raises(ContractError, match="read-only"):
        set_levels(make_plan(contracts(V2).subjects, registry), registry)
    assert registry.state() == before


def test_the_registrys_refusal_at_its_present_level_counts() -> None:
    registry = FakeRegistry(V1)
    registry.levels["x-value"] = Level.BACKWARD
    registry.refused = ("x-value", Level.BACKWARD)
    findings = make_plan(contracts(V2).subjects, registry)[0].findings
    assert [finding.rule for finding in findings] == ["REFUSED_BY_REGISTRY"]


def test_a_level_may_be_lowered_knowingly(run: Callable[..., int], capsys: pytest.CaptureFixture[str]) -> None:
    registry = FakeRegistry(V1)
    registry.levels = {"x-value": Level.FULL, "y-value": Level.FULL}
    registry.refused = ("x-value", Level.FULL)
    assert run(contracts(BROKEN, Level.NONE), registry) == 0
    assert capsys.readouterr().out.splitlines() == [
        "x-value  CHANGED v2 id 2, level FULL -> NONE",
        "y-value  CHANGED v2 id 2, level FULL -> NONE",
    ]


def test_an_incompatible_schema_changes_nothing(run: Callable[..., int], capsys: pytest.CaptureFixture[str]) -> None:
    registry = FakeRegistry(V1)
    before = registry.state()
    assert run(contracts(BROKEN), registry) == 1
    output = capsys.readouterr()
    assert "x-value  INCOMPATIBLE with v1: r.avsc:1:" in output.out
    assert "field 'a' of R is missing in the new schema" in output.out
    assert registry.state() == before


@pytest.mark.parametrize("error", [ContractError("refused"), Unavailable("gone")])
def test_what_stops_halfway_is_said_and_its_levels_put_back(
    run: Callable[..., int], capsys: pytest.CaptureFixture[str], error: ExpectedError
) -> None:
    registry = FakeRegistry(V1)
    registry.fails["y-value"] = error
    assert run(contracts(V2), registry) == error.exit_code
    output = capsys.readouterr()
    done, not_done = output.out.splitlines()
    assert done == "x-value  CHANGED v2 id 2, level FULL_TRANSITIVE"
    unknown = ", the registry may have taken it all the same: run again" if error.exit_code == 3 else ""
    assert not_done == f"y-value  FAILED{unknown}"
    assert output.err == f"avroguard register: {error}\n"
    assert registry.levels == {"x-value": Level.FULL_TRANSITIVE, "y-value": None}


def test_a_history_that_is_not_avro_is_named(run: Callable[..., int], capsys: pytest.CaptureFixture[str]) -> None:
    registry = FakeRegistry(V1)
    registry.schemas["y-value"][0] = Schema(parse_json("odd", b'{"type": "object"}'))
    assert run(contracts(V2), registry) == 1
    assert "subject y-value: can't compare r.avsc with v1: " in capsys.readouterr().err


@pytest.mark.parametrize("seconds", ["-1", "soon", "nan", "1e9"])
def test_a_wait_that_is_no_time(seconds: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        register.main([f"--wait={seconds}"])
    assert stopped.value.code == 2
    assert "expected seconds from 0 to 86400" in capsys.readouterr().err


def test_without_a_url(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.delenv("SCHEMA_REGISTRY_URL", raising=False)
    monkeypatch.setattr(register, "load_contracts", lambda _: contracts(V1))
    assert register.main([]) == 2
    assert capsys.readouterr().err.startswith("avroguard register: SCHEMA_REGISTRY_URL: not set")
