"""Queries of the live page: alerts as they come, and rates."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row, func, select

from services.console.clock import MINUTE
from services.console.storage.tables import alerts, transactions

SHOWN = 30
_POSITIONS = re.compile(r"(\d{1,6}:\d{1,18})(,\d{1,6}:\d{1,18})*")


def parse_event_id(text: str) -> dict[int, int] | None:
    """Return the next offset by partition in the id of an event; None where it is none."""
    if len(text) > 20_000 or not _POSITIONS.fullmatch(text):
        return None
    return {int(number): int(offset) for number, offset in (part.split(":") for part in text.split(","))}


def event_id(positions: Mapping[int, int]) -> str:
    """Return the id of an event: the next offset of each partition. A browser that comes back misses nothing."""
    return ",".join(f"{number}:{offset}" for number, offset in sorted(positions.items()))


def alerts_from(
    connection: Connection, positions: Mapping[int, int], ends: Mapping[int, int], limit: int
) -> Sequence[Row[Any]]:
    """Return the alerts from some offsets on, those of each partition in their order.

    Args:
        connection: Of the database.
        positions: The first offset by partition; a partition that is not there is new, and read from its beginning.
        ends: The next offset to project by partition.
        limit: The largest number of alerts.
    """
    found: list[Row[Any]] = []
    # A query for each partition is a look into an index; one for all of them passes over every alert.
    for number, end in sorted(ends.items()):
        if positions.get(number, 0) < end and len(found) < limit:
            found += connection.execute(
                select(alerts, transactions.c.amount, transactions.c.currency)
                .join(transactions, transactions.c.id == alerts.c.transaction_id)
                .where(alerts.c.partition == number, alerts.c.offset >= positions.get(number, 0))
                .order_by(alerts.c.offset)
                .limit(limit - len(found))
            )
    return found


def latest_alerts(connection: Connection) -> Sequence[Row[Any]]:
    """Return the latest alerts, the newest first."""
    return connection.execute(
        select(alerts, transactions.c.amount, transactions.c.currency)
        .join(transactions, transactions.c.id == alerts.c.transaction_id)
        .order_by(alerts.c.detected_at.desc())
        .limit(SHOWN)
    ).all()


def alerts_by_rule(connection: Connection, now: int, minutes: int) -> list[tuple[str, list[int]]]:
    """Return by rule its alerts in each of the last minutes, the oldest first; the rule with most of them first."""
    first = now // MINUTE - minutes + 1
    minute = func.floor(alerts.c.detected_at / MINUTE)
    rows = connection.execute(
        select(alerts.c.rule, minute, func.count())
        .where(alerts.c.detected_at >= first * MINUTE)
        .group_by(alerts.c.rule, minute)
    )
    found: dict[str, list[int]] = {}
    for rule, number, count in rows:
        found.setdefault(rule, [0] * minutes)[min(max(int(number) - first, 0), minutes - 1)] += count
    return sorted(found.items(), key=lambda item: (-sum(item[1]), item[0]))


def latencies(connection: Connection, now: int) -> list[int]:
    """Return the time from payment to alert of the alerts of the last minute, ascending, in milliseconds."""
    rows = connection.scalars(
        select(alerts.c.detected_at - alerts.c.event_at)
        .where(alerts.c.detected_at >= now - MINUTE)
        .order_by(alerts.c.detected_at.desc())
        .limit(5000)
    )
    return sorted(rows)
