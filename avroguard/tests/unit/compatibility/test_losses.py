"""Losses: parts of a writer's data that a reader's schema leaves out."""

from contextlib import suppress
from functools import cache
from itertools import islice
from random import Random
from typing import Any

import pytest

from avroguard.compatibility import incompatibilities, losses
from avroguard.compatibility.parsing import parse
from avroguard.errors import ContractError
from avroguard.explain.binary import ReadError, encode
from avroguard.explain.resolution import Decoder
from avroguard.explain.samples import samples
from support.avro_mutations import mutated
from support.avro_schemas import SchemaGenerator


def record(name: str = "R", /, **fields: Any) -> dict[str, Any]:
    return {"type": "record", "name": name, "fields": [{"name": field, "type": kind} for field, kind in fields.items()]}


def field(name: str, kind: Any, **more: Any) -> dict[str, Any]:
    return {"name": name, "type": kind, **more}


def enum(*symbols: str, **more: Any) -> dict[str, Any]:
    return {"type": "enum", "name": "E", "symbols": list(symbols), **more}


def array(items: Any) -> dict[str, Any]:
    return {"type": "array", "items": items}


OLD = record(a="long", b="string")
ADDRESS, LONGER_ADDRESS = record("A", zip="string"), record("A", zip="string", city="string")
ALIASED = {**OLD, "fields": [OLD["fields"][0], field("c", "string", aliases=["b"])]}
FIRST_ALIAS = {**OLD, "fields": [field("c", "string", aliases=["b", "d"])]}


@pytest.mark.parametrize(
    ("reader", "writer", "lost"),
    [
        (OLD, OLD, []),
        (OLD, {**OLD, "fields": OLD["fields"][::-1]}, []),
        (OLD, record(a="int", b="bytes"), []),
        (OLD, record(a="long", b="string", c="null"), ["c"]),
        (OLD, record(a="long", note="string", b="string", x="int"), ["note", "x"]),
        (ALIASED, OLD, []),
        (ALIASED, record(a="long", b="string", d="int"), ["d"]),
        (record(x=ADDRESS), record(x=LONGER_ADDRESS), ["x.city"]),
        (record(x=array(ADDRESS)), record(x=array(LONGER_ADDRESS)), ["x.city"]),
        (record(x={"type": "map", "values": ADDRESS}), record(x={"type": "map", "values": LONGER_ADDRESS}), ["x.city"]),
        (record(x=["null", ADDRESS]), record(x=["null", LONGER_ADDRESS]), ["x.city"]),
        (record(x=["null", ADDRESS]), record(x=LONGER_ADDRESS), ["x.city"]),
        (record(x=["null", "string"]), record(x="string"), []),
        (record(x=["double", "long"]), record(x="int"), []),
        # Avro reads each as the branch of its own name, and only that one counts.
        (record(x=["null", record("B", zip="string"), LONGER_ADDRESS]), record(x=LONGER_ADDRESS), []),
        (record(x=enum("P", "Q")), record(x=enum("Q", "P")), []),
        (record(x=enum("P", "Q", default="P")), record(x=enum("P", "Q", "S", "T")), ["x: symbol S", "x: symbol T"]),
        (enum("P", default="P"), enum("P", "S"), ["E: symbol S"]),
    ],
)  # fmt: skip
def test_what_is_lost_is_named(reader: Any, writer: Any, lost: list[str]) -> None:
    assert not incompatibilities(reader, writer)
    assert losses(reader, writer) == lost


def test_a_recursive_schema_ends() -> None:
    tree = record("T", value="long", next=["null", "T"])
    longer = record("T", value="long", note="string", next=["null", "T"])
    assert losses(tree, longer) == ["note"]
    assert losses(tree, tree) == []


def test_a_type_used_twice_is_told_of_once() -> None:
    assert losses(record(x=ADDRESS, y="A"), record(x=LONGER_ADDRESS, y="A")) == ["x.city"]


def test_a_schema_that_is_none() -> None:
    with pytest.raises(ContractError):
        losses(OLD, {"type": "record"})


def is_preserved(written: Any, read: Any) -> bool:
    """Return whether a written value is all in the value that another schema reads; numbers may be promoted."""
    match written:
        case dict():
            return isinstance(read, dict) and all(
                name in read and is_preserved(value, read[name]) for name, value in written.items()
            )
        case list():
            return len(written) == len(read) and all(map(is_preserved, written, read))
        case bytes() if isinstance(read, str):
            return written.decode(errors="replace") == read
        case str() if isinstance(read, bytes):
            return written.encode() == read
        case int() | float() if isinstance(read, float):
            return float(written) == pytest.approx(read, rel=1e-6, nan_ok=True)
    return bool(written == read) or repr(written) == repr(read)


def plainly(schema: Any) -> Any:
    """A schema without logical types and aliases, so that values compare as they are and fields by their names."""
    match schema:
        case dict():
            return {
                name: plainly(part)
                for name, part in schema.items()
                if name not in ("logicalType", "precision", "scale", "aliases")
            }
        case list():
            return [plainly(part) for part in schema]
    return schema


@cache
def lossless_pairs() -> list[tuple[Any, Any]]:
    """Random schemas, each with a changed one that can read what it writes and, as `losses` says, all of it."""
    pairs = []
    for seed in range(1500):
        random = Random(seed)
        writer = plainly(SchemaGenerator(random).schema())
        reader = plainly(mutated(writer, random)[0])
        with suppress(ContractError):
            if reader != writer and not incompatibilities(reader, writer) and not losses(reader, writer):
                pairs.append((reader, writer))
    return pairs


def test_where_nothing_is_told_nothing_is_lost() -> None:
    for reader, writer in lossless_pairs():
        node = parse(writer)
        for sample in islice(samples(node, ()), 10):
            content = encode(node, sample)
            with suppress(ReadError):  # of another namespace, which readers of unions look at
                assert is_preserved(Decoder(writer).decode(content), Decoder(writer, reader).decode(content))


def test_enough_is_tried() -> None:
    assert len(lossless_pairs()) > 200
