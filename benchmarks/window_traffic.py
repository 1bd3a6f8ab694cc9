"""Traffic and rules for measuring windows without Kafka."""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from services.contracts import load_contracts
from services.rules.loading import load_rules
from services.rules.model import Aggregation, Columns, Condition, Measure, Mode, Rule, Severity, Window
from services.rules.windows import WindowState

START_MS = 1_700_000_000_000
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
LATENESS_MS = 60_000
BATCH = 5000
NEVER = Fraction(10**15)
RULES = Path(__file__).parents[1] / "services" / "detection" / "rules.toml"


def uuids(random: np.random.Generator, rows: int) -> Any:
    """Canonical UUIDs, as the column of a decoder has them."""
    digits = np.frombuffer(b"0123456789abcdef", np.uint8)[random.integers(0, 16, (rows, 36))]
    digits[:, [8, 13, 18, 23]] = ord("-")
    return digits.view("S36").ravel()


def traffic(rows: int, *, accounts: int, span_ms: int, disorder_ms: int = 0, seed: int = 1) -> dict[str, Any]:
    """Uniform traffic: each row from and to any account, amounts from 1.00 to 1000.00, at even times.

    Args:
        rows: Number of rows.
        accounts: Number of accounts; as many as rows stands for each a new one.
        span_ms: Time from the first to the last row.
        disorder_ms: Largest time that a row may be earlier than its place says.
        seed: Makes it repeatable.
    """
    random = np.random.default_rng(seed)
    names = np.char.add(b"account", np.char.zfill(np.arange(accounts).astype("S7"), 7))
    sources = np.arange(rows) if accounts == rows else random.integers(0, accounts, rows)
    times = START_MS + np.arange(rows) * span_ms // rows
    return {
        "id": uuids(random, rows),
        "source": names[sources],
        "target": names[random.integers(0, accounts, rows)],
        "amount": random.integers(100, 100_001, rows),
        "currency": np.full(rows, b"EUR"),
        "created_at": times - random.integers(0, disorder_ms + 1, rows),
    }


def batches(columns: Columns, size: int = BATCH) -> Iterator[tuple[Columns, int]]:
    """Rows as a detector gets them."""
    rows = len(columns["id"])
    for first in range(0, rows, size):
        last = min(first + size, rows)
        yield {name: column[first:last] for name, column in columns.items()}, last - first


def rule(name: str, *aggregations: Aggregation, when: Condition | None = None) -> Rule:
    return Rule(name, Severity.LOW, "", Mode.LIVE, when, aggregations, "0" * 12)


def aggregation(
    measure: str, by: Sequence[str] = ("source",), over_ms: int = HOUR_MS, *, at_least: Any = None, at_most: Any = None
) -> Aggregation:
    kind, _, field = measure.partition(" ")
    window = Window(Measure(kind), field or None, tuple(by), over_ms)
    return Aggregation(f"{measure} {over_ms}", window, None, at_least, at_most)


def default_rules() -> tuple[Rule, ...]:
    schema = load_contracts().topic("queueing.transactions").required_schema
    return load_rules(RULES, schema, {"suspicious_amount": Decimal(900)}).rules


def state_for(rules: Sequence[Rule]) -> WindowState:
    state = WindowState(lateness_ms=LATENESS_MS)
    state.require(aggregation for rule in rules for aggregation in rule.aggregations)
    return state
