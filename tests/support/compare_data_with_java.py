"""Compares avroguard's codec with Avro Java: the bytes written, and the values read as another schema.

PYTHONPATH=avroguard/tests python -m tests.support.compare_data_with_java --pairs 20000 --seed 1
"""

import argparse
import math
import struct
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import jpype

from avroguard.compatibility.parsing import parse
from avroguard.explain.binary import ReadError, encode
from avroguard.explain.resolution import Decoder
from avroguard.explain.samples import samples
from support.avro_mutations import pairs
from tests.support.avro_java import RefusedByJavaError, avro_java
from tests.support.avro_java_values import Beyond, JavaData

_FAULTS = {
    # Java keeps arrays of numbers in a way of its own, which has no room for a date or another value of a logical type,
    # and rounds to 32 bits what it promotes to doubles. Neither is so anywhere else.
    "cannot be cast to class java.lang.": "values of a logical type in an array of numbers",
    # It gets lost in the grammar of some recursive types.
    'Cannot read field "kind" because "top" is null': "the grammar of a recursive type",
    # It renames what the reader's aliases have renamed a second time.
    "AvroRuntimeException: Duplicate field": "aliases of aliases",
    # It holds the defaults in the writer's schema, which nothing uses, against fields renamed by the reader's aliases.
    "Invalid default for field": "a default in the writer's schema with the reader's names",
}
"""Bugs of Avro Java 1.12.0, by the text of its error."""


@dataclass(frozen=True)
class Failed:
    """A value that can't be read."""

    reason: str


@dataclass
class Comparison:
    """Result of comparing data, each pair of schemas in both directions.

    Attributes:
        agreed: Counts of what both did alike.
        refused: Pairs of which Java refuses a schema.
        endless: Schemas that have no finite value.
        overflows: Schemas for which Java's stack is too small: a record in them always holds itself.
        faults_of_java: Known faults of Avro Java 1.12.0 that made it read something else.
        disagreements: The differences of the two.
    """

    agreed: Counter[str] = field(default_factory=Counter)
    refused: int = 0
    endless: int = 0
    overflows: int = 0
    faults_of_java: Counter[str] = field(default_factory=Counter)
    disagreements: list[dict[str, Any]] = field(default_factory=list)

    def add(self, data: JavaData, old: Any, new: Any, seed: int) -> None:
        """Compares data of two schemas, each read as both."""
        java = avro_java()
        try:
            parsed = {"old": (old, java.parse(old)), "new": (new, java.parse(new))}
        except RefusedByJavaError:
            self.refused += 1
            return
        for writer, reader in ((parsed["old"], parsed["new"]), (parsed["new"], parsed["old"])):
            try:
                bodies = self._samples(data, *writer) + self._random(data, *writer, seed)
                self._resolve(data, writer, reader, bodies)
            except jpype.java.lang.StackOverflowError:
                self.overflows += 1

    def _samples(self, data: JavaData, schema: Any, parsed: Any) -> list[bytes]:
        """The body of avroguard's first sample; Java reads the same value from it, and writes the same again."""
        node = parse(schema)
        bodies = [encode(node, sample) for sample in islice(samples(node, ()), 1)]
        self.endless += not bodies
        for body in bodies:
            self._expect("a sample written", body, _result(data.resolver(parsed, parsed), body), schema, schema)
            ours, java = _result(Decoder(schema).decode, body), _result(lambda body: data.value(parsed, body), body)
            self._expect("a sample read", ours, java, schema, schema)
        return bodies

    def _random(self, data: JavaData, schema: Any, parsed: Any, seed: int) -> list[bytes]:
        """A random body, written by both."""
        try:
            random = data.random(parsed, seed)
        except jpype.java.lang.StackOverflowError:
            return []  # Java's random data of recursive types need not end
        if not random:
            return []
        sample, body = random
        self._expect("random data written", encode(parse(schema), sample), body, schema, schema)
        return [body]

    def _resolve(self, data: JavaData, writer: tuple[Any, Any], reader: tuple[Any, Any], bodies: list[bytes]) -> None:
        """Reads data as the other schema: what Java has read and written again is the value that is read here."""
        read, java = _decoder(writer[0], reader[0]), data.resolver(writer[1], reader[1])
        again = Decoder(reader[0]).decode
        for body in bodies:
            resolved = _result(java, body)
            theirs = resolved if isinstance(resolved, Failed) else _result(again, resolved)
            self._expect("resolved", _result(read, body), theirs, writer[0], reader[0])

    def _expect(self, what: str, ours: Any, java: Any, writer: Any, reader: Any) -> None:
        failed = ", by failing" if isinstance(ours, Failed) else ""
        if alike(ours, java):
            self.agreed[f"{what}{failed}"] += 1
        elif isinstance(java, Failed) and (fault := _fault(java.reason)):
            self.faults_of_java[fault] += 1
        elif alike(in_single_precision(ours), java):
            self.faults_of_java["an array of doubles in single precision"] += 1
        else:
            self.disagreements.append({"of": what, "ours": ours, "java": java, "writer": writer, "reader": reader})

    def report(self) -> str:
        """The figures, one a line."""
        figures = {
            **self.agreed,
            "refused by Java": self.refused,
            "without a finite value": self.endless,
            "stack overflows in Java": self.overflows,
            **self.faults_of_java,
            "disagreements": len(self.disagreements),
        }
        return "\n".join(f"{name:48} {count}" for name, count in figures.items())


def alike(ours: Any, java: Any) -> bool:
    """Return whether two values and their types are equal; a moment that Python can't express is a whole number."""
    if java is Beyond.BEYOND:
        return isinstance(ours, int)
    if type(ours) is not type(java):
        return False
    match ours:
        case Failed():
            return True
        case dict():
            return ours.keys() == java.keys() and all(alike(ours[key], java[key]) for key in ours)
        case list():
            return len(ours) == len(java) and all(map(alike, ours, java))
    return str(ours) == str(java)


def _fault(reason: str) -> str | None:
    return next((fault for text, fault in _FAULTS.items() if text in reason), None)


def in_single_precision(value: Any) -> Any:
    """A value with the numbers in its arrays rounded to 32 bits."""
    match value:
        case dict():
            return {key: in_single_precision(inner) for key, inner in value.items()}
        case list():
            return [_rounded(item) if isinstance(item, float) else in_single_precision(item) for item in value]
    return value


def _rounded(number: float) -> float:
    try:
        return float(struct.unpack("<f", struct.pack("<f", number))[0])
    except OverflowError:
        return math.copysign(math.inf, number)


def _decoder(writer: Any, reader: Any) -> Callable[[bytes], Any]:
    try:
        return Decoder(writer, reader).decode
    except ReadError as error:
        failed = Failed(str(error))
        return lambda _: failed


def _result(decode: Callable[[bytes], Any], body: bytes) -> Any:
    try:
        return decode(body)
    except (ReadError, jpype.java.lang.Exception) as error:
        return Failed(str(error) or "failed")


def compare(seed: int, count: int) -> Comparison:
    """Compares data of random pairs of schemas."""
    comparison, data = Comparison(), JavaData(avro_java())
    for index, (old, new, _) in enumerate(pairs(seed, count)):
        comparison.add(data, old, new, seed + index)
    return comparison


def main() -> int:
    """Runs a comparison, prints its figures, and returns 1 where the two differ."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=time.time_ns() % 1_000_000)
    arguments = parser.parse_args()
    sys.stdout.write(f"seed {arguments.seed}\n")
    sys.stdout.flush()
    comparison = compare(arguments.seed, arguments.pairs)
    shortest = sorted(map(str, comparison.disagreements), key=len)[:5]
    sys.stdout.write("\n".join([comparison.report(), *shortest, ""]))
    return 1 if comparison.disagreements else 0


if __name__ == "__main__":
    sys.exit(main())
