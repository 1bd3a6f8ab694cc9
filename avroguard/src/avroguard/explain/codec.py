"""What the codec does with a value: written with one schema, read with another, as the services do. No I/O."""

import json
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from io import BytesIO
from typing import Any

import fastavro
from fastavro.read import SchemaResolutionError

from avroguard.avro.parsed import Parsed

_READ_ERRORS = (
    SchemaResolutionError,
    ValueError,
    ArithmeticError,
    LookupError,
    EOFError,
    TypeError,
    AttributeError,
    RecursionError,
)
_LONGEST = 300  # characters of a value that are shown


@dataclass(frozen=True)
class Failed:
    """That a value can't be read.

    Attributes:
        reason: What the codec says.
    """

    reason: str


def encode(writer: Parsed, value: Any) -> bytes | None:
    """The bytes of a value; None where the codec can't write it."""
    output = BytesIO()
    try:
        fastavro.schemaless_writer(output, writer.schema, value)
    except (ValueError, ArithmeticError, LookupError, TypeError, AttributeError, RecursionError):
        return None
    return output.getvalue()


def decode(body: bytes, writer: Parsed, reader: Parsed | None = None) -> Any:
    """What is read, or `Failed`; the reader is the writer where none is given."""
    try:
        return fastavro.schemaless_reader(BytesIO(body), writer.schema, reader.schema if reader else None)
    except _READ_ERRORS as error:
        return Failed(" ".join((str(error) or type(error).__name__).split()))


def shown(value: Any) -> str:
    """A value in one line, as JSON as far as JSON can say it."""
    text = _text(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."


def _text(value: Any) -> str:  # noqa: PLR0911 - a case for each type
    match value:
        case dict():
            return "{" + ", ".join(f"{json.dumps(str(key))}: {_text(inner)}" for key, inner in value.items()) + "}"
        case list():
            return f"[{', '.join(map(_text, value))}]"
        case Decimal():
            return f"{value:f}"
        case datetime() | date() | time():
            return f'"{value.isoformat()}"'
        case bytes():
            return f'"0x{value.hex()}"'
        case None | bool() | int() | float():
            return json.dumps(value)
    return json.dumps(str(value), ensure_ascii=False)
