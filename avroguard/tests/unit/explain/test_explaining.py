"""Each finding is shown with a value that really fails, or with the reason why none can be."""

from collections import Counter
from decimal import Decimal
from typing import Any

import pytest

from avroguard.changes.breakages import Breakage, OldVersion
from avroguard.compatibility import history_incompatibilities, incompatibilities
from avroguard.explain import demonstrate, demonstrate_change, explain
from avroguard.explain.binary import ReadError
from avroguard.explain.demonstrations import Outcome
from avroguard.explain.display import shown
from avroguard.explain.resolution import Decoder
from avroguard.levels import Level
from avroguard.semantics import SemanticRule, semantic_changes
from support.avro_mutations import pairs
from support.compatibility_cases import enum, record

CENTS = {"type": "bytes", "logicalType": "decimal", "precision": 12, "scale": 2}


def case(old: Any, new: Any, level: Level = Level.FULL) -> Breakage:
    """The one thing that a change breaks."""
    (change,) = [*history_incompatibilities(new, [old], Level.FULL), *semantic_changes(old, new)]
    return Breakage(OldVersion("v1", old), new, level, change)


def test_what_fails_in_a_demonstration_can_not_be_read() -> None:
    outcomes: Counter[Outcome] = Counter()
    for old, new, _ in pairs(7, 150):
        for reader, writer in ((new, old), (old, new)):
            for finding in incompatibilities(reader, writer):
                shows = demonstrate(reader, writer, finding)
                outcomes[shows.outcome] += 1
                if shows.outcome is Outcome.NOTHING:
                    assert shows.reason
                    continue
                assert Decoder(writer).decode(shows.body) == shows.written
                with pytest.raises(ReadError):
                    Decoder(writer, reader).decode(shows.body)
    assert outcomes[Outcome.FAILS] > 50
    assert outcomes[Outcome.CHANGES] == 0


def test_every_change_of_meaning_is_shown_or_it_is_said_why_not() -> None:
    for old, new, _ in pairs(8, 300):
        for change in semantic_changes(old, new):
            shows = demonstrate_change(old, new, change)
            assert shows.reason
            assert shows.outcome is not Outcome.CHANGES or shows.read != shows.written


def test_the_sample_has_the_symbol_that_is_gone() -> None:
    old, new = record(("e", enum("A", "B"))), record(("e", enum("A")))
    text = explain(case(old, new, Level.BACKWARD))
    assert 'written with v1: {"e": "B"}' in text
    assert "read with the new schema: fails: " in text
    assert "BACKWARD: deploy consumers first, then producers" in text


def test_the_sample_has_the_branch_that_is_gone() -> None:
    old, new = record(("x", ["string", "null", "int"])), record(("x", ["string", "null"]))
    assert 'written with v1: {"x": 16777217}' in explain(case(old, new))
    deep = {"type": "array", "items": {"type": "map", "values": ["null", "string"]}}
    only = {"type": "array", "items": {"type": "map", "values": ["null"]}}
    assert 'written with v1: {"x": [{"key": "text"}]}' in explain(case(record(("x", deep)), record(("x", only))))


def test_who_fails_and_when_nobody_does() -> None:
    old, new = record(("a", "int"), ("b", "int")), record(("a", "int"))
    text = explain(case(old, new))
    assert 'written with the new schema: {"a": 123456}' in text
    assert "read with v1: fails: No default value for field b" in text
    assert "only with every consumer deployed before the first producer they never meet it" in text


def test_a_decimal_is_read_by_the_scale_of_the_reader() -> None:
    old, new = record(("amount", CENTS)), record(("amount", {**CENTS, "scale": 4}))
    text = explain(case(old, new))
    assert 'written with v1: {"amount": 12.34}' in text
    assert 'read with the new schema: {"amount": 0.1234}' in text
    assert "(the same bytes, read with the older and the new schema)" in text


@pytest.mark.parametrize(
    ("old", "new", "rule", "outcome", "read"),
    [
        ("bytes", "string", SemanticRule.BYTES_READ_AS_TEXT, Outcome.CHANGES, {"x": "\ufffd"}),
        ("long", "double", SemanticRule.PROMOTION_LOSES_DIGITS, Outcome.CHANGES, {"x": float(2**53)}),
        ("int", "float", SemanticRule.PROMOTION_LOSES_DIGITS, Outcome.CHANGES, {"x": float(2**24)}),
        (
            {"type": "long", "logicalType": "timestamp-millis"},
            {"type": "long", "logicalType": "timestamp-micros"},
            SemanticRule.LOGICAL_TYPE_CHANGED,
            Outcome.CHANGES,
            "1970-01-20",
        ),
        (enum("A", "B"), enum("B", "A"), SemanticRule.ENUM_SYMBOL_MOVED, Outcome.NOTHING, None),
    ],
)
def test_changes_of_meaning(old: Any, new: Any, rule: SemanticRule, outcome: Outcome, read: Any) -> None:
    (change,) = semantic_changes(record(("x", old)), record(("x", new)))
    assert change.rule is rule
    shows = demonstrate_change(record(("x", old)), record(("x", new)), change)
    assert shows.outcome is outcome, shows
    assert read is None or shows.read == read or str(shows.read["x"]).startswith(str(read))


def test_a_changed_default_is_shown_with_a_record_that_lacks_the_field() -> None:
    old, new = record(("a", "int"), ("b", "int", 1)), record(("a", "int"), ("b", "int", 2))
    (change,) = semantic_changes(old, new, earlier=[record(("a", "int"))])
    shows = demonstrate_change(old, new, change)
    assert (shows.written["b"], shows.read["b"]) == (1, 2)


def test_a_schema_without_finite_values_puts_no_data_at_risk() -> None:
    endless = {"type": "record", "name": "R", "fields": [{"name": "next", "type": "R"}]}
    (finding,) = incompatibilities("int", endless)
    assert "no finite value" in demonstrate("int", endless, finding).reason


def test_a_value_stays_small_where_the_schema_branches_without_end() -> None:
    children = [{"name": f"c{index}", "type": {"type": "array", "items": "R"}} for index in range(4)]
    old = {"type": "record", "name": "R", "fields": [*children, {"name": "x", "type": ["null", "int"]}]}
    new = {"type": "record", "name": "R", "fields": [*children, {"name": "x", "type": ["null", "string"]}]}
    finding = incompatibilities(new, old)[0]
    shows = demonstrate(new, old, finding)
    assert shows.outcome is Outcome.FAILS
    assert len(shows.body) < 5000


def test_values_are_shown_exactly_and_short() -> None:
    assert shown({"a": Decimal("0.10"), "b": b"\x01", "c": [None, True, "ä"]}) == (
        '{"a": 0.10, "b": "0x01", "c": [null, true, "ä"]}'
    )
    assert len(shown("x" * 1000)) == 300
