"""Alerts that their topic can't hold whole."""

import uuid
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.contracts import HEADER_SIZE, RecordDecoder, RecordEncoder, Registration, load_contracts
from services.detection.alerts import AlertRecord, Alerts
from services.rules.loading import parse_rules
from services.rules.rule_match import RuleMatch
from services.streaming.record_size import batch_size

CONTRACTS = load_contracts(Path(__file__).parents[3] / "schemas" / "contracts.toml")
TRANSACTION = CONTRACTS.topic("queueing.transactions").required_schema
ALERT = CONTRACTS.topic("streaming.alerts").required_schema
RULES = """
[rules.many]
severity = "high"
reason = "{payments} payments from {source} to {target}"
windows.payments = { measure = "count", by = ["target"], over = "1h", at_least = 3 }
"""
(MANY,) = parse_rules(RULES, "rules.toml", TRANSACTION, {}).rules
ID = uuid.UUID(int=7)


def alert(
    limit: int, *, source: str = "a", target: str = "b", contributors: int = 3, key: bytes | None = b"b"
) -> tuple[AlertRecord, dict[str, Any]]:
    """An alert as it is written where its topic takes so much, and what it says."""
    fields = {"id": ID, "source": source, "target": target, "amount": Decimal("9.50"), "currency": "EUR",
              "created_at": datetime(2026, 1, 1, tzinfo=UTC)}  # fmt: skip
    body = RecordEncoder(TRANSACTION.json).encode(fields)
    columns = {"id": np.array([str(ID).encode()]), "source": np.array([source.encode()], object),
               "target": np.array([target.encode()], object)}  # fmt: skip
    ids = tuple(str(uuid.UUID(int=number)).encode() for number in range(contributors))
    match = RuleMatch(0, MANY, (target.encode(),), {"payments": contributors}, ids)
    record = Alerts(TRANSACTION, ALERT, Registration("alerts-value", 1, 7), limit).encode(match, columns, body, key)
    return record, RecordDecoder(ALERT.json).decode(record.value[HEADER_SIZE:])


def test_what_fits_is_whole() -> None:
    record, said = alert(100_000, contributors=100)
    assert (len(said["contributors"]), said["reason"]) == (100, "100 payments from a to b")
    exactly = batch_size(record.key, record.value, None)
    assert alert(exactly, contributors=100)[1]["contributors"] == said["contributors"]


def test_contributors_go_first_and_the_latest_stay() -> None:
    _, whole = alert(100_000, contributors=100)
    record, said = alert(2000, contributors=100)
    count = len(said["contributors"])
    assert 0 < count < 100
    assert said["contributors"] == whole["contributors"][-count:]
    assert said["reason"] == f"100 payments from a to b [cut: {100 - count} contributors left out]"
    assert said["transaction"] == whole["transaction"]
    assert batch_size(record.key, record.value, None) <= 2000


@pytest.mark.parametrize("letter", ["x", "ü", "🏦"])
def test_long_texts_are_cut_next_and_marked(letter: str) -> None:
    record, said = alert(20_000, source=letter * 500_000, target=letter * 400_000, contributors=100)
    assert batch_size(record.key, record.value, None) <= 20_000
    assert said["contributors"] == []
    assert said["transaction"]["source"].endswith("… [cut: 500000 characters]")
    assert said["key"]["target"].endswith("… [cut: 400000 characters]")
    assert said["reason"].endswith("[cut: 100 contributors left out, texts cut]")
    assert (said["transaction"]["id"], said["transaction"]["amount"]) == (ID, Decimal("9.50"))


def test_a_long_key_is_cut_as_well() -> None:
    record, _ = alert(20_000, key=b"k" * 500_000)
    assert batch_size(record.key, record.value, None) <= 20_000


@given(st.integers(0, 200_000), st.integers(0, 200_000), st.integers(1, 100), st.integers(0, 50_000),
       st.integers(2_500, 150_000))  # fmt: skip
def test_every_alert_fits(source: int, target: int, contributors: int, key: int, limit: int) -> None:
    record, said = alert(limit, source="s" * source, target="t" * target, contributors=contributors, key=b"k" * key)
    assert batch_size(record.key, record.value, None) <= limit
    assert said["transaction"]["id"] == ID
    assert said["figures"] == {"payments": str(contributors)}
