"""Random Avro schemas, records of them, and damage done to their bytes: for the properties of the codec."""

import math
import struct
from io import BytesIO
from typing import Any

import fastavro
from hypothesis import assume
from hypothesis import strategies as st

TEXT = st.one_of(
    st.text(st.characters(codec="ascii"), max_size=20),
    st.text(max_size=6),
    st.sampled_from(["", "\0", "a\0", "ä" * 130, "x" * 300]),
)
UUIDS = st.one_of(st.uuids().map(str), st.uuids().map(lambda identifier: str(identifier).upper()))
PRIMITIVES = ("null", "boolean", "int", "long", "float", "double", "bytes", "string")


def scalars() -> st.SearchStrategy[Any]:
    """Types without a name: primitives, with and without a logical type."""
    plain = st.sampled_from(["null", "boolean", "int", "long", "float", "double", "bytes", "string"])
    logical = st.sampled_from(
        [
            {"type": "string", "logicalType": "uuid"},
            {"type": "int", "logicalType": "date"},
            {"type": "int", "logicalType": "time-millis"},
            {"type": "long", "logicalType": "time-micros"},
            {"type": "long", "logicalType": "timestamp-millis"},
            {"type": "long", "logicalType": "timestamp-micros"},
            {"type": "long", "logicalType": "timestamp-nanos"},
            {"type": "long", "logicalType": "local-timestamp-millis"},
            {"type": "bytes", "logicalType": "unheard-of"},
        ]
    )
    decimal = st.tuples(st.integers(1, 25), st.integers(0, 3)).map(
        lambda pair: {
            "type": "bytes",
            "logicalType": "decimal",
            "precision": pair[0],
            "scale": min(pair[1], pair[0]),
        }
    )
    return st.one_of(plain, logical, decimal)


@st.composite
def types(draw: st.DrawFn, depth: int, names: list[str]) -> Any:  # noqa: PLR0911 - a case for each type
    """Any type; named ones get fresh names, or refer to one that there is already."""
    kind = draw(st.sampled_from(["scalar"] * 6 + ["enum", "fixed", "union", "union", "record", "array", "map", "name"]))
    if kind in ("enum", "fixed", "record"):
        names.append(f"N{len(names)}")
    name = names[-1] if names else ""
    match kind:
        case "enum":
            return {"type": "enum", "name": name, "symbols": draw(st.sampled_from([["A"], ["A", "BB", "CCC"]]))}
        case "fixed":
            size = draw(st.integers(1, 12))
            decimal = {"logicalType": "decimal", "precision": int(math.log10(2) * (8 * size - 1)) or 1}
            return {"type": "fixed", "name": name, "size": size} | (decimal if size > 1 and draw(st.booleans()) else {})
        case "union":
            some = draw(st.lists(scalars(), min_size=1, max_size=3, unique_by=kind_of))
            return some if "null" in some or draw(st.booleans()) else ["null", *some]
        case "record" if depth:
            fields = draw(st.lists(types(depth - 1, names), max_size=3))
            named = [{"name": f"f{i}", "type": kind} for i, kind in enumerate(fields)]
            return {"type": "record", "name": name, "fields": named}
        case "array" if depth:
            return {"type": "array", "items": draw(types(depth - 1, names))}
        case "map" if depth:
            return {"type": "map", "values": draw(types(depth - 1, names))}
    return draw(scalars())


def kind_of(schema: Any) -> str:
    kind: str = schema["type"] if isinstance(schema, dict) else schema
    return kind


@st.composite
def records(draw: st.DrawFn, max_fields: int = 5) -> Any:
    """A record's schema."""
    names = ["Top"]
    fields = draw(st.lists(types(2, names), min_size=1, max_size=max_fields))
    return {
        "type": "record",
        "name": "Top",
        "fields": [{"name": f"field{i}", "type": kind} for i, kind in enumerate(fields)],
    }


LONGS = st.one_of(st.integers(-100, 100), st.integers(-(2**31), 2**31 - 1), st.integers(-(2**63), 2**63 - 1))


@st.composite
def body(draw: st.DrawFn, schema: Any, names: dict[str, Any] | None = None, depth: int = 0) -> bytes:  # noqa: PLR0911, PLR0912 - a case for each type
    """Bytes of a value, written by hand: mostly right, sometimes out of the type's range.

    ``names`` holds the types that are referred to by name; recursion ends where a union or an array lets it.
    """
    schema = (names or {}).get(schema, schema) if isinstance(schema, str) else schema
    assume(depth < 8)
    if isinstance(schema, list):
        shallow = [i for i, branch in enumerate(schema) if branch in PRIMITIVES] if depth > 3 else []
        branch = draw(st.sampled_from(shallow or range(len(schema))))
        return number(branch) + draw(body(schema[branch], names, depth + 1))
    kind, more = (schema["type"], schema) if isinstance(schema, dict) else (schema, {})
    match kind:
        case "record" | "error":
            return b"".join(draw(body(field["type"], names, depth + 1)) for field in more["fields"])
        case "array":
            items = draw(st.lists(body(more["items"], names, depth + 1), max_size=3 if depth < 4 else 0))
            return (number(len(items)) + b"".join(items) if items else b"") + b"\0"
        case "map":
            entry = st.tuples(TEXT, body(more["values"], names, depth + 1))
            entries = draw(st.lists(entry, max_size=3 if depth < 4 else 0))
            pairs = b"".join(octets(key.encode()) + value for key, value in entries)
            return (number(len(entries)) + pairs if entries else b"") + b"\0"
        case "null":
            return b""
        case "boolean":
            return draw(st.sampled_from([b"\0", b"\1"]))
        case "int" | "long":
            return number(draw(_integers(kind, more.get("logicalType"))))
        case "float":
            return struct.pack("<f", draw(st.floats(width=32)))
        case "double":
            return struct.pack("<d", draw(st.floats()))
        case "string":
            return octets(draw(UUIDS if more.get("logicalType") == "uuid" else TEXT).encode())
        case "enum":
            return number(draw(st.integers(0, len(more["symbols"]) - 1)))
        case "fixed" if "logicalType" not in more:
            return draw(st.binary(min_size=more["size"], max_size=more["size"]))
        case "bytes" if more.get("logicalType") != "decimal":
            return octets(draw(st.binary(max_size=20)))
    limit = 10 ** more["precision"] - draw(st.sampled_from([1, 1, 1, 1, 0]))
    size = more.get("size", 13)
    unscaled = draw(st.one_of(st.integers(-limit, limit), st.integers(-300, 300), st.just(limit)))
    whole = unscaled.to_bytes(size, "big", signed=True)
    if kind == "fixed":
        return whole
    shortest = (unscaled if unscaled >= 0 else ~unscaled).bit_length() // 8 + 1
    return octets(whole[-draw(st.sampled_from([shortest, shortest, 8, 9, 13])) :] if shortest <= 8 else whole)


def _integers(kind: str, logical: str | None) -> st.SearchStrategy[int]:
    if logical in (None, "timestamp-nanos"):
        return LONGS if kind == "long" else LONGS.filter(lambda value: -(2**31) <= value < 2**31)
    return st.one_of(
        st.integers(0, 80_000),
        st.integers(0, 2_932_896 if kind == "int" else 86_399_999),
        st.sampled_from([-1, -719_162, -719_163, 2_932_897, 86_400_000]),
        st.integers(1_700_000_000_000, 1_800_000_000_000) if kind == "long" else st.just(0),
    )


def number(value: int) -> bytes:
    output = BytesIO()
    fastavro.schemaless_writer(output, "long", value)
    return output.getvalue()


def octets(content: bytes) -> bytes:
    return number(len(content)) + content


@st.composite
def damaged(draw: st.DrawFn, good: bytes) -> bytes:
    """The bytes, in about half of the cases with something cut, changed, put in or added."""
    at = draw(st.integers(0, len(good)))
    extra = draw(st.one_of(st.binary(min_size=1, max_size=3), st.just(b"\xff" * 11), st.just(b"\x80" * 9 + b"\x01")))
    match draw(st.sampled_from(["none"] * 4 + ["cut", "flip", "insert", "append"])):
        case "cut":
            return good[:at]
        case "flip":
            return good[:at] + extra + good[at + len(extra) :]
        case "insert":
            return good[:at] + extra + good[at:]
        case "append":
            return good + extra
    return good
