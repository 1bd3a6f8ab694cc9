"""The content of alerts: ids that stay what they were, keys, results and reasons."""

from fractions import Fraction
from pathlib import Path

import numpy as np

from services.contracts import load_contracts
from services.rules.alert_content import alert_content, alert_id
from services.rules.fields import fields_of_schema
from services.rules.loading import parse_rules
from services.rules.rule_match import RuleMatch

SCHEMA = load_contracts(Path(__file__).parents[3] / "schemas" / "contracts.toml").topic("streaming.transactions.legit")
FIELDS = fields_of_schema(SCHEMA.required_schema)
RULES = """
[rules.many]
severity = "high"
reason = "{payments} payments"
windows.payments = { measure = "count", by = ["target"], over = "1h", at_least = 3 }

[rules.large]
severity = "low"
when = "amount >= 900"
reason = "{amount} {currency}"

[rules.sleeper]
severity = "medium"
reason = "{mean} after {pause}"
windows.mean = { measure = "average amount", by = ["source"], over = "1d" }
windows.most = { measure = "max amount", by = ["source", "target"], over = "1d", where = "amount > 1", at_most = 9 }
windows.pause = { measure = "inactivity", by = ["source"], over = "1d" }
"""
MANY, LARGE, SLEEPER = parse_rules(RULES, "rules.toml", SCHEMA.required_schema, {}).rules
COLUMNS = {
    "id": np.array([b"t0", b"t1"]),
    "amount": np.array([100, 95_000]),
    "currency": np.array([b"EUR", b"EUR"]),
}


def test_an_alert_id_stays_what_it_was() -> None:
    # If this fails, alerts of unchanged rules get other ids than before: see docs/decisions.
    assert str(alert_id(MANY, ["B"], "t1")) == "0b70ebe9-6953-58a1-8399-0106a001d0f1"


def test_the_content_of_a_match_without_windows() -> None:
    content = alert_content(RuleMatch(1, LARGE), COLUMNS, FIELDS)
    assert content == {
        "id": alert_id(LARGE, [], "t1"),
        "rule": "large",
        "rule_version": LARGE.version,
        "severity": "LOW",
        "reason": "950.00 EUR",
        "key": {},
        "figures": {},
        "contributors": ["t1"],
        "suppressed": 0,
    }


def test_the_key_is_that_of_the_first_limited_window_and_missing_results_are_left_out() -> None:
    aggregates = {"mean": Fraction(201, 2), "most": None, "pause": 1500}
    content = alert_content(RuleMatch(0, SLEEPER, (b"a", b"b"), aggregates, (b"t9", b"t0")), COLUMNS, FIELDS)
    assert content["key"] == {"source": "a", "target": "b"}
    assert content["figures"] == {"mean": "1.00", "pause": "1500"}
    assert content["contributors"] == ["t9", "t0"]
    assert content["reason"] == "1.00 after 1 s 500 ms"
