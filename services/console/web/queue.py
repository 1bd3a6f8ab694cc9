"""The queue's pages and forms."""

from typing import Any

from sqlalchemy import delete, select
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from services.console.queries.case import find_case
from services.console.queries.queue import COUNTED, PAGE, VIEWS, Filter, due_at, queue_page
from services.console.records import CLAIM, DECIDE, RELEASE, UNKNOWN
from services.console.security.roles import ANALYST, VIEWER
from services.console.storage.database import upsert
from services.console.storage.tables import filters, rule_counts
from services.console.web.actions import Action, Impossible, perform
from services.console.web.context import console_of, log_action, session_of
from services.console.web.protection import Form, page
from services.console.web.rendering import REASONS, render

MAX_BULK = 200


@page(VIEWER)
def show_queue(request: Request) -> Response:
    """Show a page of the queue."""
    console = console_of(request)
    scale = console.options.scale
    selection = Filter.of(request.query_params, scale)
    with console.read() as connection:
        listed = queue_page(connection, selection)
        saved = connection.execute(
            select(filters.c.name, filters.c.query)
            .where(filters.c.user == session_of(request).user)
            .order_by(filters.c.name)
        ).all()
        rules = connection.scalars(select(rule_counts.c.rule).distinct().order_by(rule_counts.c.rule)).all()
    return render(
        request,
        "queue.html",
        {
            "title": VIEWS[selection.view][0],
            "selection": selection,
            "cases": listed.cases,
            "total": listed.total,
            "counted": COUNTED,
            "views": [(name, title, listed.views[name]) for name, (title, _) in VIEWS.items()],
            "first": selection.page * PAGE + 1,
            "last": selection.page * PAGE + len(listed.cases),
            "query": lambda **changes: selection.query(scale, **changes),
            "minimum": selection.minimum // 10**scale or "",
            "saved": saved,
            "rules": rules,
            "due": lambda case: due_at(case.detected_at, case.severity, console.settings.sla_hours),
        },
    )


@page(ANALYST)
def change_many(request: Request, form: Form) -> Response:
    """Do the same with each of the selected cases."""
    console = console_of(request)
    selected, action = form.all("case")[:MAX_BULK], form.get("action", "")
    verdict, _, reason = form.get("verdict", "").partition(":")
    known = {value for value, _ in REASONS.get(verdict, ())}
    if action not in (CLAIM, RELEASE) and not (action == DECIDE and reason in known):
        return back(request, form, "refused")
    for identifier in selected:
        with console.read() as connection:
            case = find_case(connection, identifier)
        if case is None:
            continue
        details: dict[str, Any] = {}
        if action == DECIDE:
            details = {"verdict": verdict or UNKNOWN, "reason": reason, "alerts": case.alerts}
        try:
            perform(request, case, Action(action, details))
        except Impossible:
            continue  # another person has it: the rest goes on
    return back(request, form, "bulk" if selected else "")


@page(VIEWER)
def save_filter(request: Request, form: Form) -> Response:
    """Save the filter of the page under a name; without a name, delete the one of `remove`."""
    console, user = console_of(request), session_of(request).user
    name = form.get("name", "").strip()[:64]
    query = Filter.of(_filter_fields(form), console.options.scale).query(console.options.scale, page=0)
    with console.write() as connection:
        if remove := form.get("remove"):
            connection.execute(delete(filters).where(filters.c.user == user, filters.c.name == remove))
            log_action(connection, request, "filter removed", remove)
        elif name:
            upsert(connection, filters, [{"user": user, "name": name, "query": query}])
            log_action(connection, request, "filter saved", name)
    return back(request, form, "saved")


def _filter_fields(form: Form) -> dict[str, str]:
    """Return the fields of a filter in a form."""
    return {name: value for name, value in form.items() if name in vars(Filter())}


def back(request: Request, form: Form, done: str) -> Response:
    """Return to the queue as the form was made from it."""
    scale = console_of(request).options.scale
    query = Filter.of(_filter_fields(form), scale).query(scale)
    parts = [part for part in (query, f"done={done}" if done else "") if part]
    return RedirectResponse("/" + (f"?{'&'.join(parts)}" if parts else ""), status_code=303)
