"""The corners that compatibility checkers get wrong, each with the verdict in both directions.

`test_compatibility_corners` asks the checker, `test_corners_against_java` Avro Java: what stands here is what both say.
"""

from dataclasses import dataclass
from typing import Any

from avroguard.compatibility import Rule

MISSING, AMBIGUOUS, TYPE = Rule.READER_FIELD_MISSING_DEFAULT, Rule.READER_FIELD_AMBIGUOUS, Rule.TYPE_CHANGED
BRANCH, SYMBOL, NAME, SIZE = (
    Rule.UNION_BRANCH_REMOVED, Rule.ENUM_SYMBOL_REMOVED, Rule.NAME_CHANGED, Rule.FIXED_SIZE_CHANGED
)  # fmt: skip
UNPROVEN = Rule.RECURSION_UNPROVEN


@dataclass(frozen=True)
class Case:
    """Two schemas, and the rules that each breaks as the other's reader; empty where it can read it."""

    name: str
    old: Any
    new: Any
    new_reads_old: tuple[Rule, ...] = ()
    old_reads_new: tuple[Rule, ...] = ()


def record(*fields: Any, name: str = "R", **more: Any) -> dict[str, Any]:
    """A record; a field is given as its object, or as ``(name, type)`` or ``(name, type, default)``."""
    return {"type": "record", "name": name, **more, "fields": [_field(field) for field in fields]}


def _field(field: Any) -> dict[str, Any]:
    if isinstance(field, dict):
        return field
    name, kind, *default = field
    return {"name": name, "type": kind, **({"default": default[0]} if default else {})}


def enum(*symbols: str, name: str = "E", **more: Any) -> dict[str, Any]:
    return {"type": "enum", "name": name, "symbols": list(symbols), **more}


def fixed(size: int, name: str = "F", **more: Any) -> dict[str, Any]:
    return {"type": "fixed", "name": name, "size": size, **more}


def array(items: Any) -> dict[str, Any]:
    return {"type": "array", "items": items}


def mapping(values: Any) -> dict[str, Any]:
    return {"type": "map", "values": values}


def aliased(name: str, kind: Any, *aliases: str, **more: Any) -> dict[str, Any]:
    """A field that was called otherwise."""
    return {"name": name, "type": kind, "aliases": list(aliases), **more}


A_INT = ("a", "int")
LIST_NODE = record(("value", "int"), ("next", ["null", "Node"]), name="Node")
ACCOUNT = {"x": record(A_INT, name="x.P"), "y": record(("b", "string"), name="y.P")}


def _tree(leaf: str) -> dict[str, Any]:
    """Two records that contain each other."""
    return record(("children", array(record(("parent", ["null", "Tree"]), ("leaf", leaf), name="Child"))), name="Tree")


def _assumed(space: str, p: list[Any], more: list[Any]) -> dict[str, Any]:
    """P holds a Q, which may hold a P; ``p`` are further branches beside P, ``more`` further fields of P."""
    inner = record(("back", ["null", f"{space}.P"]), name=f"{space}.Q")
    outer = record(("q", inner), *more, name=f"{space}.P")
    return record(("p", [outer, *p] if p else outer), ("q", f"{space}.Q"))


NAMES = [
    Case("a record renamed", record(A_INT), record(A_INT, name="S"), (NAME,), (NAME,)),
    Case("a record renamed with an alias", record(A_INT), record(A_INT, name="S", aliases=["R"]), (), (NAME,)),
    Case("a namespace changed alone", record(A_INT, namespace="x"), record(A_INT, namespace="y")),
    Case("a namespace dropped", record(A_INT, name="x.R"), record(A_INT)),
    Case(
        "a short alias is in the namespace of its type",
        record(A_INT, name="x.R"), record(A_INT, name="x.S", aliases=["R"]), (), (NAME,),
    ),
    Case(
        "a short alias is in no other namespace",
        record(A_INT, name="y.R"), record(A_INT, name="x.S", aliases=["R"]), (NAME,), (NAME,),
    ),
    Case(
        "a full alias leads to another namespace",
        record(A_INT, name="y.R"), record(A_INT, name="x.S", aliases=["y.R"]), (), (NAME,),
    ),
    Case(
        "an alias never leads out of a namespace into none",
        record(A_INT), record(A_INT, name="x.S", aliases=[".R"]), (NAME,), (NAME,),
    ),
    Case("the alias of the writer helps nobody", record(A_INT, aliases=["S"]), record(A_INT, name="S"), (NAME,), ()),
    Case("an enum renamed", enum("X"), enum("X", name="D"), (NAME,), (NAME,)),
    Case("an enum renamed with an alias", enum("X"), enum("X", name="D", aliases=["E"]), (), (NAME,)),
    Case("a fixed renamed with an alias", fixed(4), fixed(4, name="G", aliases=["F"]), (), (NAME,)),
    Case(
        "a nested type inherits the namespace for its alias",
        record(("e", enum("X")), namespace="x"), record(("e", enum("X", name="D", aliases=["E"])), namespace="x"),
        (), (NAME,),
    ),
    Case("an error is a record", record(A_INT), {**record(A_INT), "type": "error"}),
    Case("a type of the same name, but of another kind", record(A_INT), enum("X", name="R"), (TYPE,), (TYPE,)),
]  # fmt: skip

FIELDS = [
    Case("a field added without a default", record(A_INT), record(A_INT, ("b", "int")), (MISSING,), ()),
    Case("a field added with a default", record(A_INT), record(A_INT, ("b", "int", 0))),
    Case("a field added with null for a default", record(A_INT), record(A_INT, ("b", ["null", "int"], None))),
    Case("an optional field added without a default", record(), record(("b", ["null", "int"])), (MISSING,), ()),
    Case("fields reordered", record(A_INT, ("b", "string")), record(("b", "string"), A_INT)),
    Case("a field renamed", record(A_INT), record(("b", "int")), (MISSING,), (MISSING,)),
    Case("a field renamed with an alias", record(A_INT), record(aliased("b", "int", "a")), (), (MISSING,)),
    Case("a field renamed and promoted", record(A_INT), record(aliased("b", "long", "a")), (), (MISSING,)),
    Case(
        "a field whose name and alias both exist in the writer",
        record(A_INT, ("b", "int")), record(aliased("b", "int", "a")), (AMBIGUOUS,), (MISSING,),
    ),
    Case(
        "a field with two aliases that both exist in the writer",
        record(A_INT, ("b", "int")), record(aliased("c", "int", "a", "b")), (AMBIGUOUS,), (MISSING, MISSING),
    ),
    Case("a field that is its own alias", record(A_INT), record(aliased("a", "int", "a")), (AMBIGUOUS,), ()),
    Case(
        "an ambiguous field in a branch is refused though another branch fits",
        record(A_INT, ("b", "int"), name="x.P"),
        [record(aliased("b", "int", "a"), name="x.P"), record(A_INT, name="y.P")],
        (AMBIGUOUS,), (MISSING, MISSING),
    ),
    Case(
        "the default of an enum type doesn't stand in for that of a field",
        record(), record(("e", enum("X", default="X"))), (MISSING,), (),
    ),
    Case(
        "every incompatibility is found",
        record(("a", "int"), ("b", enum("X", "Y")), ("c", fixed(4))),
        record(("a", "string"), ("b", enum("X")), ("c", fixed(8)), ("d", "int")),
        (TYPE, SYMBOL, SIZE, MISSING), (TYPE, SIZE),
    ),
]  # fmt: skip

UNIONS = [
    Case("a union reordered", ["null", "int", "string"], ["string", "null", "int"]),
    Case("a union narrowed", ["null", "int"], ["null"], (BRANCH,), ()),
    Case("a union widened", ["int"], ["null", "int", record()], (), (BRANCH, BRANCH)),
    Case("a single type made a union", "int", ["null", "int"], (), (BRANCH,)),
    Case("a single type and a union of it alone", "int", ["int"]),
    Case("a single type and a union without it", "boolean", ["null", "int"], (TYPE,), (BRANCH, BRANCH)),
    Case("every branch promotes to the single type", ["int", "long"], "double", (), (TYPE,)),
    Case("a branch of the union doesn't promote to the single type", ["int", "string"], "double", (BRANCH,), (TYPE,)),
    Case("promoted inside a union", ["null", "int"], ["null", "long"], (), (BRANCH,)),
    Case("two branches promoted to one", ["int", "long"], ["null", "double"], (), (BRANCH, BRANCH)),
    Case("string and bytes inside a union", ["null", "string"], ["bytes", "null"]),
    Case("the empty union can be read as anything", [], "int", (), (TYPE,)),
    Case("a record in a union lacks a default", ["null", record()], ["null", record(A_INT)], (MISSING,), ()),
    Case("an enum in a union loses a symbol", ["null", enum("X", "Y")], ["null", enum("X")], (SYMBOL,), ()),
    Case("records of one short name, the second fits", ACCOUNT["y"], [ACCOUNT["x"], ACCOUNT["y"]], (), (MISSING,)),
    Case(
        "records of one short name, exchanged",
        [ACCOUNT["x"], ACCOUNT["y"]], [ACCOUNT["y"], ACCOUNT["x"]],
    ),
    Case(
        "a record of the same short name takes over", [ACCOUNT["x"]], [record(A_INT, name="z.P"), ACCOUNT["y"]],
        (), (MISSING,),
    ),
    Case(
        "a branch renamed with an alias", ["null", record(name="P")], ["null", record(name="Q", aliases=["P"])],
        (), (BRANCH,),
    ),
    Case("a branch renamed", ["null", record(name="P")], ["null", record(name="Q")], (BRANCH,), (BRANCH,)),
]  # fmt: skip

TYPES = [
    Case("int and long", "int", "long", (), (TYPE,)),
    Case("long and float", "long", "float", (), (TYPE,)),
    Case("float and double", "float", "double", (), (TYPE,)),
    Case("int and double", {"type": "int"}, "double", (), (TYPE,)),
    Case("string and bytes", "string", "bytes"),
    Case("boolean and int", "boolean", "int", (TYPE,), (TYPE,)),
    Case("fixed and bytes", fixed(4), "bytes", (TYPE,), (TYPE,)),
    Case("enum and string", enum("X"), "string", (TYPE,), (TYPE,)),
    Case("promoted inside an array", array("int"), array("long"), (), (TYPE,)),
    Case("promoted inside a map of arrays", mapping(array("int")), mapping(array("double")), (), (TYPE,)),
    Case("an array and a map", array("int"), mapping("int"), (TYPE,), (TYPE,)),
    Case("an array and its item", array("int"), "int", (TYPE,), (TYPE,)),
    Case("a fixed of another size", fixed(4), fixed(8), (SIZE,), (SIZE,)),
    Case("a fixed of another size and name", fixed(4), fixed(8, name="G"), (NAME, SIZE), (NAME, SIZE)),
    Case("an enum symbol added", enum("X"), enum("X", "Y"), (), (SYMBOL,)),
    Case("enum symbols reordered", enum("X", "Y"), enum("Y", "X")),
    Case(
        "the default of the reader's enum type helps", enum("X", "Y"), enum("X", default="X"), (), ()
    ),
    Case("the default of the writer's enum type doesn't", enum("X", "Y", default="X"), enum("X"), (SYMBOL,), ()),
    Case(
        "the default of a field with an enum doesn't", record(("e", enum("X", "Y"))), record(("e", enum("X"), "X")),
        (SYMBOL,), (),
    ),
    Case("logical types don't count", "long", {"type": "long", "logicalType": "timestamp-millis"}),
]  # fmt: skip

RECURSION = [
    Case("a recursive record and itself", LIST_NODE, LIST_NODE),
    Case(
        "a recursive record promoted", LIST_NODE, record(("value", "long"), ("next", ["null", "Node"]), name="Node"),
        (), (TYPE,),
    ),
    Case(
        "a recursive record that fails after it was assumed",
        record(("next", ["null", "Node"]), ("value", "int"), name="Node"),
        record(("next", ["null", "Node"]), ("value", "string"), name="Node"),
        (TYPE,), (TYPE,),
    ),
    Case("mutually recursive records and themselves", _tree("int"), _tree("int")),
    Case("mutually recursive records promoted", _tree("int"), _tree("long"), (), (TYPE,)),
    Case("mutually recursive records changed", _tree("int"), _tree("boolean"), (TYPE,), (TYPE,)),
    Case(
        "a recursion unrolled once",
        LIST_NODE,
        record(
            ("value", "int"),
            ("next", ["null", record(("value", "int"), ("next", ["null", "y.Node"]), name="y.Node")]),
            name="x.Node",
        ),
    ),
    Case(
        "a type used before it is defined",
        record(("a", "P"), ("b", record(A_INT, name="P"))), record(("a", record(A_INT, name="P")), ("b", "P")),
    ),
    # While x.P is tried as a branch, x.Q is taken for compatible because x.P is assumed to be; then x.P fails, and
    # y.P is the branch that fits. What is known of x.Q must go with x.P: it holds an x.P that can't be read.
    Case(
        "what was assumed is not taken for proven",
        _assumed("z", [], []), _assumed("x", [record(name="y.P")], [("more", "int")]),
        (UNPROVEN,), (MISSING,),
    ),
]  # fmt: skip

SHAPES = [
    Case(
        "an enum defined twice alike",
        record(("a", enum("X")), ("b", enum("X"))), record(("a", enum("X")), ("b", "E")),
    ),
    Case("a name in full and a name with a namespace", record(name="x.R"), record(name="R", namespace="x")),
    Case("a dotted name overrides the namespace", record(name="x.R", namespace="y"), record(name="x.R")),
    Case("a primitive as an object", record(A_INT), record(("a", {"type": "int", "doc": "a number"}))),
    Case(
        "a reference as an object",
        record(("e", enum("X")), ("f", "E")), record(("e", enum("X")), ("f", {"type": "E"})),
    ),
    Case(
        "a short name is looked up in its namespace first",
        record(("e", enum("X", name="E")), ("r", record(("f", enum("Y", name="E")), ("g", "E"), name="x.S"))),
        record(("e", enum("X", name="E")), ("r", record(("f", enum("Y", name="E")), ("g", "x.E"), name="x.S"))),
    ),
    Case(
        "a short name is found without a namespace",
        record(("e", enum("X", name="E")), ("r", record(("g", "E"), name="x.S"))),
        record(("e", enum("Y", name="E")), ("r", record(("g", "E"), name="x.S"))),
        (SYMBOL,), (SYMBOL,),
    ),
]  # fmt: skip

CASES = [*NAMES, *FIELDS, *UNIONS, *TYPES, *RECURSION, *SHAPES]
