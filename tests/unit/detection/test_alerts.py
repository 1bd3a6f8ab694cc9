"""Content of an alert, byte for byte as the contract has it, and its id, the same each time."""

import uuid
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import numpy as np
from structlog.testing import capture_logs

from services.contracts import HEADER_SIZE, RecordDecoder, RecordEncoder, Registration, load_contracts
from services.detection.alerts import Alerts
from services.detection.headers import HeaderWriter
from services.rules.alert_content import alert_id
from services.rules.loading import parse_rules
from services.rules.rule_match import RuleMatch, RuleMatches

CONTRACTS = load_contracts(Path(__file__).parents[3] / "schemas" / "contracts.toml")
TRANSACTION = CONTRACTS.topic("queueing.transactions").required_schema
ALERT = CONTRACTS.topic("streaming.alerts").required_schema
RULES = """
[rules.many]
severity = "high"
reason = "{payments} payments to {target}, {mean} on average, the last after {pause}"
windows.payments = { measure = "count", by = ["target"], over = "1h", at_least = 3 }
windows.mean = { measure = "average amount", by = ["target"], over = "1h" }
windows.pause = { measure = "inactivity", by = ["target"], over = "1h" }

[rules.large]
severity = "low"
when = "amount >= 900"
reason = "{amount} {currency}"
"""
MANY, LARGE = parse_rules(RULES, "rules.toml", TRANSACTION, {}).rules
IDS = [str(uuid.UUID(int=n)).encode() for n in (1, 2)]
COLUMNS = {
    "id": np.array(IDS),
    "target": np.array([b"B" * 12, b"C" * 12]),
    "amount": np.array([100_000, 95_000]),
    "currency": np.array([b"EUR", b"EUR"]),
}


def body() -> bytes:
    record = {
        "id": uuid.UUID(int=2), "source": "A" * 12, "target": "C" * 12, "amount": Decimal("950.00"), "currency": "EUR",
        "created_at": datetime(2026, 1, 1, tzinfo=UTC),
    }  # fmt: skip
    return RecordEncoder(TRANSACTION.json).encode(record)


def decoded(match: RuleMatch) -> dict[str, object]:
    value = Alerts(TRANSACTION, ALERT, Registration("alerts-value", 1, 7)).encode(match, COLUMNS, body(), b"key").value
    assert value[:HEADER_SIZE] == b"\0\0\0\0\7"
    record: dict[str, object] = RecordDecoder(ALERT.json).decode(value[HEADER_SIZE:])
    return record


def test_an_alert_of_a_window_says_what_was_in_it() -> None:
    aggregates = {"payments": 3, "mean": Fraction(100_001, 3), "pause": 90_000}
    alert = decoded(RuleMatch(1, MANY, (b"C" * 12,), aggregates, (IDS[0], IDS[1])))
    assert alert["reason"] == "3 payments to CCCCCCCCCCCC, 333.34 on average, the last after 1 min 30 s"
    assert alert["key"] == {"target": "C" * 12}
    assert alert["figures"] == {"payments": "3", "mean": "333.34", "pause": "90000"}
    assert alert["contributors"] == [uuid.UUID(int=1), uuid.UUID(int=2)]
    assert alert["transaction"]["amount"] == Decimal("950.00")  # type: ignore[index]


def test_an_alert_without_a_window_names_its_transaction() -> None:
    alert = decoded(RuleMatch(1, LARGE))
    assert (alert["reason"], alert["severity"], alert["key"], alert["figures"]) == ("950.00 EUR", "LOW", {}, {})
    assert alert["contributors"] == [uuid.UUID(int=2)]
    assert alert["rule_version"] == LARGE.version


def test_the_same_finding_has_the_same_id() -> None:
    first = alert_id(MANY, ["C"], "t1")
    assert first == alert_id(MANY, ["C"], "t1")
    others = [alert_id(LARGE, ["C"], "t1"), alert_id(MANY, ["D"], "t1"), alert_id(MANY, ["C"], "t2")]
    assert len({first, *others}) == 4


def test_no_more_than_ten_matches_of_a_shadow_rule_are_logged_a_minute() -> None:
    alerts = Alerts(TRANSACTION, ALERT, Registration("alerts-value", 1, 7))
    with capture_logs() as lines:
        for rows in ([0, 1] * 3, [1] * 7, [0]):
            alerts.log_shadow(RuleMatches(LARGE, np.array(rows)), COLUMNS)
        alerts.log_shadow(RuleMatches(replace(LARGE, name="other"), np.array([1])), COLUMNS)
    assert [line["rule"] for line in lines] == ["large"] * 10 + ["other"]
    assert [line["transaction_id"] for line in lines[:2]] == [identifier.decode() for identifier in IDS]


def test_headers_name_the_version_and_the_matched_rules() -> None:
    headers = HeaderWriter()
    assert headers("v1") == [("rules.version", b"v1")]
    assert headers("v1", ["a", "b"]) == [("rules.version", b"v1"), ("rules.fired", b"a,b")]
    assert headers("v1") is headers("v1")
