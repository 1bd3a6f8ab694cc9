from typing import Any

import pytest

from services.contracts import HEADER_SIZE, ColumnDecoder, HeaderSchemaId, RecordEncoder
from services.contracts.codec.wire_format import frame
from services.detection.decoded_batch import decode_batch
from services.errors import PoisonError
from services.rules.condition_parser import parse_condition
from services.rules.conditions import null_mark
from tests.support.rules import NAMES

READER = {
    "type": "record",
    "name": "T",
    "fields": [
        {"name": "source", "type": "string"},
        {"name": "country", "type": ["null", "string"], "default": None},
    ],
}
OLDER = {**READER, "fields": READER["fields"][:1]}


class OneDecoder:
    def __init__(self, schema: Any, prefix: int = HEADER_SIZE) -> None:
        self.schema = schema
        self.prefix = prefix

    def columns(self, fields: list[str]) -> ColumnDecoder:
        return ColumnDecoder(self.schema, READER, fields)


@pytest.mark.parametrize("writers", [[1, 1, 1], [1, 2, 1]])
def test_null_fields_are_marked_whatever_schema_wrote_them(writers: list[int]) -> None:
    schemas = {1: READER, 2: OLDER}
    records = [{"source": "a", "country": "DE"}, {"source": "b", "country": None}, {"source": "c", "country": ""}]
    values = [
        frame(
            writer,
            RecordEncoder(schemas[writer]).encode({k: v for k, v in record.items() if writer == 1 or k == "source"}),
        )
        for writer, record in zip(writers, records, strict=True)
    ]

    def decoder_of(schema_id: int) -> Any:
        return OneDecoder(schemas[schema_id])

    batch = decode_batch(values, decoder_of, ["source", "country"])
    assert batch.columns[null_mark("country")].tolist() == [False, True, False]
    condition = parse_condition("country != 'DE'", NAMES)
    assert condition.mask(batch.columns, 3).tolist() == [False, False, True]


def test_bare_bodies_and_framed_values_are_decoded_in_one_batch() -> None:
    records = [{"source": name, "country": None} for name in "abcde"]
    bodies = [RecordEncoder(READER).encode(record) for record in records]
    in_header, failure = HeaderSchemaId(2), PoisonError("no id")
    values = [frame(1, bodies[0]), bodies[1], None, frame(1, bodies[3]), bodies[4], bodies[0], None]
    in_headers = {1: in_header, 2: in_header, 4: in_header, 5: failure}

    def decoder_of(schema_id: Any) -> Any:
        return OneDecoder(READER, 0 if schema_id == in_header else HEADER_SIZE)

    batch = decode_batch(values, decoder_of, ["source"], in_headers)
    assert batch.rows.tolist() == [0, 1, 3, 4]
    assert batch.columns["source"].tolist() == [b"a", b"b", b"d", b"e"]
    assert batch.failures[5] is failure
    assert "tombstone" in str(batch.failures[2])
    assert "tombstone" in str(batch.failures[6])
    assert {decoder.prefix: rows.tolist() for decoder, rows in batch.decoders} == {HEADER_SIZE: [0, 3], 0: [1, 4]}


def test_a_bare_body_that_looks_framed_is_read_by_its_header() -> None:
    schema = {"type": "record", "name": "T", "fields": [{"name": "source", "type": "string"}, READER["fields"][1]]}
    body = RecordEncoder(schema).encode({"source": "", "country": "xyz"})
    assert body[:1] == b"\x00"

    def decoder_of(schema_id: Any) -> Any:
        assert schema_id == HeaderSchemaId(1)
        return OneDecoder(schema, 0)

    batch = decode_batch([body], decoder_of, ["country"], {0: HeaderSchemaId(1)})
    assert batch.columns["country"].tolist() == [b"xyz"]
