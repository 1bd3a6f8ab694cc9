"""The page that says why the verdict of a transaction is what it is, and the way from an alert to its case."""

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from services.console.clock import DAY, now_ms
from services.console.queries.case import case_of_alert, stored_transaction
from services.console.records import Transaction
from services.console.security.roles import VIEWER
from services.console.web.context import Console, console_of
from services.console.web.protection import page
from services.console.web.rendering import render
from services.errors import ExpectedError


@page(VIEWER)
def show_alert(request: Request) -> Response | None:
    """Go to the case of an alert: links in notifications know the alert alone."""
    with console_of(request).read() as connection:
        case = case_of_alert(connection, str(request.path_params["alert"]))
    return None if case is None else RedirectResponse(f"/cases/{case}", status_code=303)


@page(VIEWER)
def show_transaction(request: Request) -> Response:
    """Show a transaction; its explanation follows as a fragment, as it is evaluated again from the topics."""
    identifier = str(request.path_params["transaction"])
    return render(
        request,
        "transaction.html",
        {"title": "Why?", "identifier": identifier, "transaction": _known(console_of(request), identifier)},
    )


@page(VIEWER)
def show_explanation(request: Request) -> Response:
    """Show why the verdict of a transaction is what it is, as a fragment of its page."""
    console = console_of(request)
    identifier = str(request.path_params["transaction"])
    known = _known(console, identifier)
    since = known.created_at if known else now_ms() - DAY
    try:
        found = console.explain(identifier, since)
    except ExpectedError as error:
        return render(request, "explanation.html", {"found": None, "text": str(error)})
    return render(request, "explanation.html", {"found": found, "text": ""})


def _known(console: Console, identifier: str) -> Transaction | None:
    """Return a transaction of the database or of those in memory."""
    with console.read() as connection:
        stored = stored_transaction(connection, identifier)
    return stored or next(iter(console.recent.find([identifier])), None)
