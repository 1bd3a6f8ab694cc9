"""Pages of rules, of people, and of the audit log."""

from sqlalchemy import select
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from services.console.backtests.manager import latest_backtests
from services.console.clock import DAY
from services.console.queries.rules import rule_versions
from services.console.security import people
from services.console.security.roles import ADMIN, LEAD, ROLES, VIEWER
from services.console.storage.tables import audit, rules_files, users
from services.console.web.context import console_of, log_action, session_of
from services.console.web.protection import Form, page
from services.console.web.rendering import render

SHOWN_ENTRIES = 200
INVITATION_MS = 3 * DAY


@page(VIEWER)
def show_rules(request: Request) -> Response:
    """Show every version of every rule, and how right it was."""
    console = console_of(request)
    with console.read() as connection:
        versions = rule_versions(connection)
        files = connection.execute(
            select(rules_files.c.digest, rules_files.c.seen_at).order_by(rules_files.c.seen_at.desc()).limit(50)
        ).all()
        backtests = latest_backtests(connection)
    return render(
        request,
        "rules.html",
        {
            "title": "Rules",
            "current": [version for version in versions if version.is_current],
            "earlier": [version for version in versions if not version.is_current],
            "files": files,
            "backtests": backtests,
            "rules_file": console.settings.rules_file.name,
        },
    )


@page(ADMIN)
def show_people(request: Request) -> Response:
    """Show the users."""
    with console_of(request).read() as connection:
        listed = connection.execute(select(users).order_by(users.c.name)).all()
    return render(request, "people.html", {"title": "People", "people": listed, "roles": ROLES, "invitation": ""})


@page(ADMIN)
def invite(request: Request, form: Form) -> Response:
    """Make a one-time link by which a person gets a user."""
    console, role = console_of(request), form.get("role", "")
    if role not in ROLES:
        return RedirectResponse("/people", status_code=303)
    with console.write() as connection:
        token = people.create_link(connection, role, INVITATION_MS, by=session_of(request).user)
        log_action(connection, request, "invited", role)
        listed = connection.execute(select(users).order_by(users.c.name)).all()
    link = f"{console.settings.url}/link?token={token}"
    return render(request, "people.html", {"title": "People", "people": listed, "roles": ROLES, "invitation": link})


@page(ADMIN)
def change_person(request: Request, form: Form) -> Response:
    """Change the role of a user, or take the access away."""
    name, role = request.path_params["name"], form.get("role", "")
    disabled = form.get("disabled") == "1"
    if role in ROLES:
        with console_of(request).write() as connection:
            if not people.change_user(connection, name, role=role, disabled=disabled):
                text = "No admin would be left."
                return render(request, "message.html", {"title": "Not done", "text": text, "back": "/people"}, 409)
            log_action(connection, request, "user changed", f"{name}: {role}{', disabled' if disabled else ''}")
    return RedirectResponse("/people?done=saved", status_code=303)


@page(LEAD)
def show_audit(request: Request) -> Response:
    """Show the latest entries of the audit log."""
    with console_of(request).read() as connection:
        entries = connection.execute(select(audit).order_by(audit.c.id.desc()).limit(SHOWN_ENTRIES)).all()
    return render(request, "audit.html", {"title": "Audit log", "entries": entries})
