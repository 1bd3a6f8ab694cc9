from typing import Any

import pytest

from services.contracts import ColumnDecoder, RecordEncoder
from services.contracts.codec.framing import frame
from services.detector.batches import decode
from services.detector.rules.conditions import null_mark
from services.detector.rules.expressions import parse_condition
from tests.support.rules import CONSTANTS, FIELDS

READER = {
    "type": "record",
    "name": "T",
    "fields": [
        {"name": "source", "type": "string"},
        {"name": "country", "type": ["null", "string"], "default": None},
    ],
}
OLDER = {**READER, "fields": READER["fields"][:1]}


class OneWriter:
    def __init__(self, schema: Any) -> None:
        self.schema = schema

    def columns(self, fields: list[str]) -> ColumnDecoder:
        return ColumnDecoder(self.schema, READER, fields)


@pytest.mark.parametrize("writers", [[1, 1, 1], [1, 2, 1]])
def test_a_field_without_a_value_is_known_as_such_whoever_wrote_it(writers: list[int]) -> None:
    schemas = {1: READER, 2: OLDER}
    records = [{"source": "a", "country": "DE"}, {"source": "b", "country": None}, {"source": "c", "country": ""}]
    values = [
        frame(
            writer,
            RecordEncoder(schemas[writer]).encode({k: v for k, v in record.items() if writer == 1 or k == "source"}),
        )
        for writer, record in zip(writers, records, strict=True)
    ]

    def writer_of(schema_id: int) -> Any:
        return OneWriter(schemas[schema_id])

    batch = decode(values, writer_of, ["source", "country"])
    assert batch.columns[null_mark("country")].tolist() == [False, True, False]
    condition = parse_condition("country != 'DE'", FIELDS, CONSTANTS)
    assert condition.mask(batch.columns, 3).tolist() == [False, False, True]
