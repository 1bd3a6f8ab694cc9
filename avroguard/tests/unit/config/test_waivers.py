"""Waivers: what they cover, for how long, and what is said about faulty ones."""

import datetime as dt
from dataclasses import replace

import pytest

from avroguard.config.topics import read_contracts
from avroguard.config.waivers import Waiver, apply_waivers
from avroguard.errors import ContractError
from avroguard.findings import Finding
from avroguard.places import Place
from avroguard.rules import Severity
from support.contracts_file import GOOD, TRANSACTION, Files

TODAY = dt.date(2026, 6, 1)
FINDING = Finding(
    Place("s/t.avsc", 3, 5), "DOC_MISSING", "no doc", severity=Severity.WARNING, subjects=("x",), field="p.T.a"
)
WAIVER = Waiver("DOC_MISSING", "known", TODAY, Place("s/contracts.toml", 9), file="s/t.avsc")
TABLE = """
[[waivers]]
rule = "DOC_MISSING"
file = "transaction.avsc"
field = "payments.Transaction.id"
reason = "said elsewhere"
expires = 2027-01-31
"""


def applied(waiver: Waiver, finding: Finding = FINDING) -> list[tuple[str, str]]:
    return [(result.rule, result.waived) for result in apply_waivers([finding], [waiver], TODAY)]


@pytest.mark.parametrize("where", [{}, {"file": None, "subject": "x"}, {"file": None, "field": "p.T.a"}])
def test_a_waiver_covers_its_place(where: dict[str, str]) -> None:
    assert applied(replace(WAIVER, **where)) == [("DOC_MISSING", "known")]


@pytest.mark.parametrize(
    "change", [{"rule": "ENUM_EMPTY"}, {"file": "t.avsc"}, {"subject": "y"}, {"field": "p.T.b"}, {"field": "p.T"}]
)
def test_a_waiver_covers_nothing_else(change: dict[str, str]) -> None:
    assert applied(replace(WAIVER, **change)) == [("DOC_MISSING", "")]


def test_a_waiver_holds_to_the_end_of_its_last_day_and_then_fails() -> None:
    assert applied(WAIVER) == [("DOC_MISSING", "known")]
    findings = apply_waivers([FINDING], [replace(WAIVER, expires=TODAY - dt.timedelta(1))], TODAY)
    assert [(finding.rule, finding.waived, finding.fails) for finding in findings] == [
        ("DOC_MISSING", "", False),
        ("WAIVER_EXPIRED", "", True),
    ]
    assert str(findings[1].place) == "s/contracts.toml:9"
    assert "has expired on 2026-05-31: known" in findings[1].message


def test_a_waiver_that_waives_nothing_is_told_where_that_can_be_known() -> None:
    assert apply_waivers([], [WAIVER], TODAY) == []
    (unused,) = apply_waivers([], [WAIVER], TODAY, lambda waiver: waiver is WAIVER)
    assert (unused.rule, unused.severity, str(unused.place)) == (
        "WAIVER_UNUSED",
        Severity.WARNING,
        "s/contracts.toml:9",
    )
    assert len(apply_waivers([FINDING], [WAIVER], TODAY, lambda _: True)) == 1


def faults(table: str) -> list[str]:
    files = Files({"contracts.toml": (GOOD + table).encode(), "transaction.avsc": TRANSACTION})
    try:
        read_contracts(files)
    except ContractError as error:
        return str(error).splitlines()
    return []


def test_a_waiver_is_read() -> None:
    files = Files({"contracts.toml": (GOOD + TABLE).encode(), "transaction.avsc": TRANSACTION})
    (waiver,) = read_contracts(files).waivers
    assert waiver == Waiver(
        "DOC_MISSING",
        "said elsewhere",
        dt.date(2027, 1, 31),
        Place("contracts.toml", 14),
        "transaction.avsc",
        None,
        "payments.Transaction.id",
    )


@pytest.mark.parametrize(
    ("old", "new", "line", "said"),
    [
        ('reason = "said elsewhere"\n', "", 14, "reason: expected a text such as"),
        ('"said elsewhere"', '" "', 18, "reason: expected a text"),
        ("expires = 2027-01-31\n", "", 14, "expires: expected the last day of the waiver, such as 2027-01-31"),
        ("2027-01-31", '"2027-01-31"', 19, "expires: expected the last day"),
        ("2027-01-31", "2027-01-31T12:00:00", 19, "expires: expected the last day"),
        ("DOC_MISSING", "DOC_MISING", 15, 'rule: there is no DOC_MISING; did you mean "DOC_MISSING"?'),
        ("DOC_MISSING", "UNION_NESTED", 15, "rule: UNION_NESTED can't be waived"),
        ("DOC_MISSING", "WAIVER_EXPIRED", 15, "rule: WAIVER_EXPIRED can't be waived"),
        ('"DOC_MISSING"', "3", 15, "rule: expected a text"),
        ("field =", "feild =", 17, 'unknown key "feild"; did you mean "field"?'),
        ('"transaction.avsc"', "[]", 16, "file: expected a text"),
        ('file = "transaction.avsc"\nfield = "payments.Transaction.id"\n', "", 15, "at least one of file, subject"),
        ("[[waivers]]", "[waivers]", 14, "waivers: expected tables [[waivers]]"),
    ],
)
def test_a_faulty_waiver_is_told_with_its_line(old: str, new: str, line: int, said: str) -> None:
    assert old in TABLE
    messages = faults(TABLE.replace(old, new))
    assert any(message.startswith(f"contracts.toml:{line}: ") and said in message for message in messages), messages


def test_the_second_waiver_has_lines_of_its_own() -> None:
    assert faults(TABLE + TABLE.replace("2027-01-31", "1")) == [
        "contracts.toml:26: waiver: expires: expected the last day of the waiver, such as 2027-01-31, without quotes"
    ]
