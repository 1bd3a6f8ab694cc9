"""Random schemas in which short names and namespaces clash: the same few names, defined and used everywhere."""

from collections.abc import Iterator
from random import Random
from typing import Any

USES = ("int", "C", "C", "D", "n.C", "n.m.C")
FIRST = {"name": "first", "type": {"type": "record", "name": "C", "namespace": "", "fields": []}}


def clashing(seed: int, count: int) -> Iterator[dict[str, Any]]:
    """Yield schemas; Avro Java refuses many of them."""
    random = Random(seed)
    for _ in range(count):
        fields = [{"name": f"f{index}", "type": _type(random, 1)} for index in range(3)]
        name = random.choice(["R", "n.R", "n.m.R", "n.C", "n.m.C"])
        yield {"type": "record", "name": name, "fields": [*random.choice([[FIRST], []]), *fields]}


def _type(random: Random, depth: int) -> Any:
    match random.randrange(10) if depth <= 3 else 0:
        case 0 | 1 | 2 | 3:
            name = random.choice(USES)
            return random.choice([name, {"type": name}])
        case 4:
            return ["null", _type(random, depth + 1)]
        case 5:
            return {"type": "array", "items": _type(random, depth + 1)}
    return _definition(random, depth)


def _definition(random: Random, depth: int) -> dict[str, Any]:
    namespace = random.choice([{}, {"namespace": ""}, {"namespace": "n"}, {"namespace": "n.m"}])
    name = {"name": random.choice(["C", "D", "n.C", "n.m.D"]), **namespace}
    match random.randrange(3):
        case 0:
            return {"type": "enum", **name, "symbols": ["A"]}
        case 1:
            return {"type": "fixed", **name, "size": 4}
    fields = [{"name": f"f{index}", "type": _type(random, depth + 1)} for index in range(random.randrange(3))]
    return {"type": "record", **name, "fields": fields}
