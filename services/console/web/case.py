"""The page of a case, and what people do there."""

import json
import uuid
from typing import Any

from sqlalchemy import Row
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from services.console.charts.account_graph import draw_graph
from services.console.charts.timeline import draw_timeline
from services.console.clock import DAY, now_ms
from services.console.formats import money
from services.console.queries.case import case_page, find_case, stored_of_accounts
from services.console.queries.queue import due_at, following
from services.console.queries.rules import limits_of
from services.console.records import APPROVE, CLAIM, DECIDE, NOTE, REJECT, RELEASE, SNOOZE, Transaction
from services.console.security.roles import ANALYST, VIEWER
from services.console.web.actions import Action, Impossible, needs_approval, perform
from services.console.web.context import Console, console_of, session_of
from services.console.web.protection import Form, page
from services.console.web.rendering import REASONS, render
from services.errors import ExpectedError

MAX_NOTE = 4000
GRAPH_TRANSACTIONS = 400


@page(VIEWER)
def show_case(request: Request) -> Response | None:
    """Show a case."""
    console = console_of(request)
    with console.read() as connection:
        case = find_case(connection, str(request.path_params["case"]))
        if case is None:
            return None
        shown = case_page(connection, case)
        limits = limits_of(connection, [(alert.rule, alert.rule_version) for alert in shown.alerts])
        next_case = following(connection, case.rank, session_of(request).user)
    known = dict(shown.transactions)
    missing = [identifier for identifier in shown.contributors if identifier not in known]
    known |= {transaction.id: transaction for transaction in console.recent.find(missing)}
    latest = shown.alerts[0]
    window = limits.get((latest.rule, latest.rule_version))
    evidence = _evidence(latest, known)
    scale = console.options.scale
    return render(
        request,
        "case.html",
        {
            "title": f"Case {case.account}",
            "case": case,
            "page": shown,
            "latest": latest,
            "figures": _figures(latest, window),
            "timeline": draw_timeline(
                evidence,
                {alert.transaction_id for alert in shown.alerts},
                window.span_ms if window else 0,
                lambda minor: money(minor, scale),
            ),
            "evidence": sorted(evidence, key=lambda transaction: -transaction.created_at),
            "unknown": len(json.loads(latest.contributors)) - sum(i in known for i in json.loads(latest.contributors)),
            "alerted": {alert.transaction_id for alert in shown.alerts},
            "needs_approval": needs_approval(request, case),
            "due": due_at(case.detected_at, case.severity, console.settings.sla_hours),
            "claimed": case.assignee and now_ms() < (case.claimed_at or 0) + console.claim_ms,
            "next_case": next_case,
            "decision_id": str(uuid.uuid4()),
            "amounts": json.loads(case.amounts),
        },
    )


@page(VIEWER)
def show_graph(request: Request) -> Response | None:
    """Show who paid whom around the account of a case, as a fragment of its page."""
    console = console_of(request)
    with console.read() as connection:
        case = find_case(connection, str(request.path_params["case"]))
        if case is None:
            return None
        around = _around(console, connection, {case.account})
        partners = {name for t in around for name in (t.source, t.target)} - {case.account}
        around |= _around(console, connection, set(sorted(partners)[:40]))
    scale = console.options.scale
    graph = draw_graph(list(around), case.account, lambda minor: money(minor, scale))
    return render(request, "graph.html", {"graph": graph})


def _around(console: Console, connection: Any, accounts: set[str]) -> set[Transaction]:
    stored = stored_of_accounts(connection, accounts, GRAPH_TRANSACTIONS)
    return {*stored, *console.recent.of_accounts(accounts, GRAPH_TRANSACTIONS)}


@page(ANALYST)
def change_case(request: Request, form: Form) -> Response | None:
    """Do something with a case."""
    console = console_of(request)
    with console.read() as connection:
        case = find_case(connection, str(request.path_params["case"]))
    if case is None:
        return None
    try:
        action = _action(form, request.path_params["action"], case)
        done = perform(request, case, action)
    except Impossible as error:
        return render(
            request, "message.html", {"title": "Not done", "text": str(error), "back": f"/cases/{case.id}"}, 409
        )
    except ExpectedError as error:
        return render(
            request, "message.html", {"title": "Not recorded", "text": str(error), "back": f"/cases/{case.id}"}, 503
        )
    return RedirectResponse(f"/cases/{case.id}?done={done}", status_code=303)


def _action(form: Form, name: str, case: Row[Any]) -> Action:
    """Return the action of a form.

    Raises:
        Impossible: A field is missing, or has a value that is none.
    """
    note = form.get("note", "").strip()[:MAX_NOTE] or None
    identifier = form.get("id", "")
    match name:
        case "claim" | "release":
            return Action(CLAIM if name == "claim" else RELEASE, id=identifier)
        case "note":
            if note is None:
                raise Impossible("The note is empty.")
            return Action(NOTE, {"note": note}, identifier)
        case "decide":
            verdict, reason = form.get("verdict", ""), form.get("reason", "")
            if reason not in {value for value, _ in REASONS.get(verdict, ())}:
                raise Impossible("Choose a verdict and a reason from the list.")
            seen = form.get("alerts", "")
            alerts = min(int(seen), case.alerts) if seen.isdigit() and len(seen) < 10 else case.alerts
            return Action(DECIDE, {"verdict": verdict, "reason": reason, "note": note, "alerts": alerts}, identifier)
        case "approve" | "reject":
            kind = APPROVE if name == "approve" else REJECT
            return Action(kind, {"decision": case.proposal, "note": note}, identifier)
        case "snooze":
            rule, days = form.get("rule", ""), form.get("days", "")
            if rule not in json.loads(case.rules) or days not in {"0", "1", "7", "30", "90"}:
                raise Impossible("Choose a rule of the case, and a time.")
            return Action(SNOOZE, {"rule": rule, "until": now_ms() + int(days) * DAY, "note": note}, identifier)
    raise Impossible("There is no such action.")


def _evidence(alert: Row[Any], known: dict[str, Transaction]) -> list[Transaction]:
    """Return the transactions in the window of an alert, and its own, by their time."""
    ids = dict.fromkeys([*json.loads(alert.contributors), alert.transaction_id])
    return sorted((known[i] for i in ids if i in known), key=lambda transaction: transaction.created_at)


def _figures(alert: Row[Any], limits: Any) -> list[tuple[str, str, str]]:
    """Return name, value and limit of each figure of an alert; an empty limit where none is known."""
    described = limits.figures if limits else {}
    return [
        (described.get(name, (name, ""))[0], value, described.get(name, ("", ""))[1])
        for name, value in json.loads(alert.figures).items()
    ]
