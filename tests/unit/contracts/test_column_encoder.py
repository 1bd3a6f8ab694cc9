"""Encoding columns gives the bytes of encoding each record."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.contracts import ColumnDecoder, ColumnEncoder, RecordDecoder, RecordEncoder, frame
from services.errors import ContractError
from support.avro_records import body, scalars

TRANSACTION = json.loads((Path(__file__).parents[3] / "schemas" / "transaction.avsc").read_text())

NAMED = [
    {"type": "enum", "name": "Colour", "symbols": ["RED", "BLUE"]},
    {"type": "fixed", "name": "Hash", "size": 3},
    {"type": "fixed", "name": "Small", "size": 3, "logicalType": "decimal", "precision": 6, "scale": 2},
    {"type": "fixed", "name": "Wide", "size": 12, "logicalType": "decimal", "precision": 18, "scale": 2},
]
ENCODABLE = st.one_of(
    scalars().filter(lambda kind: kind != "null" and (isinstance(kind, str) or kind.get("precision", 0) <= 18)),
    st.sampled_from(NAMED),
)
FIELD = st.one_of(ENCODABLE, ENCODABLE.map(lambda kind: ["null", kind]), ENCODABLE.map(lambda kind: [kind, "null"]))


def record(fields: list[Any]) -> dict[str, Any]:
    return {"type": "record", "name": "R", "fields": [{"name": f"f{i}", "type": kind} for i, kind in enumerate(fields)]}


def flat_records() -> st.SearchStrategy[dict[str, Any]]:
    return st.lists(FIELD, min_size=1, max_size=5, unique_by=str).map(record).filter(_distinct_names)


def _distinct_names(schema: Any) -> bool:
    text = json.dumps(schema)
    return all(text.count(f'"name": "{kind["name"]}"') <= 1 for kind in NAMED)


@given(st.data())
def test_columns_encode_to_what_their_records_encode_to(data: st.DataObject) -> None:
    schema = data.draw(flat_records())
    bodies = data.draw(st.lists(body(schema), min_size=1, max_size=6))
    names = [field["name"] for field in schema["fields"]]
    decoded = ColumnDecoder(schema, schema, names).decode(bodies, prefix=0)
    good = np.ones(len(bodies), bool) if decoded.good is None else decoded.good

    encoded = ColumnEncoder(schema).encode(
        {name: column[good] for name, column in decoded.columns.items()},
        7,
        {name: mask[good] for name, mask in decoded.nulls.items()},
    )

    alone = [RecordDecoder(schema).decode(bodies[row]) for row in np.flatnonzero(good)]
    assert encoded == [frame(7, RecordEncoder(schema).encode(kind)) for kind in alone]


@given(st.lists(st.integers(-(10**12) + 1, 10**12 - 1), min_size=1, max_size=20))
def test_transactions_are_encoded_as_alone(amounts: list[int]) -> None:
    count = len(amounts)
    columns = {
        "id": np.full(count, b"12345678-1234-1234-1234-123456789012"),
        "source": np.full(count, b"a" * 12),
        "target": np.full(count, b"b" * 12),
        "amount": np.array(amounts),
        "currency": np.full(count, b"EUR"),
        "created_at": np.arange(count) * 10**9,
    }
    encoder = RecordEncoder(TRANSACTION)
    assert ColumnEncoder(TRANSACTION).encode(columns, 1) == [
        frame(
            1,
            encoder.encode(
                {
                    "id": "12345678-1234-1234-1234-123456789012",
                    "source": "a" * 12,
                    "target": "b" * 12,
                    "amount": Decimal(amount).scaleb(-2),
                    "currency": "EUR",
                    "created_at": datetime.fromtimestamp(row * 10**6, UTC),
                }
            ),
        )
        for row, amount in enumerate(amounts)
    ]


def test_a_field_without_a_column_takes_its_default() -> None:
    schema = record(["int", "long"])
    schema["fields"].append({"name": "fee", "type": NAMED[2], "default": "\u0000\u0001\u0000"})
    assert ColumnEncoder(schema, ["f0", "f1"]).encode({"f0": np.array([1, -1]), "f1": np.array([2, 300])}, 1) == [
        frame(1, b"\x02\x04\x00\x01\x00"),
        frame(1, b"\x01\xd8\x04\x00\x01\x00"),
    ]


@pytest.mark.parametrize(
    ("schema", "fields", "reason"),
    [
        (record(["int"]), [], "field f0 of R has no default"),
        (record(["int"]), ["f0", "f1"], "R has no field f1"),
        (record([{"type": "array", "items": "int"}]), ["f0"], "neither a scalar nor a nullable scalar"),
        (record([["int", "string"]]), ["f0"], "neither a scalar nor a nullable scalar"),
        ("string", [], "string is not a record"),
    ],
)
def test_fields_without_a_packer_are_refused_at_construction(schema: Any, fields: list[str], reason: str) -> None:
    with pytest.raises(ContractError, match=reason):
        ColumnEncoder(schema, fields)


@pytest.mark.parametrize(
    ("kind", "column", "reason"),
    [
        ("int", np.array([1.5]), "expected an array of integers"),
        ("int", np.array([1, 2**31]), "2147483648 in row 1: expected -2147483648 to 2147483647"),
        ("boolean", np.array([1]), "expected an array of bool"),
        ("double", np.array([b"1"]), "expected an array of numbers"),
        ("string", np.array(["a"]), "expected an array of bytes"),
        ("string", np.array(["a"], object), "expected an array of bytes"),
        ("string", np.array([b"a", b"\xff"]), "row 1: expected UTF-8"),
        ({"type": "string", "logicalType": "uuid"}, np.array([b"x"]), "in row 0: expected a UUID"),
        ({"type": "string", "logicalType": "uuid"}, np.array([b"x" * 36]), "in row 0: expected a UUID"),
        (NAMED[0], np.array([b"RED", b"GREEN"]), "in row 1: expected one of RED, BLUE"),
        (NAMED[1], np.array([b"ab"]), "in row 0: expected 3 bytes"),
        (NAMED[2], np.array([-(10**6)]), "-1000000 in row 0: expected at most 6 digits"),
    ],
)
def test_a_value_that_is_not_one_of_the_type_is_named(kind: Any, column: Any, reason: str) -> None:
    with pytest.raises(ContractError) as caught:
        ColumnEncoder(record([kind])).encode({"f0": column}, 1)
    assert reason in str(caught.value)
    assert "field f0 of R" in str(caught.value)


def test_columns_must_be_those_announced_and_of_one_length() -> None:
    encoder = ColumnEncoder(record(["int", "int"]))
    with pytest.raises(ContractError, match="missing or unknown: f1, f2"):
        encoder.encode({"f0": np.zeros(1, int), "f2": np.zeros(1, int)}, 1)
    with pytest.raises(ContractError, match=r"different lengths: \[1, 2\]"):
        encoder.encode({"f0": np.zeros(1, int), "f1": np.zeros(2, int)}, 1)
    assert encoder.encode({"f0": np.zeros(0, int), "f1": np.zeros(0, int)}, 1) == []
