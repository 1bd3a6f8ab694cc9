"""Values of field defaults: their binary encoding, and the Python value that a reader gets."""

from io import BytesIO
from typing import Any

import fastavro

from avroguard.avro.defaults import default_fits
from services.contracts.codec.parsed import Parsed
from services.errors import ContractError


def encode_default(schema: Parsed, kind: Any, default: Any, where: str) -> bytes:
    """Return the binary encoding of a default.

    Args:
        schema: The schema that the type is part of.
        kind: The type of the field.
        default: The default as plain JSON data; for a union, of any of its branches.
        where: The field, for the error.

    Raises:
        ContractError: If the default is not a value of the type.
    """
    if not default_fits(default, kind, "", schema.named):
        raise ContractError(f"{where}: its default {default!r} is no value of its type")
    return _encode(schema, kind, default, where)


def decode_default(schema: Parsed, kind: Any, default: Any, where: str) -> Any:
    """Return the value that a reader gets for a default, such as a Decimal or a datetime; raises ContractError."""
    body = encode_default(schema, kind, default, where)
    # A part of a parsed schema is complete with the named types, as in fastavro's own parsed schemas.
    names = {"__fastavro_parsed": True, "__named_schemas": schema.named}
    wrapper = {"type": "record", "name": "default", "fields": [{"name": "value", "type": kind}], **names}
    try:
        record: Any = fastavro.schemaless_reader(BytesIO(body), wrapper, None)
    except (ValueError, ArithmeticError) as error:
        raise ContractError(f"{where}: its default {default!r} is no value of its logical type: {error}") from None
    return record["value"]


def _encode(schema: Parsed, kind: Any, default: Any, where: str) -> bytes:  # noqa: PLR0911 - a case for each type
    kind = schema.resolve(kind)
    if isinstance(kind, list):
        index = next(i for i, branch in enumerate(kind) if default_fits(default, branch, "", schema.named))
        return _primitive("long", index) + _encode(schema, kind[index], default, where)
    match kind["type"]:
        case "record" | "error":
            return b"".join(
                _encode(schema, field["type"], default.get(field["name"], field.get("default")), where)
                for field in kind["fields"]
            )
        case "array":
            items = b"".join(_encode(schema, kind["items"], item, where) for item in default)
            return _primitive("long", len(default)) + items + b"\0" if default else b"\0"
        case "map":
            pairs = b"".join(
                _primitive("string", key) + _encode(schema, kind["values"], value, where)
                for key, value in default.items()
            )
            return _primitive("long", len(default)) + pairs + b"\0" if default else b"\0"
        case "enum":
            if default not in kind["symbols"]:
                raise ContractError(f"{where}: its default {default!r} is not one of {', '.join(kind['symbols'])}")
            return _primitive("int", kind["symbols"].index(default))
        case "fixed":
            return str(default).encode("latin-1")
        case "bytes":
            return _primitive("bytes", default.encode("latin-1"))
        case primitive:
            return _primitive(primitive, default)


def _primitive(kind: str, value: Any) -> bytes:
    output = BytesIO()
    fastavro.schemaless_writer(output, kind, value)
    return output.getvalue()
