"""avroguard's codec does with data what Avro Java does: the bytes, the values, and what can't be read."""

from itertools import islice
from typing import Any

import jpype
import pytest

from avroguard.compatibility import Rule, incompatibilities
from avroguard.compatibility.parsing import parse
from avroguard.explain import demonstrate
from avroguard.explain.binary import ReadError, encode
from avroguard.explain.demonstrations import Outcome
from avroguard.explain.resolution import Decoder
from avroguard.explain.samples import samples
from support.avro_mutations import pairs
from support.compatibility_cases import CASES, Case
from tests.support.avro_java import avro_java
from tests.support.avro_java_values import JavaData
from tests.support.compare_data_with_java import compare, in_single_precision


def test_data_of_random_pairs_are_written_and_read_as_by_avro_java() -> None:
    comparison = compare(seed=20_261_126, count=200)

    assert comparison.disagreements == [], comparison.report()
    assert comparison.agreed["resolved"] > 150, comparison.report()
    assert comparison.agreed["resolved, by failing"] > 150, comparison.report()
    assert comparison.faults_of_java.total() < 100, comparison.report()


# What Java assumes about recursive types it holds on to in its grammar, and then fails on all data.
PROVEN = [case for case in CASES if Rule.RECURSION_UNPROVEN not in case.new_reads_old]


@pytest.mark.parametrize("case", PROVEN, ids=lambda case: case.name)
def test_data_of_the_corner_cases_are_read_as_by_avro_java(case: Case) -> None:
    for writer, reader in ((case.old, case.new), (case.new, case.old)):
        for sample in islice(samples(parse(writer), ()), 5):
            body = encode(parse(writer), sample)
            expected, actual = by_java(writer, reader, body), by_avroguard(writer, reader, body)
            assert actual == expected or in_single_precision(actual) == expected  # a fault of Java's arrays of doubles


def by_avroguard(writer: Any, reader: Any, body: bytes) -> Any:
    try:
        return Decoder(writer, reader).decode(body)
    except ReadError:
        return "fails"


def by_java(writer: Any, reader: Any, body: bytes) -> Any:
    java = avro_java()
    try:
        again = JavaData(java).resolver(java.parse(writer), java.parse(reader))(body)
    except jpype.java.lang.Exception:
        return "fails"
    return by_avroguard(reader, reader, again)


def test_what_fails_in_a_demonstration_fails_with_avro_java() -> None:
    java, data, shown = avro_java(), JavaData(avro_java()), 0
    for old, new, _ in pairs(7, 100):
        for finding in incompatibilities(new, old):
            demonstration = demonstrate(new, old, finding)
            if demonstration.outcome is Outcome.FAILS:
                shown += 1
                with pytest.raises(jpype.JException):
                    data.resolver(java.parse(old), java.parse(new))(demonstration.body)
    assert shown > 30
