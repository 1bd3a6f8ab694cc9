"""The configuration of a subject: its level, and what Confluent's registry adds to metadata and rules by it.

Source: its documentation of data contracts, and the merging of metadata and rule sets in its client's entities.
https://docs.confluent.io/platform/current/schema-registry/fundamentals/data-contracts.html
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from avroguard.errors import ContractError
from avroguard.levels import Level
from avroguard.registry.http import Reply
from avroguard.registry.replies import is_object

Table = Mapping[str, Any] | None
OWN_PROPERTY = "confluent:version"
"""A property that the registry sets itself."""


@dataclass(frozen=True)
class SubjectConfig:
    """The configuration that a registry goes by for a subject: its own, or else the one for all subjects.

    Attributes:
        level: The compatibility level.
        compatibility_group: The property of the metadata whose value groups versions: each version must be compatible
            with those of its own group alone; None where all belong together.
        default_metadata: Values for new versions that have none of their own.
        override_metadata: Values for new versions in place of their own.
        default_rule_set: As the default metadata, for rules.
        override_rule_set: As the override metadata, for rules.
    """

    level: Level
    compatibility_group: str | None = None
    default_metadata: Table = None
    override_metadata: Table = None
    default_rule_set: Table = None
    override_rule_set: Table = None

    def metadata(self, own: Table) -> Table:
        """Return the metadata that a version with metadata of its own gets."""
        return _merged_metadata(_merged_metadata(self.default_metadata, own), self.override_metadata)

    def rule_set(self, own: Table) -> Table:
        """Return the rules that a version with rules of its own gets."""
        return _merged_rules(_merged_rules(self.default_rule_set, own), self.override_rule_set)

    def group(self, metadata: Table) -> Any:
        """Return the group of a version with this metadata; None is one as well."""
        properties = (metadata or {}).get("properties") or {}
        return properties.get(self.compatibility_group) if self.compatibility_group else None


def subject_config(reply: Reply) -> SubjectConfig:
    """Return the configuration in a reply.

    Raises:
        ContractError: If its level is not one that Confluent documents.
    """
    body = reply.expect(is_object)
    group = body.get("compatibilityGroup")
    return SubjectConfig(
        level_in(reply, body),
        group if isinstance(group, str) else None,
        *(
            body[key] if isinstance(body.get(key), dict) else None
            for key in ("defaultMetadata", "overrideMetadata", "defaultRuleSet", "overrideRuleSet")
        ),
    )


def level_in(reply: Reply, body: Mapping[str, Any]) -> Level:
    """Return the level in the body of a reply; raises ContractError if there is none that Confluent documents."""
    level = body.get("compatibilityLevel")
    if not isinstance(level, str) or level not in Level.__members__:
        raise ContractError(f"{reply.what}: {reply.endpoint} answered with the unknown level {level!r}")
    return Level(level)


def _merged_metadata(below: Table, above: Table) -> Table:
    if not below or not above:
        return above or below
    merged: dict[str, Any] = {
        key: {**(below.get(key) or {}), **(above.get(key) or {})} for key in ("tags", "properties")
    }
    return merged | {"sensitive": sorted({*(below.get("sensitive") or ()), *(above.get("sensitive") or ())})}


def _merged_rules(below: Table, above: Table) -> Table:
    if not below or not above:
        return above or below
    merged = {**below, **above}
    for family in below.keys() & above.keys():
        if isinstance(above[family], list):
            merged[family] = _by_name((*(below[family] or ()), *above[family]))
    return merged


def _by_name(rules: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the rules in order, the last one of each name."""
    named: dict[Any, Mapping[str, Any]] = {}
    for rule in rules:
        named.pop(rule.get("name"), None)
        named[rule.get("name")] = rule
    return list(named.values())
