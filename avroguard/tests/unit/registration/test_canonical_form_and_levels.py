import json
from itertools import product

import pytest

from avroguard.avro.canonical_form import fingerprint, same_content
from avroguard.levels import Level
from support.registry_replay import CONFLUENT, recordings

USER = {"type": "record", "name": "User", "namespace": "ex", "fields": [{"name": "id", "type": "long"}]}


@pytest.mark.parametrize(
    "other",
    [
        {"type": "record", "name": "ex.User", "fields": [{"name": "id", "type": "long"}]},
        {"fields": [{"type": {"type": "long"}, "name": "id"}], "namespace": "ex", "name": "User", "type": "record"},
        {**USER, "fields": [{"name": "id", "type": "long", "order": "ascending"}]},
    ],
)
def test_the_same_in_another_spelling(other: object) -> None:
    assert same_content(USER, other)


def with_field(**attributes: object) -> dict[str, object]:
    return {**USER, "fields": [{"name": "id", **attributes}]}


DECIMAL = {"type": "bytes", "logicalType": "decimal", "precision": 4}


@pytest.mark.parametrize(
    ("schema", "other"),
    [
        ({**USER, "aliases": ["ex.U2", "ex.U1"]}, {**USER, "aliases": ["U1", "U2"]}),
        ({**USER, "doc": "", "aliases": []}, USER),
        (with_field(type="double", default=1.0), with_field(type="double", default=1, order="ascending")),
        (with_field(type="long", aliases=["b", "a"]), with_field(type="long", aliases=["a", "b"])),
        (with_field(type={**DECIMAL, "scale": 0}), with_field(type=DECIMAL)),
        (
            with_field(type={"type": "map", "values": "float"}, default={"a": 1e3}),
            with_field(type={"type": "map", "values": "float"}, default={"a": 1000}),
        ),
    ],
)
def test_what_normalizing_changes_is_spelling(schema: object, other: object) -> None:
    assert same_content(schema, other)
    assert fingerprint(schema) == fingerprint(other)


@pytest.mark.parametrize(
    "other",
    [
        {**USER, "doc": "A user."},
        {**USER, "aliases": ["Person"]},
        {**USER, "namespace": "other"},
        {**USER, "fields": [{"name": "id", "type": "long", "doc": "The id."}]},
        {**USER, "fields": [{"name": "id", "type": "long", "aliases": ["key"]}]},
        {**USER, "fields": [{"name": "id", "type": "long", "default": 0}]},
        ["null", USER],
        "string",
    ],
)
def test_other_content(other: object) -> None:
    assert not same_content(USER, other)


def test_names_are_the_same_short_and_full() -> None:
    inner = {"type": "enum", "name": "E", "symbols": ["A"], "aliases": ["F"]}
    short = {**USER, "fields": [{"name": "a", "type": inner}, {"name": "b", "type": {"type": "map", "values": "E"}}]}
    full = json.loads(json.dumps(short).replace('"E"', '"ex.E"').replace('"F"', '"ex.F"'))
    assert same_content(short, full)


@pytest.mark.parametrize(
    "case", ["register s1 v1", "re-reg fullname spelling", "re-reg doc change", "ref: register base"]
)
def test_what_confluent_makes_of_a_schema_is_the_same(case: str) -> None:
    recording = recordings()[case]
    stored = json.loads(recording[CONFLUENT]["body"]["schema"])
    assert same_content(json.loads(recording["request"]["schema"]), stored)


ORDER = {
    (level, other)
    for level, other in product(Level, Level)
    if level is other
    or other is Level.NONE
    or level is Level.FROZEN
    or (level is Level.FULL_TRANSITIVE and other is not Level.FROZEN)
    or (level is Level.FULL and other in (Level.BACKWARD, Level.FORWARD))
    or (level.endswith("_TRANSITIVE") and level.removesuffix("_TRANSITIVE") == other)
}


@pytest.mark.parametrize(("level", "other"), list(product(Level, Level)))
def test_which_level_asks_for_more(level: Level, other: Level) -> None:
    assert level.implies(other) is ((level, other) in ORDER)
