"""Checks say of each condition and limit what was compared, whether it is met, and what is missing to it."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from services.contracts import load_contracts
from services.rules.explanation import Check, Explanation, LogPart, as_json, explain
from services.rules.fields import fields_of_schema
from services.rules.loading import constants_of, parse_rules
from services.rules.model import Mode
from services.rules.topology import Stage, build_topology

SCHEMA = load_contracts().topic("queueing.transactions").required_schema
FIELDS = fields_of_schema(SCHEMA)
NOW = 1_767_225_600_000
TOPICS = {"target": "input", "source": "by-source"}


def rule(name: str, body: str, reason: str = "fired") -> str:
    return f'[rules.{name}]\nseverity = "low"\nreason = "{reason}"\n{body}\n'


def part(rows: Sequence[tuple[str, str, int, int]]) -> LogPart:
    """Rows of source, target, cents and seconds."""
    sources, targets, cents, seconds = zip(*rows, strict=True)
    times = NOW + 1000 * np.array(seconds, np.int64)
    columns: dict[str, Any] = {
        "id": np.array([b"%036d" % number for number in range(len(rows))]),
        "source": np.array([source.encode() for source in sources]),
        "target": np.array([target.encode() for target in targets]),
        "amount": np.array(cents, np.int64),
        "currency": np.full(len(rows), b"EUR"),
        "created_at": times,
    }
    return LogPart(columns, len(rows), np.maximum.accumulate(times))


def explained(text: str, rows: Sequence[tuple[str, str, int, int]], lateness_ms: int = 60_000) -> Explanation:
    """Explain the last row: a log has the rows of its keys."""
    source, target, _, _ = rows[-1]

    def log_of(stage: Stage) -> list[LogPart]:
        own = {"target": [row for row in rows if row[1] == target], "source": [row for row in rows if row[0] == source]}
        parts = [part(own[stage.field])]
        assert parts[0].rows
        return parts

    return explain(
        build_topology(parse_rules(text, "rules.toml", SCHEMA, constants_of()), TOPICS), log_of, FIELDS, lateness_ms
    )


def checks(text: str, rows: Sequence[tuple[str, str, int, int]]) -> tuple[Check, ...]:
    (only,) = explained(text, rows).rules
    return only.checks


def condition(text: str, cents: int = 81_250) -> tuple[str, bool, str]:
    (check,) = checks(rule("r", f'when = "{text}"'), [("a", "b", cents, 0)])
    assert (check.name, check.measured, check.limit) == (text.replace("suspicious_amount", "900"), "", "")
    return check.value, check.met, check.missing


@pytest.mark.parametrize(
    ("text", "value", "met", "missing"),
    [
        ("amount >= suspicious_amount", "amount 812.50", False, "87.50 more"),
        ("amount > 812.5", "amount 812.50", False, "any more"),
        ("amount < 12", "amount 812.50", False, "800.50 less"),
        ("amount >= 12", "amount 812.50", True, ""),
        ("amount % 100 == 0", "amount 812.50", False, ""),
        ("source == 'x'", "source a", False, ""),
        ("source == target", "source a, target b", False, ""),
        ("currency in ['CHF', 'USD']", "currency EUR", False, ""),
        ("matches(source, 'b+')", "source a", False, ""),
        ("amount < 10 or amount >= 900", "amount 812.50", False, "87.50 more"),
        ("amount < 10 or source == 'a'", "amount 812.50, source a", True, ""),
    ],
)
def test_a_condition_has_the_values_it_compared(text: str, value: str, met: bool, missing: str) -> None:
    assert condition(text) == (value, met, missing)


def test_each_part_of_a_conjunction_is_a_check() -> None:
    found = checks(rule("r", 'when = "850 <= amount < 900"'), [("a", "b", 90_000, 0)])
    assert [(check.name, check.met, check.missing) for check in found] == [
        ("amount >= 850", True, ""),
        ("amount < 900", False, "any less"),
    ]


def test_aggregations_have_value_limit_and_distance() -> None:
    text = rule(
        "r",
        'windows.payments = { measure = "count", by = ["target"], over = "1m", at_least = 4 }\n'
        'windows.total = { measure = "sum amount", by = ["target"], over = "1m", at_least = 12.5, at_most = 20 }\n'
        'windows.mean = { measure = "average amount", by = ["target"], over = "1m" }\n'
        'windows.pause = { measure = "inactivity", by = ["target"], over = "1h", at_least = "30s" }',
        "{mean}",
    )
    rows = [("a", "b", 1000, 0), ("c", "b", 1500, 10)]
    payments, total, mean, pause = checks(text, rows)
    assert payments == Check("payments", "count by target over 1 min", "2", "at least 4", False, "2 more", 0.5)
    assert (total.value, total.limit, total.met) == ("25.00", "at least 12.50, at most 20.00", False)
    assert (total.missing, total.reached) == ("5.00 less", 0.8)
    assert (mean.value, mean.limit, mean.met) == ("12.50", "", True)
    assert (pause.value, pause.limit, pause.missing) == ("10 s", "at least 30 s", "20 s more")
    _, _, _, first = checks(text, rows[:1])
    assert (first.value, first.met, first.missing, first.reached) == ("none", False, "", None)


def test_the_nearest_rule_is_first_and_a_match_before_it() -> None:
    text = (
        rule("far", 'when = "amount >= 5000"')
        + rule("near", 'when = "amount >= 1000"')
        + rule("two", "when = \"amount >= 810 and source == 'x' and target == 'y'\"")
        + rule("seen", 'mode = "shadow"\nwhen = "amount >= 10"', "{amount} from {source}")
    )
    found = explained(text, [("a", "b", 81_250, 0)])
    assert [each.name for each in found.rules] == ["seen", "near", "far", "two"]
    assert (found.verdict, found.fired) == ("legit", ())  # a shadow rule decides nothing
    first = found.rules[0]
    assert first.mode is Mode.SHADOW
    assert first.match is not None
    assert first.match["reason"] == "812.50 from a"
    assert not first.alert


def test_a_stage_by_another_key_has_its_own_log_and_features() -> None:
    text = (
        '[features]\nreceived = { measure = "sum amount", by = ["target"], over = "1h" }\n'
        'share = "amount / received"\n'
        'paid = { measure = "count", by = ["source"], over = "1h", past = true }\n'
        "[rules.r]\nseverity = 'high'\nreason = '{paid} {share}'\nwhen = 'paid >= 2 and share <= 0.5'\n"
    )
    rows = [("a", "x", 100, 0), ("z", "b", 7000, 1), ("a", "y", 100, 2), ("a", "b", 3000, 3)]
    found = explained(text, rows)
    assert found.fired == ("r",)
    assert found.features == {"received": 100.0, "share": 0.3, "paid": 2.0}
    (only,) = found.rules
    assert [check.value for check in only.checks] == ["paid 2", "share 0.30"]
    assert only.alert
    data = as_json(found)
    assert data["verdict"] == "fraud"
    assert data["rules"][0]["severity"] == "high"
    assert len(data["rules"][0]["match"]["contributors"]) == 1  # a rule without windows of its own: the transaction
    below = explained(text.replace("paid >= 2", "paid >= 8"), rows)
    assert [check.missing for check in below.rules[0].checks] == ["6 more", ""]


def test_a_late_transaction_is_said_to_be_late() -> None:
    text = rule("r", 'windows.n = { measure = "count", by = ["target"], over = "1m", at_least = 2 }')
    rows = [("a", "b", 100, 100), ("c", "b", 100, 30)]
    assert explained(text, rows, lateness_ms=60_000).late
    assert not explained(text, rows, lateness_ms=70_000).late
