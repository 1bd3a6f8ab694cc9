"""Cases, made of alerts and decisions. Pure: the same records give the same cases, in a rebuild too.

A case follows from the alerts of its account alone, its state from the decisions alone, and its status from both: so it
does not matter in which order the two topics are read.
"""

import math
import uuid
from dataclasses import dataclass, replace

from services.console.records import APPROVE, CLAIM, DECIDE, REJECT, RELEASE, UNKNOWN, Alert, Decision

NAMESPACE = uuid.UUID("0f0c7d51-6d0c-5d5f-8f6d-2b8f6d1f2a44")
"""The namespace of case ids: UUIDs of version 5 (RFC 9562)."""

HOUR = 3_600_000

OPEN, CLAIMED, APPROVAL, CLOSED, SNOOZED = "open", "claimed", "approval", "closed", "snoozed"

SEVERITY_HOURS = 8
AMOUNT_HOURS = 4


def case_id(alert: Alert) -> str:
    """Return the id of the case that an alert begins."""
    return str(uuid.uuid5(NAMESPACE, f"{alert.account}\x1f{alert.id}"))


def joins(first_event_at: int, alert: Alert, window_ms: int) -> bool:
    """Return whether an alert belongs to the latest case of its account.

    Args:
        first_event_at: Event time of the first alert of the case.
        alert: The alert.
        window_ms: The time after the first alert within which alerts belong to its case; earlier ones do as well.
    """
    return alert.transaction.created_at <= first_event_at + window_ms


def rank_of(detected_at: int, severity: int, amount: float) -> int:
    """Return the rank of a case in the queue: the least is the most urgent, and it never changes with time.

    It is the time of the first alert in milliseconds, put back by 8 hours for each step of severity and by 4 hours for
    each power of ten of the amount: a case gains on others by waiting, without being ranked again.

    Args:
        detected_at: Detection of the first alert.
        severity: Index of the worst severity.
        amount: Amount at risk, in units of its currency.
    """
    hours = SEVERITY_HOURS * severity + AMOUNT_HOURS * math.log10(1 + max(amount, 0.0))
    return detected_at - round(hours * HOUR)


@dataclass(frozen=True)
class CaseState:
    """State of a case by the decisions of people.

    Attributes:
        assignee: The person who has claimed it.
        claimed_at: When.
        verdict: The verdict in force; None for none.
        reason: Its reason.
        decided_by: Who decided.
        decided_at: When.
        decided_alerts: The number of alerts that it is about.
        proposal: Id of a decision that waits for a second person.
        proposed_by: Who made that one.
        proposed_verdict: Its verdict.
        proposed_reason: Its reason.
        proposed_alerts: The number of alerts that it is about.
    """

    assignee: str | None = None
    claimed_at: int | None = None
    verdict: str | None = None
    reason: str | None = None
    decided_by: str | None = None
    decided_at: int | None = None
    decided_alerts: int = 0
    proposal: str | None = None
    proposed_by: str | None = None
    proposed_verdict: str | None = None
    proposed_reason: str | None = None
    proposed_alerts: int = 0


class Refused(Exception):  # noqa: N818 - reads as what happened
    """A decision has no effect, as another one came first; the text says why."""


def apply(state: CaseState, decision: Decision, claim_ms: int) -> CaseState:
    """Return the state of a case after a decision.

    Args:
        state: Before it.
        decision: The decision.
        claim_ms: How long a claim lasts.

    Raises:
        Refused: It can't take effect any more.
    """
    holder = state.assignee if decision.at < (state.claimed_at or 0) + claim_ms else None
    match decision.action:
        case action if action == CLAIM:
            if holder not in (None, decision.by):
                raise Refused(f"{holder} has claimed the case")
            return replace(state, assignee=decision.by, claimed_at=decision.at)
        case action if action == RELEASE:
            return replace(state, assignee=None, claimed_at=None)
        case action if action == DECIDE:
            return _decide(state, decision, holder)
        case action if action in (APPROVE, REJECT):
            return _answer(state, decision)
    return state


def _decide(state: CaseState, decision: Decision, holder: str | None) -> CaseState:
    if holder not in (None, decision.by):
        raise Refused(f"{holder} has claimed the case")
    if decision.needs_approval:
        return replace(
            state,
            proposal=decision.id,
            proposed_by=decision.by,
            proposed_verdict=decision.verdict or UNKNOWN,
            proposed_reason=decision.reason,
            proposed_alerts=decision.alerts,
            assignee=None,
            claimed_at=None,
        )
    return CaseState(
        verdict=decision.verdict or UNKNOWN,
        reason=decision.reason,
        decided_by=decision.by,
        decided_at=decision.at,
        decided_alerts=decision.alerts,
    )


def _answer(state: CaseState, decision: Decision) -> CaseState:
    if state.proposal is None or state.proposal != decision.decision:
        raise Refused("the decision does not wait for an approval any more")
    if state.proposed_by == decision.by:
        raise Refused("a second person has to approve: you made the decision yourself")
    if decision.action == APPROVE:
        return CaseState(
            verdict=state.proposed_verdict,
            reason=state.proposed_reason,
            decided_by=state.proposed_by,
            decided_at=decision.at,
            decided_alerts=state.proposed_alerts,
        )
    return replace(
        state,
        proposal=None,
        proposed_by=None,
        proposed_verdict=None,
        proposed_reason=None,
        proposed_alerts=0,
    )


def status_of(state: CaseState, undecided_alerts: int, unsnoozed_alerts: int) -> str:
    """Return the status of a case.

    Args:
        state: What decisions make of it.
        undecided_alerts: Number of its alerts that the verdict in force is not about.
        unsnoozed_alerts: Number of those that are not snoozed.
    """
    if state.proposal is not None:
        return APPROVAL
    if unsnoozed_alerts:
        return CLAIMED if state.assignee else OPEN
    return SNOOZED if undecided_alerts else CLOSED
