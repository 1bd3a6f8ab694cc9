"""Statuses that `avroguard register` prints of each subject, before it does anything and after."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from avroguard.cli import register
from avroguard.config.subjects import Contracts, TopicContract
from avroguard.levels import Level
from avroguard.places import Place
from support.fake_registry import FakeRegistry, schema

V1 = {"type": "record", "name": "R", "fields": [{"name": "a", "type": "int"}]}
V2 = {**V1, "fields": [*V1["fields"], {"name": "b", "type": "int", "default": 0}]}
DOC = {**V1, "doc": "What it is."}
OWNER = {"properties": {"owner": "us"}}


def contracts(content: Any, **more: Any) -> Contracts:
    topic = TopicContract("x", 1, 1, schema(content), Level.FULL, Place("contracts.toml", 1), **more)
    return Contracts((topic,), "contracts.toml")


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str]]:
    """Run the command with contracts and a registry in memory; returns its code and what it says of the subject."""

    def runner(contracts: Contracts, registry: FakeRegistry, *arguments: str) -> tuple[int, str]:
        monkeypatch.setattr(register, "load_contracts", lambda _: contracts)
        monkeypatch.setattr(register, "Registry", lambda _: registry)
        code = register.main(["--registry-url", "http://fake", *arguments])
        return code, capsys.readouterr().out.strip().removeprefix("x-value  ")

    return runner


Run = Callable[..., tuple[int, str]]


def holding(*versions: Any) -> FakeRegistry:
    registry = FakeRegistry(*versions)
    registry.levels["x-value"] = Level.FULL
    return registry


def test_new_changed_unchanged(run: Run) -> None:
    registry = FakeRegistry()
    dry = ("--dry-run", "--detailed-exitcode")
    assert run(contracts(V1), registry, *dry) == (5, "NEW v1, level FULL (dry run)")
    assert run(contracts(V1), registry, "--dry-run") == (0, "NEW v1, level FULL (dry run)")
    assert run(contracts(V1), registry) == (0, "NEW v1 id 1, level FULL")
    assert run(contracts(V1), registry, *dry) == (0, "UNCHANGED v1 id 1 (dry run)")
    assert run(contracts(V2), registry, *dry) == (5, "CHANGED v2 (dry run)")
    assert run(contracts(V2), registry) == (0, "CHANGED v2 id 2")


def test_a_level_alone_is_a_change(run: Run) -> None:
    registry = FakeRegistry(V1)
    assert run(contracts(V1), registry, "--dry-run", "--detailed-exitcode") == (
        5,
        "CHANGED v1 id 1, level FULL (dry run)",
    )


def test_docs_alone_make_a_version_knowingly(run: Run) -> None:
    assert run(contracts(DOC), holding(V1)) == (0, "CHANGED v2 id 2, docs or aliases alone")


def test_a_rollback_is_refused_unless_allowed(run: Run) -> None:
    registry = holding(V1, V2)
    code, said = run(contracts(V1), registry)
    assert code == 1
    assert said.startswith("ROLLBACK r.avsc:1:1: ROLLBACK the registry has this schema as v1, but v2 is the latest")
    assert "--allow-rollback" in said
    assert run(contracts(V1), registry, "--allow-rollback") == (0, "ROLLBACK v1 id 1, the latest is v2")
    assert len(registry.schemas["x-value"]) == 2


def test_a_schema_that_came_back_is_no_rollback(run: Run) -> None:
    assert run(contracts(V1), holding(V1, V2, V1)) == (0, "UNCHANGED v3 id 3")


def test_metadata_are_registered_where_they_are_kept(run: Run) -> None:
    registry = holding(V1)
    registry.keeps = True
    assert run(contracts(V1, metadata=OWNER), registry, "--dry-run") == (
        0,
        "CHANGED v2, new metadata (dry run)",
    )
    assert run(contracts(V1, metadata=OWNER), registry) == (0, "CHANGED v2 id 2, new metadata")
    assert registry.extras["x-value"] == OWNER
    assert run(contracts(V1, metadata=OWNER), registry) == (0, "UNCHANGED v2 id 2")


def test_metadata_that_are_dropped_are_said_to_be(run: Run) -> None:
    code, said = run(contracts(V1, metadata=OWNER), holding(V1))
    assert code == 0
    assert said.startswith("UNCHANGED v1 id 1, the registry keeps no metadata and no rules")


def test_a_refusal_for_programs(run: Run) -> None:
    code, said = run(contracts({**V1, "fields": []}), holding(V1), "--format", "json")
    assert code == 1
    (finding,) = json.loads(said)["findings"]
    assert (finding["rule"], finding["subjects"]) == ("READER_FIELD_MISSING_DEFAULT", ["x-value"])


def test_only_what_is_named_is_registered(run: Run) -> None:
    single = contracts(V1)
    both = Contracts((*single.topics, replace(single.topics[0], name="y")), single.name)
    registry = FakeRegistry()
    assert run(both, registry, "x-value")[0] == 0
    assert registry.state() == ({"x-value": 1, "y-value": 0}, {"x-value": Level.FULL})
    assert run(both, registry, "z-value") == (2, "")
