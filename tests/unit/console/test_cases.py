"""Decisions and the case that they change."""

import uuid

import pytest

from services.console.cases import (
    APPROVAL,
    CLAIMED,
    CLOSED,
    HOUR,
    OPEN,
    SNOOZED,
    CaseState,
    Refused,
    apply,
    case_id,
    joins,
    rank_of,
    status_of,
)
from services.console.records import APPROVE, CLAIM, DECIDE, FRAUD, NOTE, REJECT, RELEASE, Decision
from tests.support.console import alert

CLAIM_MS = HOUR


def decision(action: str, by: str = "anna", at: int = 0, **fields: object) -> Decision:
    return Decision(str(uuid.uuid4()), "case", "account", action, by, at, **fields)  # type: ignore[arg-type]


def after(*decisions: Decision) -> CaseState:
    state = CaseState()
    for item in decisions:
        state = apply(state, item, CLAIM_MS)
    return state


def test_a_claim_keeps_others_out_until_it_ends() -> None:
    claimed = after(decision(CLAIM, at=10))
    assert claimed.assignee == "anna"
    for action in (CLAIM, DECIDE):
        with pytest.raises(Refused, match="anna has claimed"):
            apply(claimed, decision(action, "ben", at=20), CLAIM_MS)
    assert apply(claimed, decision(CLAIM, "ben", at=10 + CLAIM_MS), CLAIM_MS).assignee == "ben"


def test_a_released_case_may_be_claimed() -> None:
    assert after(decision(CLAIM), decision(RELEASE), decision(CLAIM, "ben", 1)).assignee == "ben"


def test_a_verdict_holds_for_the_alerts_that_were_seen() -> None:
    state = after(decision(DECIDE, verdict=FRAUD, reason="money-mule", alerts=3, at=5))
    assert (state.verdict, state.reason, state.decided_by, state.decided_at) == (FRAUD, "money-mule", "anna", 5)
    assert state.decided_alerts == 3
    assert status_of(state, 0, 0) == CLOSED
    assert status_of(state, 1, 1) == OPEN


def test_a_verdict_above_the_limit_waits_for_a_second_person() -> None:
    proposal = decision(DECIDE, verdict=FRAUD, alerts=2, needs_approval=True)
    waiting = after(proposal)
    assert waiting.verdict is None
    assert status_of(waiting, 2, 2) == APPROVAL
    with pytest.raises(Refused, match="a second person"):
        apply(waiting, decision(APPROVE, decision=proposal.id), CLAIM_MS)
    approved = apply(waiting, decision(APPROVE, "ben", 9, decision=proposal.id), CLAIM_MS)
    assert (approved.verdict, approved.decided_by, approved.decided_alerts) == (FRAUD, "anna", 2)


def test_a_rejected_proposal_leaves_the_case_open() -> None:
    proposal = decision(DECIDE, verdict=FRAUD, needs_approval=True)
    assert after(proposal, decision(REJECT, "ben", decision=proposal.id)) == CaseState()


def test_an_answer_to_another_proposal_has_no_effect() -> None:
    waiting = after(decision(DECIDE, verdict=FRAUD, needs_approval=True))
    with pytest.raises(Refused, match="does not wait"):
        apply(waiting, decision(APPROVE, "ben", decision=str(uuid.uuid4())), CLAIM_MS)


def test_a_note_changes_nothing() -> None:
    assert after(decision(NOTE, note="called")) == CaseState()


def test_a_case_is_snoozed_while_all_new_alerts_are() -> None:
    assert status_of(CaseState(), 2, 0) == SNOOZED
    assert status_of(CaseState(assignee="anna"), 2, 1) == CLAIMED


def test_alerts_belong_to_a_case_for_a_time_after_its_first() -> None:
    assert joins(1000, alert(at=1000 + HOUR), HOUR)
    assert joins(1000, alert(at=500), HOUR)
    assert not joins(1000, alert(at=1001 + HOUR), HOUR)


def test_the_id_of_a_case_follows_from_its_first_alert() -> None:
    assert case_id(alert(at=1)) == case_id(alert(at=2))
    assert case_id(alert(number=1)) != case_id(alert(number=2))


def test_rank_goes_by_severity_amount_and_age() -> None:
    worse, larger, older = rank_of(0, 3, 10), rank_of(0, 2, 1000), rank_of(-24 * HOUR, 2, 10)
    plain = rank_of(0, 2, 10)
    assert max(worse, larger, older) < plain
    assert rank_of(0, 2, 99) - rank_of(0, 2, 999) == 4 * HOUR  # ten times the amount (and one) is four hours
    assert rank_of(0, 0, -5) == 0
