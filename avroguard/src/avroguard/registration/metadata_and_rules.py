"""Confluent's ``metadata`` and ``ruleSet``: what a contract asks for, and what of it a registry holds."""

from collections.abc import Mapping
from typing import Any

from avroguard.config.subjects import SubjectContract
from avroguard.registry.client import RegisteredSchema, Registry
from avroguard.registry.config_replies import OWN_PROPERTY

METADATA = "metadata"
RULES = "ruleSet"
_RULE_DEFAULTS = {"kind": "TRANSFORM", "mode": "WRITEREAD"}


def extras_of(contract: SubjectContract) -> Mapping[str, Any]:
    """Return the metadata and rules that a contract asks for, by the names that the API gives them."""
    extras = {METADATA: contract.metadata, RULES: contract.rule_set}
    return {name: value for name, value in extras.items() if value is not None}


def expected_extras(contract: SubjectContract, registry: Registry) -> Mapping[str, Any]:
    """Return what a new version of a contract gets: what it asks for, and what the registry's configuration adds."""
    config = registry.config_in_scope(contract.subject)
    added = {METADATA: config.metadata, RULES: config.rule_set}
    return {name: added[name](value) for name, value in extras_of(contract).items()}


def missing_extras(contract: SubjectContract, version: RegisteredSchema, registry: Registry) -> tuple[str, ...]:
    """Return which of metadata and rules a version has otherwise than a contract asks for.

    What a version has though the contract says nothing of it does not count, nor what the registry's configuration adds
    to what the contract says.
    """
    present = {METADATA: version.metadata, RULES: version.rule_set}

    def differing(expected: Mapping[str, Any]) -> tuple[str, ...]:
        return tuple(name for name, value in expected.items() if _filled(present[name]) != _filled(value))

    return differing(extras_of(contract)) and differing(expected_extras(contract, registry))


def _filled(extras: Any) -> Any:
    """Return metadata or rules as Confluent's registry would write them, without what is empty, null or false.

    It sorts what is a set to it, and gives each rule a kind and a mode: its client's ``entities/Rule.java``. A property
    is left out that it sets itself.
    """
    match extras:
        case {"name": str(), "type": str()}:
            extras = _RULE_DEFAULTS | {key: value for key, value in extras.items() if value is not None}
        case list():
            items = [_filled(item) for item in extras]
            return sorted(items) if all(isinstance(item, str) for item in items) else items
    if isinstance(extras, dict):
        return {key: filled for key, value in extras.items() if key != OWN_PROPERTY and (filled := _filled(value))}
    return extras or {}
