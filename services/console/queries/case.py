"""A case: its alerts, the transactions around it, its history, and earlier cases of its account."""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, select

from services.console.publishing import Label
from services.console.records import FRAUD, UNKNOWN, Transaction
from services.console.storage.tables import alerts, cases, decisions, snoozes, transactions

SHOWN_ALERTS = 50


@dataclass(frozen=True)
class CasePage:
    """Content of the page of a case.

    Attributes:
        case: Its row.
        alerts: Its latest alerts, the newest first.
        contributors: Ids of the transactions in the windows of the shown alerts.
        transactions: Those of them that are in the database, by id.
        history: What people did with it, the oldest first.
        earlier: Other cases of the account, the newest first.
        snoozes: Rules that are silenced for the account.
    """

    case: Row[Any]
    alerts: Sequence[Row[Any]]
    contributors: Sequence[str]
    transactions: dict[str, Transaction]
    history: Sequence[Row[Any]]
    earlier: Sequence[Row[Any]]
    snoozes: Sequence[Row[Any]]


def find_case(connection: Connection, identifier: str) -> Row[Any] | None:
    """Return the row of a case; None where there is none."""
    return connection.execute(select(cases).where(cases.c.id == identifier)).first()


def case_page(connection: Connection, case: Row[Any]) -> CasePage:
    """Return what the page of a case shows."""
    shown = connection.execute(
        select(alerts).where(alerts.c.case_id == case.id).order_by(alerts.c.sequence.desc()).limit(SHOWN_ALERTS)
    ).all()
    # The windows of later alerts have most of what those of earlier ones have.
    contributors = list(dict.fromkeys(i for alert in shown for i in json.loads(alert.contributors)))
    wanted = dict.fromkeys([*contributors, *(alert.transaction_id for alert in shown)])
    return CasePage(
        case=case,
        alerts=shown,
        contributors=contributors,
        transactions={row.id: row for row in stored_transactions(connection, wanted)},
        history=connection.execute(
            select(decisions).where(decisions.c.case_id == case.id).order_by(decisions.c.partition, decisions.c.offset)
        ).all(),
        earlier=connection.execute(
            select(cases)
            .where(cases.c.account == case.account, cases.c.id != case.id)
            .order_by(cases.c.first_event_at.desc())
            .limit(20)
        ).all(),
        snoozes=connection.execute(select(snoozes).where(snoozes.c.account == case.account)).all(),
    )


def stored_transactions(connection: Connection, ids: Collection[str]) -> list[Transaction]:
    """Return the transactions of some ids, of those that are in the database."""
    wanted = list(ids)
    found: list[Transaction] = []
    for first in range(0, len(wanted), 1000):
        rows = connection.execute(select(transactions).where(transactions.c.id.in_(wanted[first : first + 1000])))
        found += [Transaction(**row) for row in rows.mappings()]
    return found


def stored_of_accounts(connection: Connection, accounts: Collection[str], limit: int) -> list[Transaction]:
    """Return the latest transactions from or to some accounts, of those that are in the database."""
    found: dict[str, Transaction] = {}
    for column in (transactions.c.source, transactions.c.target):
        rows = connection.execute(
            select(transactions)
            .where(column.in_(list(accounts)))
            .order_by(transactions.c.created_at.desc())
            .limit(limit)
        )
        found |= {row["id"]: Transaction(**row) for row in rows.mappings()}
    return sorted(found.values(), key=lambda transaction: transaction.created_at)[-limit:]


def labels_of(connection: Connection, case: str, first_alerts: int, verdict: str) -> list[Label]:
    """Return the labels that a verdict gives to the transactions of a case's alerts; none for "don't know".

    Args:
        connection: Of the database.
        case: The case.
        first_alerts: The number of its alerts that the verdict is about.
        verdict: The verdict.
    """
    if verdict == UNKNOWN:
        return []
    rows = connection.execute(
        select(transactions)
        .join(alerts, alerts.c.transaction_id == transactions.c.id)
        .where(alerts.c.case_id == case, alerts.c.sequence <= first_alerts)
        .distinct()
        .order_by(transactions.c.id)
    )
    return [Label(Transaction(**row), verdict == FRAUD) for row in rows.mappings()]


def case_of_alert(connection: Connection, alert: str) -> str | None:
    """Return the id of the case of an alert; None where there is no such alert."""
    return connection.scalar(select(alerts.c.case_id).where(alerts.c.id == alert))


def stored_transaction(connection: Connection, identifier: str) -> Transaction | None:
    """Return a transaction of the database; None where it is not there."""
    return next(iter(stored_transactions(connection, [identifier])), None)
