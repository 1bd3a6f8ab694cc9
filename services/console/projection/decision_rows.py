"""Decisions into rows: each changes its case, the verdicts of its alerts, and the counts of their rules."""

from collections.abc import Sequence

from sqlalchemy import Connection, bindparam, func, select, update

from services.console.cases import CaseState, Refused, apply, status_of
from services.console.projection.alert_rows import CaseOptions
from services.console.projection.case_rows import fold_decisions, row_of_decision, state_columns, state_of
from services.console.records import SNOOZE, Decision
from services.console.storage.database import insert_new, upsert
from services.console.storage.tables import alerts, cases, decisions, rule_counts, snoozes

_COUNTED = {"FRAUD": "fraud", "NO_FRAUD": "no_fraud", "UNKNOWN": "unknown"}


def apply_decisions(connection: Connection, batch: Sequence[Decision], options: CaseOptions) -> list[str]:
    """Add decisions to the database; those that are there already are skipped.

    Returns:
        The ids of the cases that they are about.
    """
    known = set(connection.scalars(select(decisions.c.id).where(decisions.c.id.in_({item.id for item in batch}))))
    touched = []
    for decision in batch:
        if decision.id not in known:
            known.add(decision.id)
            _apply(connection, decision, options)
            touched.append(decision.case)
    return touched


def _apply(connection: Connection, decision: Decision, options: CaseOptions) -> None:
    row = connection.execute(select(cases).where(cases.c.id == decision.case)).mappings().first()
    before = state_of(row) if row else fold_decisions(connection, decision.case, options.claim_ms)
    refused = None
    after = before
    try:
        after = apply(before, decision, options.claim_ms)
    except Refused as error:
        refused = str(error)
    insert_new(connection, decisions, [row_of_decision(decision, refused)])
    if decision.action == SNOOZE and decision.rule and decision.until is not None:
        _snooze(connection, decision)
    elif row is not None and after != before:
        if (after.verdict, after.decided_alerts) != (before.verdict, before.decided_alerts):
            _judge_alerts(connection, decision.case, after)
        _store(connection, decision.case, after)


def _judge_alerts(connection: Connection, case: str, state: CaseState) -> None:
    """Set the verdict of the alerts that it is about, take it from others, and keep the counts of rules."""

    def count(sign: int) -> None:
        groups = connection.execute(
            select(alerts.c.rule, alerts.c.rule_version, alerts.c.verdict, func.count())
            .where(alerts.c.case_id == case, alerts.c.verdict.is_not(None))
            .group_by(alerts.c.rule, alerts.c.rule_version, alerts.c.verdict)
        ).all()
        for rule, version, verdict, number in groups:
            column = rule_counts.c[_COUNTED[verdict]]
            connection.execute(
                update(rule_counts)
                .where(rule_counts.c.rule == rule, rule_counts.c.rule_version == version)
                .values({column: column + sign * number})
            )

    count(-1)
    covered = alerts.c.sequence <= state.decided_alerts
    connection.execute(update(alerts).where(alerts.c.case_id == case, covered).values(verdict=state.verdict))
    connection.execute(update(alerts).where(alerts.c.case_id == case, ~covered).values(verdict=None))
    count(1)


def _store(connection: Connection, case: str, state: CaseState) -> None:
    """Write the state of a case, and the status that follows from it and from its alerts."""
    undecided = (alerts.c.case_id == case) & (alerts.c.sequence > state.decided_alerts)
    total, unsnoozed = connection.execute(
        select(func.count(), func.count().filter(~alerts.c.snoozed)).where(undecided)
    ).one()
    connection.execute(
        update(cases)
        .where(cases.c.id == case)
        .values(
            **state_columns(state),
            undecided_alerts=total,
            unsnoozed_alerts=unsnoozed,
            status=status_of(state, total, unsnoozed),
        )
    )


def _snooze(connection: Connection, decision: Decision) -> None:
    """Silence a rule for an account until a moment; an earlier moment than before ends that."""
    upsert(
        connection,
        snoozes,
        [{"account": decision.account, "rule": decision.rule, "until": decision.until, "by": decision.by,
          "at": decision.at}],
    )  # fmt: skip
    own = (alerts.c.account == decision.account) & (alerts.c.rule == decision.rule)
    mine = select(cases.c.id).where(cases.c.account == decision.account)
    connection.execute(
        update(alerts)
        .where(own, alerts.c.case_id.in_(mine))
        .values(snoozed=alerts.c.detected_at < bindparam("moment")),
        {"moment": decision.until},
    )
    for row in connection.execute(select(cases).where(cases.c.account == decision.account)).mappings().all():
        _store(connection, row["id"], state_of(row))
