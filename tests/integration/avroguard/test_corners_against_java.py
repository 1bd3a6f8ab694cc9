"""Claims of the corner cases, checked against Avro Java."""

from typing import Any

import jpype
import pytest

from avroguard.compatibility import Rule
from support.compatibility_cases import CASES, Case, record
from tests.support.avro_java import avro_java


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_java_gives_the_verdict_of_the_case(case: Case) -> None:
    java = avro_java()
    old, new = java.parse(case.old), java.parse(case.new)

    assert java.compatible(new, old) == (not set(case.new_reads_old) - {Rule.RECURSION_UNPROVEN})
    assert java.compatible(old, new) == (not set(case.old_reads_new) - {Rule.RECURSION_UNPROVEN})


PASSING = [
    pytest.param(writer, reader, id=f"{case.name}, {'backward' if reader is case.new else 'forward'}")
    for case in CASES
    for writer, reader, rules in ((case.old, case.new, case.new_reads_old), (case.new, case.old, case.old_reads_new))
    if not rules and writer != []  # nothing can be written as the empty union
]


@pytest.mark.parametrize(("writer", "reader"), PASSING)
def test_java_reads_what_the_case_calls_compatible(writer: Any, reader: Any) -> None:
    java = avro_java()
    written, read = java.parse(writer), java.parse(reader)

    for data in java.written(written, count=20, seed=1):
        java.read(data, written, read)


def test_java_takes_back_its_assumption_when_it_is_asked_about_the_inner_type_alone() -> None:
    (case,) = [case for case in CASES if Rule.RECURSION_UNPROVEN in case.new_reads_old]
    java = avro_java()
    p_written, p_read = case.old["fields"][0]["type"], case.new["fields"][0]["type"][0]
    q_written = record(("back", ["null", {**p_written, "fields": [{"name": "q", "type": "z.Q"}]}]), name="z.Q")
    q_read = record(
        ("back", ["null", {**p_read, "fields": [{"name": "q", "type": "x.Q"}, p_read["fields"][1]]}]), name="x.Q"
    )
    writer, reader = java.parse(q_written), java.parse(q_read)

    assert java.compatible(java.parse(case.new), java.parse(case.old))
    assert not java.compatible(reader, writer)
    with pytest.raises(jpype.JException, match="expecting union"):
        java.read(b"\x02\x00", writer, reader)
