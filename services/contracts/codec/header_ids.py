"""Schema ids in headers, where newer clients of Confluent put them instead of a header before the Avro body.

The header ``__value_schema_id`` has the byte 1 and the schema's GUID as 16 bytes big-endian, or the byte 0 and its id
in the registry as 4 bytes. Deserializers look at the header first; a null header counts as absent. Of several, Python's
clients take the first, and Java's and .NET's the last: different ones are refused here, so that all consumers decode
a message by the same schema. Source: ``SchemaId`` and ``DualSchemaIdDeserializer`` in these clients.
"""

from collections.abc import Iterable
from uuid import UUID

from avroguard.registry.ids import HeaderSchemaId, SchemaId
from services.errors import PoisonError

__all__ = ["SCHEMA_ID_HEADER", "HeaderSchemaId", "SchemaId", "SchemaIdHeaderError", "header_schema_id"]

SCHEMA_ID_HEADER = "__value_schema_id"
"""Name of the header with the schema id of a value."""

_STAGE = "HEADER_CONVERTER"
_ID, _GUID = b"\x00", b"\x01"  # first byte of the header's value
_ID_SIZE, _GUID_SIZE = 4, 16

Headers = Iterable[tuple[str, str | bytes | None]]


class SchemaIdHeaderError(PoisonError):
    """The header of the schema id has another content."""


def header_schema_id(headers: Headers) -> HeaderSchemaId | None:
    """Return the schema id in a message's headers; None where they have none.

    Raises:
        SchemaIdHeaderError: The header has another content, or there are several that differ.
    """
    values = {value for name, value in headers if name == SCHEMA_ID_HEADER}
    if len(values) > 1:
        raise SchemaIdHeaderError(f"{len(values)} different headers {SCHEMA_ID_HEADER}: expected one", stage=_STAGE)
    value = next(iter(values), None)
    if value is None:
        return None
    content = value.encode() if isinstance(value, str) else value
    magic, schema_id = content[:1], content[1:]
    if magic == _GUID and len(schema_id) == _GUID_SIZE:
        return HeaderSchemaId(UUID(bytes=schema_id))
    if magic == _ID and len(schema_id) == _ID_SIZE:
        return HeaderSchemaId(int.from_bytes(schema_id, "big"))
    raise SchemaIdHeaderError(
        f"the header {SCHEMA_ID_HEADER} has {len(content)} bytes, beginning with 0x{content[:4].hex()}: expected the "
        "byte 0x01 and a GUID of 16 bytes, or the byte 0x00 and a schema id of 4",
        stage=_STAGE,
    )
