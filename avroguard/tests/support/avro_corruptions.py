"""Random schemas with something wrong in them, as JSON data: for tests that ask whether a parser takes them."""

import copy
from collections.abc import Iterator
from random import Random
from typing import Any

from support.avro_mutations import mutated
from support.avro_schemas import LOGICAL, PRIMITIVES, SchemaGenerator

_NAMES = ["A", "B", "a.B", ".C", "n.A", "", "x-y", "9a", "ä", "n..A", "int", "n.m.int", "a b", "é9", "record", "D."]
_VALUES: list[Any] = [
    None, True, 0, -1, 7, 1.0, 1.5, 2**31 - 1, 2**31, -(2**31), 2**63 - 1, 2**63, 2**70, "", "x", "text", "NaN", "1.5d",
    "€", "\0\0\0\0", [], [None], ["X"], [1], {}, {"a": 1}, {"a": "x"}, {"b": {}},
]  # fmt: skip
_TYPES: list[Any] = [*PRIMITIVES, "A", "n.A", "B", "Z", "union", [], [[]], ["null", "A"], ["int", "int"], {}, 3, None]
_ATTRIBUTES = ["type", "name", "namespace", "doc", "aliases", "symbols", "default", "size", "items", "values", "fields",
               "order", "logicalType", "precision", "scale", "extra"]  # fmt: skip


def corrupted(seed: int, count: int) -> Iterator[Any]:
    """Random schemas after one to three corruptions each, and one in five without any."""
    random = Random(seed)
    for _ in range(count):
        root = [mutated(SchemaGenerator(random).schema(), random)[0]]
        for _ in range(random.choice([0, 1, 1, 2, 3])):
            _corrupt(root, random)
        yield root[0]


def _corrupt(root: list[Any], random: Random) -> None:
    container, key = random.choice(list(_places(root)))
    node = container[key]
    if isinstance(node, dict) and random.random() < 0.8:
        attribute = random.choice(_ATTRIBUTES if random.random() < 0.5 else list(node) or _ATTRIBUTES)
        if random.random() < 0.15:
            node.pop(attribute, None)
        else:
            node[attribute] = _value(attribute, random, root)
    elif isinstance(node, list) and node and random.random() < 0.6:
        index = random.randrange(len(node))
        node.insert(index, copy.deepcopy(random.choice([node[index], *_TYPES])))
    else:
        container[key] = copy.deepcopy(random.choice([*_TYPES, *LOGICAL]))


def _value(attribute: str, random: Random, root: list[Any]) -> Any:
    if random.random() < 0.1:
        return copy.deepcopy(random.choice(_VALUES))
    names = lambda: random.sample(_NAMES, random.randrange(1, 3))  # noqa: E731
    some: dict[str, Any] = {
        "type": lambda: random.choice([*_TYPES, "record", "enum", "fixed", "array", "map"]),
        "items": lambda: random.choice(_TYPES),
        "values": lambda: random.choice(_TYPES),
        "name": lambda: random.choice(_NAMES),
        "namespace": lambda: random.choice(_NAMES),
        "aliases": names,
        "symbols": names,
        "order": lambda: random.choice(["ascending", "Ignore", "DESCENDING", "up", None]),
        "size": lambda: random.choice([0, 1, -1, 4, 2**31 - 9, 2**31 - 8, 2**31, 1.0]),
        "fields": lambda: [{"name": random.choice(_NAMES), "type": random.choice(_TYPES)}],
        "logicalType": lambda: random.choice(["decimal", "uuid", "date", "timestamp-millis", "mine", 3]),
    }
    if attribute == "type" and random.random() < 0.3:
        return copy.deepcopy(random.choice([container[key] for container, key in _places(root)]))
    return copy.deepcopy(some.get(attribute, lambda: random.choice(_VALUES))())


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every place in JSON data below its root."""
    keys = value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in list(keys):
        yield value, key
        yield from _places(value[key])
