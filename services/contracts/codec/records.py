"""Strict decoding and encoding of single records with fastavro.

It is slow and names each fault of a record exactly. Batches go through ``columns``, which falls back to it for rows
that its checks do not cover.
"""

from collections.abc import Collection, Mapping
from datetime import datetime
from decimal import Decimal
from io import BytesIO
from typing import Any

import fastavro
from fastavro.read import SchemaResolutionError
from fastavro.validation import ValidationError

from avroguard.compatibility import incompatibilities
from services.contracts.codec.body_validation import compile_check
from services.contracts.codec.default_values import decode_default
from services.contracts.codec.parsed import Parsed
from services.errors import ContractError, PoisonError


class RecordDecoder:
    """Decoder of Avro bodies to Python values.

    Args:
        writer: The writer's schema, as plain JSON data.
        reader: The reader's schema; None for the writer's.
        fields: Names of the reader's fields to decode; None for all. The whole body is checked in any case.

    Raises:
        ContractError: If a schema isn't valid, or the reader can't read what the writer writes.
    """

    def __init__(self, writer: Any, reader: Any = None, fields: Collection[str] | None = None) -> None:
        written = Parsed.of(writer)
        self._check = compile_check(written)
        self._writer = written.schema
        self._reader = None
        self._fields = fields
        if reader is None:
            return
        require_compatible(writer, reader)
        # Between equal schemas there is nothing to resolve; fastavro would take a string for the first branch of a
        # union that a string may be promoted to.
        if reader != writer:
            read = Parsed.of(reader)
            self._reader = _reader_schema(read, written, fields)
            if isinstance(self._writer, dict) and isinstance(self._reader, dict):
                _link(written)
                _link(read)
                # fastavro compares the two: a key of only one of them ends the comparison before it recurses.
                self._writer = {"is written": True, **self._writer}

    def decode(self, body: bytes) -> Any:
        """Decode one body.

        Returns:
            For a record a dict by field name, with decimals as Decimal, UUIDs as UUID, times and timestamps as
            ``datetime`` objects (timestamps with UTC), enums as str, and nanosecond timestamps as int.

        Raises:
            PoisonError: If the body is not exactly one value of the writer's schema, or can't be read as the
                reader's. No other exception is raised for any bytes.
        """
        self._check(body)
        try:
            value: Any = fastavro.schemaless_reader(BytesIO(body), self._writer, self._reader)
        except (SchemaResolutionError, ValueError, ArithmeticError, LookupError, EOFError, TypeError) as error:
            raise PoisonError(f"can't be read with the schema of this service: {error}") from error
        return value if self._fields is None else {name: value[name] for name in self._fields}


class RecordEncoder:
    """Encoder of Python values to Avro bodies.

    Args:
        schema: The writer's schema, as plain JSON data.

    Raises:
        ContractError: If the schema isn't valid.
    """

    def __init__(self, schema: Any) -> None:
        parsed = Parsed.of(schema)
        self._schema = parsed.schema
        self._name = parsed.name
        self._check = compile_check(parsed)
        top = parsed.resolve(parsed.schema)
        self._fields = (
            {field["name"]: field["type"] for field in top.get("fields", ())} if isinstance(top, dict) else {}
        )

    def encode(self, record: Any) -> bytes:
        """Encode one value; for a record a mapping with all of its fields, and no others.

        Raises:
            ContractError: If it is not a value of the schema, or would be altered by writing it (a decimal with more
                digits or decimal places than the schema's, a timestamp without a time zone or finer than the unit).
        """
        if isinstance(record, Mapping):
            self._require_exact(record)
        output = BytesIO()
        try:
            fastavro.validate(record, self._schema, strict=True)
            fastavro.schemaless_writer(output, self._schema, record, strict=True)
            body = output.getvalue()
            self._check(body)
        except ValidationError as error:
            raise ContractError(f"not a {self._name}: {'; '.join(map(str, error.errors))}") from None
        except (ValueError, ArithmeticError, LookupError, TypeError, AttributeError, PoisonError) as error:
            raise ContractError(f"not a {self._name}: {error}") from None
        return body

    def _require_exact(self, record: Mapping[str, Any]) -> None:
        for name, kind in self._fields.items():
            for branch in kind if isinstance(kind, list) else [kind]:
                expected = _expectation(branch, record.get(name))
                if expected:
                    raise ContractError(f"not a {self._name}: field {name} is {record[name]}: expected {expected}")


class SplicingEncoder:
    """Encoder of records with one field that is encoded already: a consumed record inside another one.

    It is for records that the program makes itself: it writes the bytes that fastavro would write, without the checks
    of ``RecordEncoder``, which take most of its time.

    Args:
        schema: The record's schema, as plain JSON data.
        spliced: The field whose values are given as Avro bodies.

    Raises:
        ContractError: If the schema isn't valid, is no record, or has no such field.
    """

    def __init__(self, schema: Any, spliced: str) -> None:
        whole = Parsed.of(schema)
        top = whole.resolve(whole.schema)
        names = [field["name"] for field in top.get("fields", ())] if isinstance(top, dict) else []
        if spliced not in names:
            raise ContractError(f"{whole.name} has no field {spliced}: it has {', '.join(names) or 'no fields'}")
        index = names.index(spliced)
        self._spliced = spliced
        # The binary encoding of a record is the sequence of its fields, so a part of the fields is a record too.
        self._before, self._after = (
            Parsed.of({**schema, "fields": schema["fields"][part]}).schema
            for part in (slice(0, index), slice(index + 1, None))
        )

    def encode(self, record: Mapping[str, Any]) -> bytes:
        """Encode one record.

        Args:
            record: All fields by name; the spliced one as the bytes of its body.
        """
        output = BytesIO()
        fastavro.schemaless_writer(output, self._before, record)
        output.write(record[self._spliced])
        fastavro.schemaless_writer(output, self._after, record)
        return output.getvalue()


def require_compatible(writer: Any, reader: Any) -> None:
    """Check that a reader's schema can read the data of a writer's.

    Raises:
        ContractError: The schemas are incompatible; the message has the reasons.
    """
    faults = incompatibilities(reader, writer)
    if faults:
        reasons = "; ".join(fault.message for fault in faults)
        raise ContractError(f"the schema of this service can't read what this writer wrote: {reasons}")


def _reader_schema(read: Parsed, written: Parsed, fields: Collection[str] | None) -> Any:
    """Return the reader's schema for fastavro.

    Defaults are decoded, as fastavro returns them unchanged. Only a default that every record needs has to be valid.
    The outermost record has the writer's name: the schemas are known to match.
    """
    schema, top = read.schema, written.resolve(written.schema)
    lacking = {field["name"] for field in schema.get("fields", ())} if isinstance(schema, dict) else set()
    lacking -= {field["name"] for field in top.get("fields", ())} if isinstance(top, dict) else set()
    for name, definition in read.named.items():
        for field in definition.get("fields", ()):
            if "default" not in field:
                continue
            where = f"field {field['name']} of {name}"
            try:
                field["default"] = decode_default(read, field["type"], field["default"], where)
            except ContractError:
                if name == read.name and field["name"] in lacking and not field.get("aliases"):
                    raise
                del field["default"]
    if not isinstance(schema, dict) or "fields" not in schema:
        return schema
    selected = [field for field in schema["fields"] if fields is None or field["name"] in fields]
    return {**schema, "fields": selected} | (
        {"name": written.name} if isinstance(top, dict) and "fields" in top else {}
    )


def _link(parsed: Parsed) -> None:
    """Replace each name of a type by its definition; recursive types then contain themselves.

    Where a reader's schema has a union, fastavro 1.13 can't tell which branch a writer means by a name.
    """

    def defined(kind: Any) -> Any:
        if isinstance(kind, str):
            return parsed.named.get(kind, kind)
        if isinstance(kind, list):
            kind[:] = map(defined, kind)
        elif "name" not in kind:  # a named type is among the definitions
            for part in kind.keys() & {"items", "values"}:
                kind[part] = defined(kind[part])
        return kind

    defined(parsed.schema)
    for definition in parsed.named.values():
        for field in definition.get("fields", ()):
            field["type"] = defined(field["type"])


def _expectation(kind: Any, value: Any) -> str | None:
    """Return the expectation that a decimal or timestamp fails, as writing would alter it; None if it fails none."""
    match kind, value:
        case {"logicalType": "decimal", "precision": precision}, Decimal() if value.is_finite():
            scale = kind.get("scale", 0)
            _, digits, exponent = value.as_tuple()
            if -int(exponent) > scale or len(digits) + int(exponent) + scale > precision:
                return f"at most {precision} digits, {scale} of them after the point"
        case {"logicalType": "timestamp-millis"}, datetime() if value.tzinfo is None or value.microsecond % 1000:
            return "a time zone, and whole milliseconds"
        case {"logicalType": "timestamp-micros"}, datetime() if value.tzinfo is None:
            return "a time zone"
    return None
