"""Alerts into rows: each goes to the case of its account, or begins one."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, case, func, select, update

from services.console.cases import CaseState, case_id, joins, rank_of, status_of
from services.console.projection.case_rows import Row, case_row, fold_decisions, state_of
from services.console.records import Alert
from services.console.storage.database import insert_new, upsert
from services.console.storage.tables import (
    alerts,
    case_rules,
    cases,
    decisions,
    rule_counts,
    snoozes,
    transactions,
)


@dataclass(frozen=True)
class CaseOptions:
    """Settings of cases.

    Attributes:
        window_ms: Time after the first alert of a case within which further ones belong to it.
        claim_ms: Time that a claim lasts.
        scale: Decimal places of amounts.
    """

    window_ms: int
    claim_ms: int
    scale: int


@dataclass
class _Batch:
    """The cases that a batch touches, as they are and as they become."""

    rows: dict[str, Row]
    latest: dict[str, str]
    created: set[str] = field(default_factory=set)
    counted: set[tuple[str, str]] = field(default_factory=set)


def apply_alerts(connection: Connection, batch: Sequence[Alert], options: CaseOptions) -> list[str]:
    """Add alerts to the database; those that are there already are skipped.

    Args:
        connection: In a transaction.
        batch: The alerts, those of one partition in their order.
        options: Settings of cases.

    Returns:
        The ids of the cases that they belong to.
    """
    new = _new_alerts(connection, batch)
    if not new:
        return []
    insert_new(connection, transactions, [vars(alert.transaction) for alert in _unique_transactions(new)])
    state = _load(connection, new)
    silenced = _snoozed_until(connection, {alert.account for alert in new})
    rows = [_add(connection, state, alert, silenced, options) for alert in new]
    insert_new(connection, alerts, rows)
    upsert(connection, cases, list(state.rows.values()))
    insert_new(
        connection, case_rules, [{"rule": row["rule"], "case_id": row["case_id"]} for row in rows]
    )  # fmt: skip
    _count(connection, rows)
    return list(state.rows)


def _new_alerts(connection: Connection, batch: Sequence[Alert]) -> list[Alert]:
    by_id = {alert.id: alert for alert in batch}
    known = set(connection.scalars(select(alerts.c.id).where(alerts.c.id.in_(by_id))))
    return [alert for identifier, alert in by_id.items() if identifier not in known]


def _unique_transactions(batch: Iterable[Alert]) -> Iterable[Alert]:
    return {alert.transaction.id: alert for alert in batch}.values()


def _load(connection: Connection, batch: Sequence[Alert]) -> _Batch:
    """Return the latest case of each account in a batch, and which of its transactions a case has already."""
    accounts = {alert.account for alert in batch}
    newest = (
        select(cases.c.account, func.max(cases.c.first_event_at).label("newest"))
        .where(cases.c.account.in_(accounts))
        .group_by(cases.c.account)
        .subquery()
    )
    found = connection.execute(
        select(cases).join(newest, (cases.c.account == newest.c.account) & (cases.c.first_event_at == newest.c.newest))
    ).mappings()
    rows: dict[str, Row] = {}
    latest: dict[str, str] = {}
    for row in found:
        rows[row["id"]] = dict(row)
        latest[row["account"]] = max(row["id"], latest.get(row["account"], ""))
    counted = connection.execute(
        select(alerts.c.case_id, alerts.c.transaction_id).where(
            alerts.c.transaction_id.in_({alert.transaction.id for alert in batch})
        )
    )
    return _Batch({key: rows[key] for key in latest.values()}, latest, counted={(row[0], row[1]) for row in counted})


def _snoozed_until(connection: Connection, accounts: Iterable[str]) -> dict[tuple[str, str], int]:
    rows = connection.execute(
        select(snoozes.c.account, snoozes.c.rule, snoozes.c.until).where(snoozes.c.account.in_(accounts))
    )
    return {(account, rule): until for account, rule, until in rows}


def _add(
    connection: Connection, batch: _Batch, alert: Alert, silenced: dict[tuple[str, str], int], options: CaseOptions
) -> dict[str, Any]:
    """Add an alert to its case; return its row."""
    latest = batch.latest.get(alert.account)
    if latest is not None and joins(batch.rows[latest]["first_event_at"], alert, options.window_ms):
        row = batch.rows[latest]
    else:
        row = _begin(connection, alert, options)
        batch.rows[row["id"]] = row
        batch.latest[alert.account] = row["id"]
    sequence = row["alerts"] + 1
    snoozed = alert.detected_at < silenced.get((alert.account, alert.rule), 0)
    undecided = sequence > row["decided_alerts"]
    amounts: dict[str, int] = json.loads(row["amounts"])
    if (row["id"], alert.transaction.id) not in batch.counted:
        batch.counted.add((row["id"], alert.transaction.id))
        amounts[alert.transaction.currency] = amounts.get(alert.transaction.currency, 0) + alert.transaction.amount
    rules: dict[str, int] = json.loads(row["rules"])
    rules[alert.rule] = rules.get(alert.rule, 0) + 1
    currency = max(amounts, key=lambda name: amounts[name])
    if alert.severity >= row["severity"]:
        row["reason"] = alert.reason
    row |= {
        "alerts": sequence,
        "severity": max(row["severity"], alert.severity),
        "latest_event_at": max(row["latest_event_at"], alert.transaction.created_at),
        "amounts": json.dumps(amounts),
        "amount": amounts[currency],
        "currency": currency,
        "rules": json.dumps(rules),
        "undecided_alerts": row["undecided_alerts"] + undecided,
        "unsnoozed_alerts": row["unsnoozed_alerts"] + (undecided and not snoozed),
    }
    row["rank"] = rank_of(row["detected_at"], row["severity"], row["amount"] / 10**options.scale)
    row["status"] = status_of(state_of(row), row["undecided_alerts"], row["unsnoozed_alerts"])
    return {
        "id": alert.id,
        "case_id": row["id"],
        "sequence": sequence,
        "account": alert.account,
        "rule": alert.rule,
        "rule_version": alert.rule_version,
        "severity": alert.severity,
        "reason": alert.reason,
        "key": json.dumps(alert.key),
        "figures": json.dumps(alert.figures),
        "contributors": json.dumps(alert.contributors),
        "transaction_id": alert.transaction.id,
        "event_at": alert.transaction.created_at,
        "detected_at": alert.detected_at,
        "suppressed": alert.suppressed,
        "snoozed": snoozed,
        "verdict": None if undecided else row["verdict"],
        "partition": alert.position.partition,
        "offset": alert.position.offset,
    }


def _begin(connection: Connection, alert: Alert, options: CaseOptions) -> Row:
    """Return the row of a new case. Its decisions may have been read before it: in a rebuild both topics are read."""
    identifier = case_id(alert)
    has_decisions = connection.scalar(select(decisions.c.id).where(decisions.c.case_id == identifier).limit(1))
    state = fold_decisions(connection, identifier, options.claim_ms) if has_decisions else CaseState()
    return case_row(identifier, alert, state)


def _count(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Add alerts to the counts of their rules."""
    groups: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in rows:
        groups.setdefault((row["rule"], row["rule_version"]), []).append(row)
    insert_new(
        connection,
        rule_counts,
        [
            {"rule": rule, "rule_version": version, "fired": 0, "fraud": 0, "no_fraud": 0, "unknown": 0,
             "first_at": of[0]["detected_at"], "latest_at": of[0]["detected_at"]}
            for (rule, version), of in groups.items()
        ],
    )  # fmt: skip
    for (rule, version), of in groups.items():
        verdicts = [row["verdict"] for row in of]
        earliest, latest = min(row["detected_at"] for row in of), max(row["detected_at"] for row in of)
        count = rule_counts.c
        connection.execute(
            update(rule_counts)
            .where(count.rule == rule, count.rule_version == version)
            .values(
                fired=count.fired + len(of),
                fraud=count.fraud + verdicts.count("FRAUD"),
                no_fraud=count.no_fraud + verdicts.count("NO_FRAUD"),
                unknown=count.unknown + verdicts.count("UNKNOWN"),
                first_at=case((count.first_at < earliest, count.first_at), else_=earliest),
                latest_at=case((count.latest_at > latest, count.latest_at), else_=latest),
            )
        )
