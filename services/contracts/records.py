"""Whole records, one at a time: strict decoding and encoding with fastavro.

The slow and certain way: it says exactly what is wrong with a record. Batches go through ``columns``, which turns
here for every row that it can't vouch for.
"""

from collections.abc import Collection, Mapping
from datetime import datetime
from io import BytesIO
from typing import Any

import fastavro
from fastavro.read import SchemaResolutionError
from fastavro.validation import ValidationError

from services.contracts.compatibility import incompatibilities
from services.contracts.default_values import decode_default
from services.contracts.parsed import Parsed
from services.contracts.wire import compile_check
from services.errors import ContractError, PoisonError


class RecordDecoder:
    """Decodes Avro bodies to Python values.

    Args:
        writer: The schema that the bodies were written with, as plain JSON data.
        reader: The schema to read them as; None to read them as they were written.
        fields: Names of the reader's fields to read; None to read all. A body must be all right all the same.

    Raises:
        ContractError: If a schema isn't valid, or the reader can't read what the writer writes.
    """

    def __init__(self, writer: Any, reader: Any = None, fields: Collection[str] | None = None) -> None:
        written = Parsed.of(writer)
        self._check = compile_check(written)
        self._writer = written.schema
        self._reader = None
        if reader is not None:
            require_compatible(writer, reader)
            self._reader = _with_default_values(Parsed.of(reader)).schema
            if fields is not None:
                some = [one for one in self._reader["fields"] if one["name"] in fields]
                self._reader = {**self._reader, "fields": some}

    def decode(self, body: bytes) -> Any:
        """Decode one body.

        Returns:
            For a record a dict by field name, with decimals as Decimal, UUIDs as UUID, times and timestamps as
            ``datetime`` objects (timestamps with UTC), enums as str, and nanosecond timestamps as int.

        Raises:
            PoisonError: If the body is not exactly one value of the writer's schema, or can't be read as the
                reader's; whatever the bytes, nothing else is raised.
        """
        self._check(body)
        try:
            return fastavro.schemaless_reader(BytesIO(body), self._writer, self._reader)
        except (SchemaResolutionError, ValueError, ArithmeticError, LookupError, EOFError, TypeError) as error:
            raise PoisonError(f"can't be read with the schema of this service: {error}") from error


class RecordEncoder:
    """Encodes Python values to Avro bodies.

    Args:
        schema: The schema to write with, as plain JSON data.

    Raises:
        ContractError: If the schema isn't valid.
    """

    def __init__(self, schema: Any) -> None:
        parsed = Parsed.of(schema)
        self._schema = parsed.schema
        self._name = parsed.name
        self._check = compile_check(parsed)
        top = parsed.resolve(parsed.schema)
        fields = top.get("fields", ()) if isinstance(top, dict) else ()
        self._timestamps = {field["name"]: unit for field in fields if (unit := _timestamp_unit(field["type"]))}

    def encode(self, record: Any) -> bytes:
        """Encode one value; for a record a mapping with all of its fields, and no others.

        Raises:
            ContractError: If it is not a value of the schema, or would be altered by writing it (a decimal with more
                digits or decimal places than the schema's, a timestamp without a time zone or finer than the unit).
        """
        if isinstance(record, Mapping):
            self._require_exact_timestamps(record)
        output = BytesIO()
        try:
            fastavro.validate(record, self._schema, strict=True)
            fastavro.schemaless_writer(output, self._schema, record, strict=True)
            body = output.getvalue()
            self._check(body)
        except ValidationError as error:
            raise ContractError(f"not a {self._name}: {error}") from None
        except (ValueError, ArithmeticError, LookupError, TypeError, AttributeError, PoisonError) as error:
            raise ContractError(f"not a {self._name}: {error}") from None
        return body

    def _require_exact_timestamps(self, record: Mapping[str, Any]) -> None:
        for name, microseconds in self._timestamps.items():
            value = record.get(name)
            if isinstance(value, datetime) and (value.tzinfo is None or value.microsecond % microseconds):
                expected = f"a time zone and at most {'milliseconds' if microseconds > 1 else 'microseconds'}"
                raise ContractError(f"not a {self._name}: field {name} is {value.isoformat()}: expected {expected}")


def require_compatible(writer: Any, reader: Any) -> None:
    """Make sure that a reader's schema can read what a writer's writes.

    Raises:
        ContractError: If it can't; the message has the reasons.
    """
    found = incompatibilities(reader, writer)
    if found:
        reasons = "; ".join(str(one) for one in found)
        raise ContractError(f"the schema of this service can't read what this writer wrote: {reasons}")


def _with_default_values(reader: Parsed) -> Parsed:
    """The same schema with every default as the value that it stands for: fastavro hands it out as it is."""
    for name, definition in reader.named.items():
        for field in definition.get("fields", ()):
            if "default" in field:
                where = f"field {field['name']} of {name}"
                field["default"] = decode_default(reader, field["type"], field["default"], where)
    return reader


def _timestamp_unit(kind: Any) -> int | None:
    """How many microseconds the unit of a timestamp has; None for any other type."""
    for one in kind if isinstance(kind, list) else [kind]:
        match one:
            case {"type": "long", "logicalType": "timestamp-millis"}:
                return 1000
            case {"type": "long", "logicalType": "timestamp-micros"}:
                return 1
    return None
