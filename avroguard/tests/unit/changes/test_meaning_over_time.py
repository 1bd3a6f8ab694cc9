"""A change of meaning in a history of several versions: told once, when it is made."""

import json
from typing import Any

from avroguard.avro.schema import parse_schema
from avroguard.changes.breakages import CheckOptions, OldVersion, find_breakages
from avroguard.levels import Level
from support.compatibility_cases import record


def broken_rules(new: Any, *history: Any, level: Level = Level.FULL_TRANSITIVE) -> list[tuple[str, tuple[str, ...]]]:
    """The rules that a schema breaks after some versions, and which of them are named."""
    versions = [OldVersion(f"v{number}", old) for number, old in enumerate(history, 1)]
    schema = parse_schema("r.avsc", json.dumps(new).encode())
    return [(finding.rule, finding.breaks) for finding in find_breakages("s", schema, versions, level, CheckOptions())]


def amount(scale: int) -> dict[str, Any]:
    kind = {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": scale}
    return record({"name": "amount", "type": kind, "default": "\u0000"})


def test_what_the_latest_version_has_changed_is_not_told_again() -> None:
    assert broken_rules(amount(4), amount(2)) == [("DECIMAL_SCALE_CHANGED", ("v1",))]
    assert broken_rules(amount(4), amount(2), amount(4)) == []


def test_what_is_changed_again_and_what_is_changed_back_is_told() -> None:
    assert broken_rules(amount(6), amount(2), amount(4)) == [
        ("DECIMAL_SCALE_CHANGED", ("v1",)),
        ("DECIMAL_SCALE_CHANGED", ("v2",)),
    ]
    assert broken_rules(amount(2), amount(2), amount(4)) == [("DECIMAL_SCALE_CHANGED", ("v2",))]


def test_a_field_that_comes_back_is_compared_with_what_it_was() -> None:
    assert broken_rules(amount(4), amount(2), record()) == [("DECIMAL_SCALE_CHANGED", ("v1",))]
    assert broken_rules(amount(4), amount(2), record(), level=Level.FULL) == []


def test_what_a_version_in_between_has_changed_is_not_told_again_though_the_field_was_gone_since() -> None:
    assert broken_rules(amount(4), amount(2), amount(4), record()) == []


def test_what_is_incompatible_is_told_for_every_version() -> None:
    integer, text = (record(("a", kind)) for kind in ("int", "string"))
    assert broken_rules(text, integer, text) == [("TYPE_CHANGED", ("v1",)), ("TYPE_CHANGED", ("v1",))]


def amount_of(precision: int) -> dict[str, Any]:
    return record(("amount", {"type": "bytes", "logicalType": "decimal", "precision": precision, "scale": 2}))


def test_a_decimal_may_become_wider_for_its_readers_and_narrower_for_its_writers() -> None:
    narrow, wide = amount_of(10), amount_of(12)
    assert broken_rules(wide, narrow, level=Level.BACKWARD) == []
    assert broken_rules(narrow, wide, level=Level.FORWARD) == []
    for new, old, level in ((wide, narrow, Level.FULL), (wide, narrow, Level.FORWARD), (narrow, wide, Level.BACKWARD)):
        assert broken_rules(new, old, level=level) == [("DECIMAL_PRECISION_CHANGED", ("v1",))]


def test_a_default_that_changes_matters_to_versions_without_the_field_alone() -> None:
    without = record(("b", "int"))
    default_zero, default_one = (record(("b", "int"), ("a", "int", default)) for default in (0, 1))
    assert (
        broken_rules(default_one, default_zero)
        == broken_rules(default_one, without, default_zero, level=Level.BACKWARD)
        == []
    )
    assert broken_rules(default_one, without, default_zero) == [("DEFAULT_CHANGED", ("v2",))]
    assert broken_rules(default_one, without, default_zero, level=Level.FORWARD_TRANSITIVE) == []
