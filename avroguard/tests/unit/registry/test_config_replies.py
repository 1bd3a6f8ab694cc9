"""The configuration that Confluent's registry goes by for a subject."""

import httpx2
import pytest

from avroguard.errors import ContractError
from avroguard.levels import Level
from avroguard.registry.client import Registry
from avroguard.registry.config_replies import SubjectConfig
from support.registry_replay import CONFLUENT, SETTINGS, replaying


def rule(name: str, expr: str = "true") -> dict[str, str]:
    return {"name": name, "type": "CEL", "expr": expr}


def test_metadata_are_merged_from_the_default_to_the_override() -> None:
    config = SubjectConfig(
        Level.FULL,
        default_metadata={"properties": {"owner": "all", "team": "a"}, "sensitive": ["team"]},
        override_metadata={"properties": {"stage": "live"}, "tags": {"R.a": ["PII"]}, "sensitive": ["stage"]},
    )
    assert config.metadata({"properties": {"owner": "us", "stage": "test"}}) == {
        "properties": {"owner": "us", "team": "a", "stage": "live"},
        "tags": {"R.a": ["PII"]},
        "sensitive": ["stage", "team"],
    }
    assert SubjectConfig(Level.FULL).metadata({"properties": {"owner": "us"}}) == {"properties": {"owner": "us"}}
    assert SubjectConfig(Level.FULL).metadata(None) is None


def test_rules_are_merged_by_name() -> None:
    config = SubjectConfig(
        Level.FULL,
        default_rule_set={"domainRules": [rule("a"), rule("b")], "migrationRules": [rule("m")], "enableAt": "CLIENT"},
        override_rule_set={"domainRules": [rule("c", "overridden")], "enableAt": "SERVER"},
    )
    assert config.rule_set({"domainRules": [rule("a", "own"), rule("c", "own")]}) == {
        "domainRules": [rule("b"), rule("a", "own"), rule("c", "overridden")],
        "migrationRules": [rule("m")],
        "enableAt": "SERVER",
    }


def test_versions_without_the_property_are_a_group_as_well() -> None:
    config = SubjectConfig(Level.FULL, compatibility_group="app.major")
    assert config.group({"properties": {"app.major": "1"}}) == "1"
    assert config.group({"properties": {"owner": "us"}}) is None
    assert config.group(None) is None
    assert SubjectConfig(Level.FULL).group({"properties": {"app.major": "1"}}) is None


def test_the_group_is_read_with_the_level() -> None:
    recorded = replaying(CONFLUENT, "group: read").compatibility_level("grouped")
    assert recorded is Level.BACKWARD
    answer = {
        "compatibilityLevel": "BACKWARD",
        "compatibilityGroup": "app.major",
        "overrideMetadata": {"properties": {}},
    }
    registry = Registry(SETTINGS, transport=httpx2.MockTransport(lambda _: httpx2.Response(200, json=answer)))
    config = registry.config_in_scope("grouped")
    assert (config.compatibility_group, config.override_metadata) == ("app.major", {"properties": {}})


@pytest.mark.parametrize("level", [None, "SOME", 3])
def test_an_unknown_level_is_named(level: object) -> None:
    transport = httpx2.MockTransport(lambda _: httpx2.Response(200, json={"compatibilityLevel": level}))
    with pytest.raises(ContractError, match="subject s: reading the configuration: GET .* with the unknown level"):
        Registry(SETTINGS, transport=transport).config_in_scope("s")
