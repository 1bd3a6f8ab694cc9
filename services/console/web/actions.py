"""Actions of people on a case: checked here, recorded in the topic, and then awaited in the database."""

import uuid
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import Row, select
from starlette.requests import Request

from services.console.cases import Refused, apply
from services.console.clock import now_ms
from services.console.projection.case_rows import state_of_case
from services.console.queries.case import labels_of
from services.console.records import APPROVE, CLAIM, DECIDE, REJECT, RELEASE, UNKNOWN, Decision
from services.console.security.roles import LEAD
from services.console.storage.tables import decisions
from services.console.web.context import console_of, log_action, session_of

PROJECTION_SECONDS = 5.0


class Impossible(Exception):  # noqa: N818 - reads as what happened
    """An action is not possible; the text says why, for people."""


@dataclass(frozen=True)
class Action:
    """Action of a person on a case.

    Attributes:
        kind: One of the actions of `schemas/decision.avsc`.
        details: Further fields of the decision.
        id: Id of the record: a form that is sent twice has the same, and counts once.
    """

    kind: str
    details: dict[str, Any] = field(default_factory=dict)
    id: str = ""


def perform(request: Request, case: Row[Any], action: Action) -> str:
    """Record an action on a case and wait until the database has it.

    Returns:
        What the page says afterwards, a key of `rendering.DONE`; `pending` where the database does not have it yet.

    Raises:
        Impossible: The person may not do this, or the case is not in the state for it.
        Unavailable: The brokers do not confirm it.
    """
    console, session = console_of(request), session_of(request)
    decision = Decision(
        id=_valid_id(action.id),
        case=case.id,
        account=case.account,
        action=action.kind,
        by=session.user,
        at=now_ms(),
        **action.details,
    )
    state = state_of_case(case)
    if decision.action == DECIDE:
        decision = replace(decision, needs_approval=needs_approval(request, case))
    if decision.action == RELEASE and state.assignee not in (None, session.user) and not session.may(LEAD):
        raise Impossible(f"{state.assignee} has claimed the case: a lead may release it.")
    try:
        apply(state, decision, console.options.claim_ms)
    except Refused as error:
        raise Impossible(f"Not possible: {error}.") from None
    labels = []
    if decision.action == APPROVE or (decision.action == DECIDE and not decision.needs_approval):
        first = state.proposed_alerts if decision.action == APPROVE else decision.alerts
        verdict = (state.proposed_verdict if decision.action == APPROVE else decision.verdict) or UNKNOWN
        with console.read() as connection:
            labels = labels_of(connection, case.id, first, verdict)
    position = console.publisher.publish(decision, labels)
    with console.write() as connection:
        log_action(connection, request, f"case {decision.action.lower()}", case.id)
    if not console.projector.await_decision(position, PROJECTION_SECONDS):
        return "pending"
    with console.read() as connection:
        row = connection.execute(select(decisions.c.refused).where(decisions.c.id == decision.id)).first()
    return "refused" if row is not None and row.refused else _DONE[decision.action, decision.needs_approval]


_DONE = {
    (CLAIM, False): "claimed",
    (RELEASE, False): "released",
    (DECIDE, False): "decided",
    (DECIDE, True): "proposed",
    (APPROVE, False): "approved",
    (REJECT, False): "rejected",
    ("NOTE", False): "noted",
    ("SNOOZE", False): "snoozed",
}


def needs_approval(request: Request, case: Row[Any]) -> bool:
    """Return whether a second person has to approve a verdict on a case."""
    console = console_of(request)
    limit = console.settings.four_eyes_amount
    return bool(limit) and case.amount >= limit * 10**console.options.scale


def _valid_id(text: str) -> str:
    try:
        return str(uuid.UUID(text))
    except ValueError:
        return str(uuid.uuid4())
