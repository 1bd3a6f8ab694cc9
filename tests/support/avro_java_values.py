"""Avro Java's generic data as Python values, and as the samples that avroguard's encoder takes."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

import jpype

from tests.support.avro_java import AvroJava

_LARGE = 1000  # bytes: random data of recursive types are nested too deeply for Python
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_CONVERSIONS = (
    "Conversions$DecimalConversion",
    "Conversions$UUIDConversion",
    *(
        f"data.TimeConversions${name}Conversion"
        for name in ("Date", "TimeMillis", "TimeMicros", "TimestampMillis", "TimestampMicros")
    ),
    *(f"data.TimeConversions$LocalTimestamp{unit}Conversion" for unit in ("Millis", "Micros")),
)


class Beyond(Enum):
    """A moment that Python has no value for."""

    BEYOND = 0


class JavaData:
    """Writes and reads generic data with Avro Java, with the values of logical types."""

    def __init__(self, java: AvroJava) -> None:
        avro = jpype.JPackage("org").apache.avro
        self._java, self._generic, self._io = java, avro.generic, avro.io
        self._model = avro.generic.GenericData()
        for name in _CONVERSIONS:
            self._model.addLogicalTypeConversion(jpype.JClass(f"org.apache.avro.{name}")())
        self._plain = avro.generic.GenericData()
        self._random = jpype.JClass("org.apache.avro.util.RandomData")

    def random(self, schema: Any, seed: int) -> tuple[Any, bytes] | None:
        """A random datum of a schema that Java parsed: as a sample, and as Java encodes it; None where it is large."""
        datum = next(self._random(schema, 1, jpype.JLong(seed)).iterator())
        body = self._encode(schema, datum)
        return (self.sample(schema, datum), body) if len(body) < _LARGE else None

    def value(self, schema: Any, body: bytes) -> Any:
        """The value that Java reads, with those of logical types; raises java.lang.Exception where it can't."""
        return value(self._generic.GenericDatumReader(schema, schema, self._model).read(None, self._decoder(body)))

    def resolver(self, writer: Any, reader: Any) -> Callable[[bytes], bytes]:
        """Return a function from the writer's bodies to the reader's; it raises java.lang.Exception."""
        made = self._generic.GenericDatumReader(writer, reader, self._plain)
        return lambda body: self._encode(reader, made.read(None, self._decoder(body)))

    def _decoder(self, body: bytes) -> Any:
        return self._io.DecoderFactory.get().binaryDecoder(body, None)

    def _encode(self, schema: Any, datum: Any) -> bytes:
        output = jpype.java.io.ByteArrayOutputStream()
        encoder = self._io.EncoderFactory.get().binaryEncoder(output, None)
        self._generic.GenericDatumWriter(schema, self._plain).write(datum, encoder)
        encoder.flush()
        return bytes(output.toByteArray())

    def sample(self, schema: Any, datum: Any) -> Any:
        """A datum in the form that avroguard's encoder takes: a pair of name and value for a union."""
        match str(schema.getType()):
            case "UNION":
                branch = schema.getTypes().get(self._plain.resolveUnion(schema, datum))
                return str(branch.getFullName()), self.sample(branch, datum)
            case "RECORD":
                return {
                    str(field.name()): self.sample(field.schema(), datum.get(field.pos()))
                    for field in schema.getFields()
                }
            case "ARRAY":
                return [self.sample(schema.getElementType(), item) for item in datum]
            case "MAP":
                return {
                    str(pair.getKey()): self.sample(schema.getValueType(), pair.getValue()) for pair in datum.entrySet()
                }
        return value(datum)


def value(datum: Any) -> Any:
    """A generic datum as the Python value that avroguard's decoder gives for it."""
    if datum is None:
        return None
    convert = _VALUES.get(type(datum).__name__)
    if convert:
        return convert(datum)
    if isinstance(datum, jpype.java.util.List):
        return [value(item) for item in datum]
    return {str(pair.getKey()): value(pair.getValue()) for pair in datum.entrySet()}


def _record(record: Any) -> dict[str, Any]:
    return {str(field.name()): value(record.get(field.pos())) for field in record.getSchema().getFields()}


def _octets(buffer: Any) -> bytes:
    return bytes(buffer.array())[buffer.arrayOffset() + buffer.position() : buffer.arrayOffset() + buffer.limit()]


def _decimal(number: Any) -> Decimal:
    return Decimal(f"{number.unscaledValue()}E{-int(number.scale())}")


def _moment(instant: Any) -> datetime | Beyond:
    return _after(seconds=int(instant.getEpochSecond()), microseconds=int(instant.getNano()) // 1000)


def _local(moment: Any) -> datetime | Beyond:
    result = _moment(moment.toInstant(jpype.JClass("java.time.ZoneOffset").UTC))
    return result.replace(tzinfo=None) if isinstance(result, datetime) else result


def _date(day: Any) -> date | Beyond:
    result = _after(days=int(day.toEpochDay()))
    return result.date() if isinstance(result, datetime) else result


def _after(**duration: int) -> datetime | Beyond:
    try:
        return _EPOCH + timedelta(**duration)
    except OverflowError:
        return Beyond.BEYOND


_VALUES: dict[str, Callable[[Any], Any]] = {
    "java.lang.Boolean": bool,
    "java.lang.Integer": int,
    "java.lang.Long": int,
    "java.lang.Float": float,
    "java.lang.Double": float,
    "java.lang.String": str,
    "org.apache.avro.util.Utf8": str,
    "org.apache.avro.generic.GenericData.EnumSymbol": str,
    "org.apache.avro.generic.GenericData.Fixed": lambda fixed: bytes(fixed.bytes()),
    "org.apache.avro.generic.GenericData.Record": _record,
    "java.nio.HeapByteBuffer": _octets,
    "java.math.BigDecimal": _decimal,
    "java.util.UUID": lambda uuid: UUID(str(uuid)),
    "java.time.Instant": _moment,
    "java.time.LocalDate": _date,
    "java.time.LocalDateTime": _local,
}
