"""Decoding a batch equals decoding each record."""

import math
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from services.contracts import ColumnDecoder, RecordDecoder
from services.errors import PoisonError
from support.avro_records import body, damaged, records

UNITS = {"millis": timedelta(milliseconds=1), "micros": timedelta(microseconds=1)}


def plain(value: Any, schema: Any) -> Any:  # noqa: PLR0911 - a case for each type
    """A decoded value as the documentation of ``Columns`` says that a column holds it."""
    branches = [branch for branch in schema if branch != "null"] if isinstance(schema, list) else [schema]
    if len(branches) != 1:
        return value
    more = branches[0] if isinstance(branches[0], dict) else {"type": branches[0]}
    unit = UNITS.get(more.get("logicalType", "").rpartition("-")[2])
    match value:
        case Decimal():
            sign, digits, exponent = value.as_tuple()
            assert exponent == -more.get("scale", 0)
            return int("".join(map(str, digits))) * (-1 if sign else 1)
        case datetime():
            return (value.replace(tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)) // unit
        case date():
            return (value - date(1970, 1, 1)).days
        case time():
            return (datetime.combine(date.min, value) - datetime.min) // unit
        case UUID():
            return str(value).encode()
        case str() if more["type"] in ("string", "enum"):
            return value.encode()
    return value


def same(left: Any, right: Any) -> bool:
    if isinstance(left, float) and isinstance(right, float) and math.isnan(left):
        return math.isnan(right)
    return repr(left) == repr(right) if isinstance(left, list | dict) else bool(left == right)


def decoded(decoder: RecordDecoder, body: bytes) -> tuple[Any, str | None]:
    """The record, or why there is none."""
    try:
        return decoder.decode(body), None
    except PoisonError as error:
        return None, str(error)


@st.composite
def batches(draw: st.DrawFn) -> tuple[Any, list[bytes], list[str]]:
    schema = draw(records())
    bodies = draw(st.lists(body(schema), min_size=1, max_size=6))
    names = [field["name"] for field in schema["fields"]]
    fields = draw(st.lists(st.sampled_from(names), unique=True))
    return schema, [draw(damaged(encoded)) for encoded in bodies], fields


@given(batches(), st.binary(max_size=6))
def test_a_batch_decodes_to_what_its_records_decode_to(batch: Any, header: bytes) -> None:
    schema, bodies, fields = batch
    columns = ColumnDecoder(schema, schema, fields).decode([header + encoded for encoded in bodies], prefix=len(header))
    alone = RecordDecoder(schema)
    types = {field["name"]: field["type"] for field in schema["fields"]}

    assert len(columns) == len(bodies)
    for row, encoded in enumerate(bodies):
        record, reason = decoded(alone, encoded)
        assert reason == (str(columns.failures[row]) if row in columns.failures else None)
        if reason:
            assert not any(columns.columns[name].tolist()[row] for name in fields)
            continue
        for name in fields:
            value = columns.columns[name].tolist()[row]
            if record[name] is None and name in columns.nulls:
                assert columns.nulls[name][row]
                assert not value
            else:
                assert same(value, plain(record[name], types[name])), (name, value, record[name])
                assert not columns.nulls.get(name, {row: False})[row]


@given(st.data(), st.lists(st.binary(max_size=60), max_size=5))
def test_any_bytes_raise_nothing_but_poison_errors(data: st.DataObject, bodies: list[bytes]) -> None:
    schema = data.draw(records())
    decoder = RecordDecoder(schema)
    for encoded in bodies:
        record, reason = decoded(decoder, encoded)
        assert isinstance(record, dict) or reason
