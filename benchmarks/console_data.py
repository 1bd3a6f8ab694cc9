"""Alerts for the load on the console: as rows of its database, and as records of its topic."""

import random
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import islice
from typing import Any

from sqlalchemy import Engine, delete, func, select

from services.console.clock import HOUR, now_ms
from services.console.projection.alert_rows import CaseOptions, apply_alerts
from services.console.records import SEVERITIES, Alert, Position, Transaction
from services.console.storage.database import writing
from services.console.storage.tables import alerts as alerts_table
from services.console.storage.tables import offsets

RULES = ("many-senders", "rapid-fire", "structuring", "dormant-account", "large-amount")
BEFORE = -1_000_000_000
"""The offset of the first seeded alert: real ones come after them all, from offset 0 on."""

_BATCH = 500
_OPTIONS = CaseOptions(window_ms=24 * HOUR, claim_ms=HOUR // 2, scale=2)


def seed(engine: Engine, alerts: int, cases: int) -> int:
    """Fill a migrated database with alerts of open cases, as the projection does; return how many there were already.

    Args:
        engine: The database.
        alerts: Number of alerts.
        cases: Number of cases, each of an account of its own.
    """
    with writing(engine).begin() as connection:
        # Those of an earlier run came from other topics, whose offsets are no good for the next ones.
        connection.execute(delete(alerts_table).where(alerts_table.c.offset >= 0))
        connection.execute(delete(offsets))
        seeded = select(func.count()).select_from(alerts_table).where(alerts_table.c.offset < 0)
        there = connection.scalar(seeded) or 0
    if there >= alerts:
        return alerts
    made = _alerts(alerts, cases)
    for _ in range(there):
        next(made, None)
    while batch := list(islice(made, _BATCH)):
        with writing(engine).begin() as connection:
            apply_alerts(connection, batch, _OPTIONS)
    return there


def account(number: int) -> str:
    """Return the account of a case."""
    return f"mule{number:08}"


def _alerts(alerts: int, cases: int) -> Iterator[Alert]:
    """Yield alerts case by case: within 12 h, the cases over the last week."""
    randomness, now, each = random.Random(14), now_ms(), max(alerts // cases, 1)
    for number in range(alerts):
        case = min(number // each, cases - 1)
        at = now - 12 * HOUR - 168 * HOUR * (case + 1) // cases + 12 * HOUR * (number % each) // each
        identity = uuid.UUID(int=randomness.getrandbits(128), version=4)
        transaction = Transaction(
            str(identity), f"payer{number % 100_000:07}", account(case),
            100 + int(randomness.paretovariate(1.2) * 5000), "EUR", at,
        )  # fmt: skip
        rule = number % len(RULES)
        yield Alert(
            str(uuid.UUID(int=number + 1)), account(case), RULES[rule], "0123456789ab", rule % len(SEVERITIES),
            f"{number % each + 1} transfers of {transaction.amount / 100:.2f} EUR from 51 accounts in 24 h",
            transaction, {"target": account(case)}, {"payments": str(number % each + 1)}, (str(identity),), at + 50, 0,
            Position(0, BEFORE + number),
        )  # fmt: skip


def alert_record(identifier: uuid.UUID, account: str, number: int) -> dict[str, Any]:
    """Return an alert as a record of its topic, detected now.

    Args:
        identifier: Its id.
        account: The account that it is about.
        number: Chooses rule, severity and amount.
    """
    now = datetime.fromtimestamp(now_ms() / 1000, UTC)
    transaction = {"id": uuid.uuid4(), "source": f"payer{number % 10_000_000:07}", "target": account,
                   "amount": Decimal(10_000 + number % 90_000).scaleb(-2), "currency": "EUR",
                   "created_at": now - timedelta(milliseconds=50)}  # fmt: skip
    return {
        "id": identifier,
        "rule": RULES[number % 3],
        "rule_version": "0123456789ab",
        "severity": SEVERITIES[number % len(SEVERITIES)],
        "reason": f"payment {number}",
        "transaction": transaction,
        "key": {"target": account},
        "figures": {"payments": str(number)},
        "contributors": [transaction["id"]],
        "detected_at": now,
        "suppressed": 0,
    }
