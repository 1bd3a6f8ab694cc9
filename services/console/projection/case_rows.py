"""Rows of cases: the state in them that follows from decisions, and back."""

from typing import Any

from sqlalchemy import Connection, select

from services.console.cases import CaseState, Refused, apply
from services.console.records import Alert, Decision, Position
from services.console.storage.tables import decisions

Row = dict[str, Any]

_COLUMNS = {
    "assignee": "assignee",
    "claimed_at": "claimed_at",
    "verdict": "verdict",
    "reason": "verdict_reason",
    "decided_by": "decided_by",
    "decided_at": "decided_at",
    "decided_alerts": "decided_alerts",
    "proposal": "proposal",
    "proposed_by": "proposed_by",
    "proposed_verdict": "proposed_verdict",
    "proposed_reason": "proposed_reason",
    "proposed_alerts": "proposed_alerts",
}
"""By attribute of the state its column."""


def state_of(row: Any) -> CaseState:
    """Return what decisions have made of a case."""
    return CaseState(**{name: row[column] for name, column in _COLUMNS.items()})


def state_of_case(case: Any) -> CaseState:
    """Return what decisions have made of a case, of its row as attributes."""
    return CaseState(**{name: getattr(case, column) for name, column in _COLUMNS.items()})


def state_columns(state: CaseState) -> Row:
    """Return the columns of a state."""
    return {column: getattr(state, name) for name, column in _COLUMNS.items()}


def case_row(identifier: str, alert: Alert, state: CaseState) -> Row:
    """Return the row of a case that has no alert yet, the first of which is known."""
    return {
        "id": identifier,
        "account": alert.account,
        "first_event_at": alert.transaction.created_at,
        "latest_event_at": alert.transaction.created_at,
        "detected_at": alert.detected_at,
        "alerts": 0,
        "severity": 0,
        "amounts": "{}",
        "amount": 0,
        "currency": "",
        "rules": "{}",
        "reason": "",
        "rank": 0,
        "status": "",
        "undecided_alerts": 0,
        "unsnoozed_alerts": 0,
        **state_columns(state),
    }


def fold_decisions(connection: Connection, case: str, claim_ms: int) -> CaseState:
    """Return what the decisions in the database make of a case."""
    rows = connection.execute(
        select(decisions).where(decisions.c.case_id == case).order_by(decisions.c.partition, decisions.c.offset)
    ).mappings()
    state = CaseState()
    for row in rows:
        if row["refused"] is None:
            try:
                state = apply(state, decision_of_row(row), claim_ms)
            except Refused:  # was refused before with other settings
                continue
    return state


def decision_of_row(row: Any) -> Decision:
    """Return the decision of a row."""
    return Decision(
        **{name: row[name] for name in ("id", "account", "action", "by", "at", "verdict", "reason", "note", "alerts",
                                        "needs_approval", "decision", "rule", "until")},
        case=row["case_id"],
        position=Position(row["partition"], row["offset"]),
    )  # fmt: skip


def row_of_decision(decision: Decision, refused: str | None) -> Row:
    """Return the row of a decision.

    Args:
        decision: The decision.
        refused: Why it has no effect; None where it has.
    """
    row = vars(decision) | {
        "case_id": decision.case,
        "refused": refused,
        "partition": decision.position.partition,
        "offset": decision.position.offset,
    }
    del row["case"], row["position"]
    return row
