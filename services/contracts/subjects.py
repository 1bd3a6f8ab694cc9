"""What a subject of the registry shall hold."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from services.contracts.levels import Level
from services.contracts.schema import Schema
from services.contracts.source import Place


@dataclass(frozen=True)
class SubjectContract:
    """The contract of one subject: the values of a topic, or a schema that others refer to.

    Attributes:
        subject: The subject.
        schema: What its latest version shall be.
        compatibility: What a change of the schema must be compatible with.
        place: Where the contract stands.
        metadata: Confluent's ``metadata`` of the versions; None where nothing is said of it.
        rule_set: Confluent's ``ruleSet`` of the versions; None where nothing is said of it.
    """

    subject: str
    schema: Schema
    compatibility: Level
    place: Place
    metadata: Mapping[str, Any] | None = None
    rule_set: Mapping[str, Any] | None = None


def json_table(table: Mapping[str, Any], key: str, fault: Callable[[str], object]) -> dict[str, Any] | None:
    """A table that is passed on to a registry as JSON, or None where there is none or it is faulty."""
    value = table.get(key)
    if value is None:
        return None
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError):
        fault(f"{key}: expected what JSON can say: no dates, no inf and no nan")
        return None
    if not isinstance(value, dict):
        fault(f"{key}: expected a table, as the registry's API has it")
        return None
    return value
