"""Whole records, one at a time: strict decoding and encoding with fastavro.

The slow and certain way: it says exactly what is wrong with a record. Batches go through ``columns``, which turns
here for every row that it can't vouch for.
"""

from collections.abc import Collection, Mapping
from datetime import datetime
from decimal import Decimal
from io import BytesIO
from typing import Any

import fastavro
from fastavro.read import SchemaResolutionError
from fastavro.validation import ValidationError

from avroguard.avro.parsed import Parsed
from avroguard.compatibility import incompatibilities
from services.contracts.codec.default_values import decode_default
from services.contracts.codec.wire import compile_check
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
        self._fields = fields
        if reader is None:
            return
        require_compatible(writer, reader)
        # Between equal schemas there is nothing to resolve; fastavro would take a string for the first branch of a
        # union that a string may be promoted to.
        if reader != writer:
            read = Parsed.of(reader)
            self._reader = _readable(read, written, fields)
            if isinstance(self._writer, dict) and isinstance(self._reader, dict):
                _link(written)
                _link(read)
                # fastavro compares the two: what only one of them has ends that before it comes round in a circle.
                self._writer = {"is written": True, **self._writer}

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
            value: Any = fastavro.schemaless_reader(BytesIO(body), self._writer, self._reader)
        except (SchemaResolutionError, ValueError, ArithmeticError, LookupError, EOFError, TypeError) as error:
            raise PoisonError(f"can't be read with the schema of this service: {error}") from error
        return value if self._fields is None else {name: value[name] for name in self._fields}


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
            for one in kind if isinstance(kind, list) else [kind]:
                expected = _unmet(one, record.get(name))
                if expected:
                    raise ContractError(f"not a {self._name}: field {name} is {record[name]}: expected {expected}")


class SplicingEncoder:
    """Encodes records around one field that is encoded already: a record that was read, carried on inside another.

    For records that the program makes itself: what fastavro would write is written, without the checks of
    ``RecordEncoder``, which take most of its time.

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
        place = names.index(spliced)
        self._spliced = spliced
        # The binary encoding of a record is that of its fields one after the other, so a part of them is a record too.
        self._before, self._after = (
            Parsed.of({**schema, "fields": schema["fields"][part]}).schema
            for part in (slice(0, place), slice(place + 1, None))
        )

    def encode(self, record: Mapping[str, Any]) -> bytes:
        """Encode one record.

        Args:
            record: All fields by name; that which is spliced in as the bytes of its body.
        """
        output = BytesIO()
        fastavro.schemaless_writer(output, self._before, record)
        output.write(record[self._spliced])
        fastavro.schemaless_writer(output, self._after, record)
        return output.getvalue()


def require_compatible(writer: Any, reader: Any) -> None:
    """Make sure that a reader's schema can read what a writer's writes.

    Raises:
        ContractError: If it can't; the message has the reasons.
    """
    found = incompatibilities(reader, writer)
    if found:
        reasons = "; ".join(one.message for one in found)
        raise ContractError(f"the schema of this service can't read what this writer wrote: {reasons}")


def _readable(read: Parsed, written: Parsed, fields: Collection[str] | None) -> Any:
    """The reader's schema as fastavro is to be given it.

    Defaults are the values that they stand for, as fastavro hands them out as they are. Only a default that every
    record needs has to be right. The outermost record is called what the writer calls it: that they match is proven.
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
    kept = [field for field in schema["fields"] if fields is None or field["name"] in fields]
    return {**schema, "fields": kept} | ({"name": written.name} if isinstance(top, dict) and "fields" in top else {})


def _link(parsed: Parsed) -> None:
    """Puts the definition of a named type in every place that names it; recursive types come to hold themselves.

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


def _unmet(kind: Any, value: Any) -> str | None:
    """What a decimal or a timestamp would have to be for writing not to alter it; None if it is."""
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
