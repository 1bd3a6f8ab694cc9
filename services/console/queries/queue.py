"""The queue: open cases by rank, filtered."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, func, or_, select, union_all

from services.console.cases import APPROVAL, CLAIMED, CLOSED, OPEN, SNOOZED
from services.console.clock import HOUR
from services.console.records import SEVERITIES
from services.console.storage.tables import case_rules, cases

PAGE = 50
COUNTED = 20_000

VIEWS: dict[str, tuple[str, tuple[str, ...]]] = {
    "active": ("To do", (OPEN, CLAIMED, APPROVAL)),
    "approval": ("Needs approval", (APPROVAL,)),
    "snoozed": ("Snoozed", (SNOOZED,)),
    "closed": ("Closed", (CLOSED,)),
}
"""Views of the queue: the title, and the statuses of its cases."""


@dataclass(frozen=True)
class Filter:
    """A selection of cases, as the address of the page has it.

    Attributes:
        view: One of `VIEWS`.
        severity: Name of the least severity; empty for any.
        rule: A rule that fired in the case; empty for any.
        account: An account, or its beginning with `*`; empty for any.
        assignee: Who has claimed it: a name, or `-` for no person; empty for any.
        minimum: Least amount at risk, in minor units; 0 for any.
        page: Number of the page, from 0 on.
    """

    view: str = "active"
    severity: str = ""
    rule: str = ""
    account: str = ""
    assignee: str = ""
    minimum: int = 0
    page: int = 0

    @classmethod
    def of(cls, query: Mapping[str, str], scale: int) -> "Filter":
        """Return the filter of a query; a value that makes no sense selects nothing special."""
        view, severity = query.get("view", "active"), query.get("severity", "").upper()
        return cls(
            view=view if view in VIEWS else "active",
            severity=severity if severity in SEVERITIES else "",
            rule=query.get("rule", "").strip()[:200],
            account=query.get("account", "").strip()[:200],
            assignee=query.get("assignee", "").strip()[:64],
            minimum=_minor(query.get("minimum", ""), scale),
            page=_number(query.get("page", "")),
        )

    def query(self, scale: int, **changes: Any) -> str:
        """Return the query of the address, with changes."""
        values = vars(self) | {"minimum": self.minimum // 10**scale} | changes
        defaults = vars(Filter())
        return urlencode({name: value for name, value in values.items() if value != defaults[name]})


@dataclass(frozen=True)
class QueuePage:
    """A page of the queue: its cases, the number of all, at most `COUNTED`, and of each view."""

    cases: Sequence[Row[Any]]
    total: int
    views: Mapping[str, int]


def queue_page(connection: Connection, selection: Filter) -> QueuePage:
    """Return a page of the cases that a filter selects, the most urgent first; closed ones the latest first."""
    order = cases.c.decided_at.desc() if selection.view == "closed" else cases.c.rank
    ids = connection.scalars(_page_ids(selection, order)).all()
    rows = connection.execute(select(cases).where(cases.c.id.in_(ids)).order_by(order, cases.c.id)).all()
    # Closed cases grow without end, and their exact number is of no use.
    rows_by_status = connection.execute(
        select(cases.c.status, func.count()).where(cases.c.status != CLOSED).group_by(cases.c.status)
    )
    counts = {row[0]: row[1] for row in rows_by_status}
    views = {name: sum(counts.get(status, 0) for status in statuses) for name, (_, statuses) in VIEWS.items()}
    if selection == Filter(selection.view, page=selection.page) and selection.view != "closed":
        return QueuePage(rows, views[selection.view], views)
    # The exact number of a million closed cases is of no use, and counting them takes half a second.
    counted = select(cases.c.id).where(_condition(selection)).limit(COUNTED).subquery()
    return QueuePage(rows, connection.scalar(select(func.count()).select_from(counted)) or 0, views)


def following(connection: Connection, rank: int, user: str) -> str | None:
    """Return the id of the next case to work on: the most urgent after a rank that no other person has."""
    mine = or_(cases.c.assignee.is_(None), cases.c.assignee == user)
    todo = cases.c.status.in_((OPEN, CLAIMED))
    return connection.scalar(
        select(cases.c.id).where(todo, mine, cases.c.rank > rank).order_by(cases.c.rank).limit(1)
    ) or connection.scalar(select(cases.c.id).where(todo, mine).order_by(cases.c.rank).limit(1))


def due_at(detected_at: int, severity: int, sla_hours: Sequence[float]) -> int:
    """Return when a case should be decided."""
    return detected_at + round(sla_hours[severity] * HOUR)


def _page_ids(selection: Filter, order: ColumnElement[Any]) -> Select[tuple[str]]:
    """Return the query of the ids on a page.

    Cases of one status are in order in an index, so that the first ones of each status are found without the others;
    those of several statuses at once would all be sorted, with their texts. An account has few cases.
    """
    first, statuses = selection.page * PAGE, VIEWS[selection.view][1]
    if selection.account or len(statuses) == 1:
        ordered = select(cases.c.id).where(_condition(selection)).order_by(order, cases.c.id)
        return ordered.limit(PAGE).offset(first)
    parts = [
        select(cases.c.id, order.label("place"))
        .where(cases.c.status == status, *_conditions(selection))
        .order_by(order, cases.c.id)
        .limit(first + PAGE)
        .subquery()
        for status in statuses
    ]
    merged = union_all(*(select(part) for part in parts)).subquery()
    return select(merged.c.id).order_by(merged.c.place, merged.c.id).limit(PAGE).offset(first)


def _condition(selection: Filter) -> ColumnElement[bool]:
    return and_(cases.c.status.in_(VIEWS[selection.view][1]), *_conditions(selection))


def _conditions(selection: Filter) -> list[ColumnElement[bool]]:
    """Return the conditions besides that on the status."""
    parts: list[ColumnElement[bool]] = []
    if selection.severity:
        parts.append(cases.c.severity >= SEVERITIES.index(selection.severity))
    if selection.rule:
        parts.append(cases.c.id.in_(select(case_rules.c.case_id).where(case_rules.c.rule == selection.rule)))
    if selection.account.endswith("*"):
        parts.append(cases.c.account.startswith(selection.account[:-1], autoescape=True))
    elif selection.account:
        parts.append(cases.c.account == selection.account)
    if selection.assignee == "-":
        parts.append(cases.c.assignee.is_(None))
    elif selection.assignee:
        parts.append(cases.c.assignee == selection.assignee)
    if selection.minimum:
        parts.append(cases.c.amount >= selection.minimum)
    return parts


def _minor(text: str, scale: int) -> int:
    try:
        return max(0, min(int(float(text) * 10**scale), 2**62))
    except (ValueError, OverflowError):
        return 0


def _number(text: str) -> int:
    return int(text) if text.isdigit() and len(text) < 6 else 0
