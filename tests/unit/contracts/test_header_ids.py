"""Schema ids in headers, as Confluent's own clients write and read them."""

from uuid import UUID

import pytest
from confluent_kafka.schema_registry import dual_schema_id_deserializer, header_schema_id_serializer
from confluent_kafka.schema_registry.serde import SchemaId
from confluent_kafka.serialization import MessageField, SerializationContext
from hypothesis import given
from hypothesis import strategies as st

from services.contracts import SCHEMA_ID_HEADER, HeaderSchemaId, header_schema_id
from services.contracts.codec.header_ids import SchemaIdHeaderError
from services.errors import PoisonError

GUID = UUID("faf361af-fef4-8ae1-c084-57b4184b8584")
OTHERS = [("trace", b"7"), ("__key_schema_id", b"\x01" + bytes(16)), ("empty", None)]


def context(headers: list[tuple[str, bytes]]) -> SerializationContext:
    return SerializationContext("topic", MessageField.VALUE, headers)


def test_headers_of_confluents_clients_are_parsed() -> None:
    headers: list[tuple[str, bytes]] = []
    header_schema_id_serializer(b"body", context(headers), SchemaId("AVRO", 1, str(GUID)))
    assert header_schema_id([*OTHERS, *headers]) == HeaderSchemaId(GUID)


def test_an_id_in_a_header() -> None:
    assert header_schema_id([(SCHEMA_ID_HEADER, b"\x00\x00\x00\x01\x02"), *OTHERS]) == HeaderSchemaId(258)


@pytest.mark.parametrize("headers", [[], OTHERS, [(SCHEMA_ID_HEADER, None)]])
def test_no_id_in_the_headers(headers: list[tuple[str, bytes | None]]) -> None:
    assert header_schema_id(headers) is None


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ([b""], "has 0 bytes"),
        ([b"\x01"], "has 1 bytes, beginning with 0x01"),
        ([b"\x01" + bytes(15)], "has 16 bytes"),
        ([b"\x01" + bytes(17)], "has 18 bytes"),
        ([b"\x00\x00\x00\x01"], "has 4 bytes"),
        ([b"\x02" + bytes(16)], "beginning with 0x02000000: expected the byte 0x01 and a GUID of 16 bytes"),
        ([GUID.bytes], "has 16 bytes, beginning with 0xfaf361af"),
        ([b"\x01" + bytes(16), b"\x01" + GUID.bytes], "2 different headers __value_schema_id: expected one"),
        ([None, b"\x01" + GUID.bytes], "2 different headers __value_schema_id: expected one"),
    ],
)
def test_another_content_of_the_header_is_poison(values: list[bytes | None], reason: str) -> None:
    with pytest.raises(SchemaIdHeaderError) as caught:
        header_schema_id([(SCHEMA_ID_HEADER, value) for value in values])
    assert reason in str(caught.value)
    assert caught.value.stage == "HEADER_CONVERTER"


def test_the_same_header_twice_is_one() -> None:
    assert header_schema_id([(SCHEMA_ID_HEADER, b"\x01" + GUID.bytes)] * 2) == HeaderSchemaId(GUID)


@given(st.binary(max_size=20) | st.builds(lambda tail: b"\x01" + tail, st.binary(min_size=16, max_size=16)))
def test_every_parsed_header_equals_that_of_a_client(content: bytes) -> None:
    try:
        parsed = header_schema_id([(SCHEMA_ID_HEADER, content)])
    except PoisonError:
        return
    theirs = SchemaId("AVRO")
    tail = dual_schema_id_deserializer(b"\x00\x00\x00\x00\x09body", context([(SCHEMA_ID_HEADER, content)]), theirs)
    assert tail.read() == b"\x00\x00\x00\x00\x09body"
    assert parsed is not None
    assert parsed.id == (theirs.id if theirs.guid is None else theirs.guid)
