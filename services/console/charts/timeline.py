"""The transactions of an alert on a line of time, with the rule's window drawn in."""

from collections.abc import Callable, Collection, Sequence

from markupsafe import Markup

from services.console.charts.svg import tag
from services.console.formats import duration, moment
from services.console.records import Transaction

WIDTH, HEIGHT = 960, 168
_LEFT, _RIGHT, _TOP, _BASE = 16, 16, 26, 132
_LEAST_RADIUS, _LARGEST_RADIUS = 3.0, 5.5


def draw_timeline(
    transactions: Sequence[Transaction],
    alerted: Collection[str],
    span_ms: int,
    money: Callable[[int], str],
) -> Markup | None:
    """Return the picture; None where there is no transaction.

    A circle is a transaction: its height is the amount, filled where an alert fired on it.

    Args:
        transactions: By their time.
        alerted: Ids of those on which an alert fired.
        span_ms: Length of the rule's window, which ends with the last transaction; 0 for none.
        money: Shows an amount.
    """
    if not transactions:
        return None
    end = transactions[-1].created_at
    first = transactions[0].created_at
    # A window of 72 h around payments of two minutes would show them as one dot.
    shown = max(end - first, 1)
    begin = end - span_ms if span_ms and span_ms <= 4 * shown else first - max(shown // 20, 1)
    width = max(end - begin, 1)
    largest = max(transaction.amount for transaction in transactions) or 1

    def x(moment_ms: int) -> float:
        return _LEFT + 28 + (WIDTH - _LEFT - _RIGHT - 56) * (moment_ms - begin) / width

    parts = []
    if span_ms:
        left = x(begin) if span_ms <= 4 * shown else _LEFT
        parts.append(
            tag("rect", x=left, y=_TOP - 8, width=x(end) - left, height=_BASE - _TOP + 8, class_="window", rx=3)
        )
        parts.append(tag("text", text=f"window of {duration(span_ms)}", x=left + 8, y=_TOP + 6, class_="caption"))
    parts.append(tag("line", x1=_LEFT, x2=WIDTH - _RIGHT, y1=_BASE, y2=_BASE, class_="axis"))
    captions = [(x(end), moment(end)[5:], "end")]
    if first < end:  # a single moment has no length, and its begin would be the same
        captions += [(x(begin), moment(begin)[5:], "start"), ((x(first) + x(end)) / 2, duration(end - first), "middle")]
    for place, text, anchor in captions:
        parts.append(tag("text", text=text, x=place, y=_BASE + 20, text_anchor=anchor, class_="caption"))
    for transaction in transactions:
        share = transaction.amount / largest
        y = _BASE - 10 - (_BASE - _TOP - 34) * share
        at, paid = x(transaction.created_at), f"{money(transaction.amount)} {transaction.currency}"
        title = f"{moment(transaction.created_at)}  {paid}  {transaction.source} → {transaction.target}"
        kind = "payment alerted" if transaction.id in alerted else "payment"
        radius = _LEAST_RADIUS + (_LARGEST_RADIUS - _LEAST_RADIUS) * share
        parts.append(tag("line", x1=at, x2=at, y1=y, y2=_BASE, class_="stem"))
        parts.append(tag("circle", tag("title", text=title), cx=at, cy=y, r=radius, class_=kind))
    label = (
        f"{len(transactions)} transactions between {moment(first)} and {moment(end)} UTC, "
        f"the largest {money(largest)} {transactions[-1].currency}"
    )
    return tag(
        "svg", *parts, viewBox=f"0 0 {WIDTH} {HEIGHT}", role="img", aria_label=label, class_="timeline",
        preserveAspectRatio="xMidYMid meet",
    )  # fmt: skip
