"""The pages of backtests: a changed rules file on the last days, compared with the one in force."""

import difflib
import math
from collections.abc import Iterator, Mapping
from itertools import groupby
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from services.console.backtests.manager import Backtest, BacktestRefusedError, find_backtest, rules_in_force
from services.console.security.roles import LEAD, VIEWER
from services.console.web.context import console_of, log_action, session_of
from services.console.web.protection import Form, page
from services.console.web.rendering import render

MAX_RULES_BYTES = 131_072
MAX_DAYS = 366
_FORM_BYTES = 4 * MAX_RULES_BYTES
"""A form has up to three bytes for one of the file, and six for a line feed."""


@page(LEAD)
def show_form(request: Request) -> Response:
    """Show the form, with the rules in force to be changed."""
    with console_of(request).read() as connection:
        text = rules_in_force(connection)
    return _form(request, text, 1.0)


@page(LEAD, form_bytes=_FORM_BYTES)
def start_backtest(request: Request, form: Form) -> Response:
    """Start a backtest of the rules in the form."""
    text, days = form.get("rules", "").replace("\r\n", "\n"), _days(form.get("days", ""))
    if days is None:
        return _form(request, text, 1.0, f"Days: expected a number above 0 and up to {MAX_DAYS}.")
    if not text.strip() or len(text.encode()) > MAX_RULES_BYTES:
        return _form(request, text[:MAX_RULES_BYTES], days, f"Rules: expected a file of up to {MAX_RULES_BYTES} bytes.")
    console = console_of(request)
    try:
        identifier = console.backtests.start(session_of(request).user, text, 24 * days)
    except BacktestRefusedError as error:
        return _form(request, text, days, f"Not started: {error}.", 409)
    with console.write() as connection:
        log_action(connection, request, "backtest started", f"{identifier}: {days:g} days")
    return RedirectResponse(f"/backtests/{identifier}", status_code=303)


@page(VIEWER)
def show_backtest(request: Request) -> Response | None:
    """Show a backtest: how far it is, or what came out."""
    found = _found(request)
    if found is None:
        return None
    difference = difflib.unified_diff(
        found.in_force.splitlines(), found.changed.splitlines(), "in force", "changed", n=2, lineterm=""
    )
    values = _values(found) | {"title": "Backtest", "difference": "\n".join(difference), "text": found.changed,
                               "days": found.hours / 24, "problem": ""}  # fmt: skip
    return render(request, "backtest.html", values)


@page(VIEWER)
def show_progress(request: Request) -> Response | None:
    """Show the changing part of a backtest's page, as a fragment."""
    found = _found(request)
    return None if found is None else render(request, "backtest_state.html", _values(found))


@page(LEAD)
def stop_backtest(request: Request, _form: Form) -> Response | None:
    """End a backtest."""
    console, found = console_of(request), _found(request)
    if found is None:
        return None
    if console.backtests.stop(found.id):
        with console.write() as connection:
            log_action(connection, request, "backtest stopped", found.id)
    return RedirectResponse(f"/backtests/{found.id}", status_code=303)


def _found(request: Request) -> Backtest | None:
    with console_of(request).read() as connection:
        return find_backtest(connection, str(request.path_params["backtest"]))


def _values(found: Backtest) -> dict[str, Any]:
    return {
        "backtest": found,
        "result": found.result,
        "examples": dict(_examples(found.result)),
        "precision": precision,
    }


def _examples(result: Mapping[str, Any]) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Yield the examples of each rule."""
    for rule, examples in groupby(result.get("examples", ()), lambda example: str(example["rule"])):
        yield rule, list(examples)


def precision(count: Mapping[str, Any]) -> str:
    """Return the share of fraud among the transactions that have a label, with their number; a dash without any."""
    if not count["known"]:
        return "\u2013"
    return f"{count['fraud'] / count['known']:.0%} of {count['known']:,}"


def _form(request: Request, text: str, days: float, problem: str = "", status: int = 200) -> Response:
    values = {"title": "Backtest a change", "text": text, "days": days, "problem": problem}
    return render(request, "backtest_form.html", values, 422 if problem and status == 200 else status)


def _days(text: str) -> float | None:
    try:
        days = float(text)
    except ValueError:
        return None
    return days if math.isfinite(days) and 0 < days <= MAX_DAYS else None
