"""Confluent's ``metadata`` and ``ruleSet``: what a contract asks for, and whether a registry holds it."""

from collections.abc import Mapping
from typing import Any

from avroguard.config.subjects import SubjectContract
from avroguard.registry.client import RegisteredSchema

_RULE_DEFAULTS = {"kind": "TRANSFORM", "mode": "WRITEREAD"}


def extras_of(contract: SubjectContract) -> Mapping[str, Any]:
    """The metadata and rules that a contract asks for, by the names that the API gives them."""
    extras = {"metadata": contract.metadata, "ruleSet": contract.rule_set}
    return {name: value for name, value in extras.items() if value is not None}


def extras_differ(contract: SubjectContract, held: RegisteredSchema) -> bool:
    """Whether a version lacks metadata or rules that the contract asks for; what it has besides does not count."""
    present = {"metadata": held.metadata, "ruleSet": held.rule_set}
    return any(_filled(present[name]) != _filled(value) for name, value in extras_of(contract).items())


def _filled(extras: Any) -> Any:
    """Metadata or rules as Confluent's registry would write them, without what is empty, null or false.

    It sorts what is a set to it, and gives each rule a kind and a mode: its client's ``entities/Rule.java``.
    """
    match extras:
        case {"name": str(), "type": str()}:
            extras = _RULE_DEFAULTS | {key: value for key, value in extras.items() if value is not None}
        case list():
            items = [_filled(item) for item in extras]
            return sorted(items) if all(isinstance(item, str) for item in items) else items
    if isinstance(extras, dict):
        return {key: filled for key, value in extras.items() if (filled := _filled(value))}
    return extras
