"""Templates, and the words and figures in them."""

import json
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse

from services.console.cases import APPROVAL, CLAIMED, CLOSED, OPEN, SNOOZED
from services.console.clock import now_ms
from services.console.formats import duration, moment, money
from services.console.records import FRAUD, NO_FRAUD, SEVERITIES, UNKNOWN
from services.console.web.context import console_of

VERDICTS = {FRAUD: "Fraud", NO_FRAUD: "No fraud", UNKNOWN: "Don't know"}
STATUSES = {OPEN: "Open", CLAIMED: "In work", APPROVAL: "Needs approval", SNOOZED: "Snoozed", CLOSED: "Closed"}
REASONS: dict[str, tuple[tuple[str, str], ...]] = {
    FRAUD: (
        ("account-takeover", "Account takeover"),
        ("money-mule", "Money mule"),
        ("card-testing", "Card testing"),
        ("structuring", "Structuring"),
        ("scam", "Scam: the customer was talked into it"),
        ("other-fraud", "Other fraud"),
    ),
    NO_FRAUD: (
        ("customer-confirmed", "The customer confirmed it"),
        ("known-pattern", "Known pattern of this account"),
        ("business-account", "Business account: usual volume"),
        ("rule-too-broad", "The rule is too broad"),
        ("other-legit", "Other"),
    ),
    UNKNOWN: (
        ("not-enough-data", "Not enough data"),
        ("customer-not-reached", "The customer can't be reached"),
        ("passed-on", "Passed on"),
    ),
}
"""The reasons of a verdict: the value in the record, and the words."""

REASON_WORDS = {value: words for reasons in REASONS.values() for value, words in reasons}


def environment() -> Environment:
    """Return the environment of the templates: everything is escaped that is not marked safe."""
    made = Environment(
        loader=FileSystemLoader(Path(__file__).parents[1] / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {"duration": duration, "moment": moment, "fromjson": json.loads}
    made.globals |= {
        "VERDICTS": VERDICTS,
        "STATUSES": STATUSES,
        "REASONS": REASONS,
        "REASON_WORDS": REASON_WORDS,
        "SEVERITIES": SEVERITIES,
    }
    return made


_TEMPLATES = environment()


def render(request: Request, template: str, values: dict[str, Any], status_code: int = 200) -> HTMLResponse:
    """Return a page.

    Args:
        request: The request.
        template: Name of the template.
        values: Its values.
        status_code: Status of the answer.
    """
    console = console_of(request)
    session = getattr(request.state, "session", None)
    base = {
        "session": session,
        "csrf": session.csrf if session else "",
        "path": request.url.path,
        "now": now_ms(),
        "money": lambda minor: money(minor, console.options.scale),
        "done": DONE.get(request.query_params.get("done", "")),
    }
    return HTMLResponse(_TEMPLATES.get_template(template).render(base | values), status_code=status_code)


DONE = {
    "claimed": "The case is yours.",
    "released": "The case is free again.",
    "decided": "Decided.",
    "proposed": "Decided; a second person has to approve it.",
    "approved": "Approved.",
    "rejected": "Sent back.",
    "noted": "Note added.",
    "snoozed": "Snoozed.",
    "saved": "Saved.",
    "pending": "Recorded in the topic; the page will show it in a moment.",
    "refused": "Not done: another person was faster. The history has the details.",
    "bulk": "Done. Cases that another person has claimed are unchanged.",
}
"""Messages of a page after an action, by the value of `done` in its address."""
