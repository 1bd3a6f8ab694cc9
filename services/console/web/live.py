"""The live page: figures, and alerts as they come."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from services.console.charts.sparkline import draw_bars, draw_rates
from services.console.clock import now_ms
from services.console.formats import money
from services.console.projection.topic_offsets import read_offsets
from services.console.queries.live import (
    alerts_by_rule,
    alerts_from,
    event_id,
    latencies,
    latest_alerts,
    parse_event_id,
)
from services.console.records import SEVERITIES
from services.console.security.roles import VIEWER
from services.console.security.sessions import find_session
from services.console.web.context import Console, console_of
from services.console.web.protection import page, token_of
from services.console.web.rendering import render

RATE_SECONDS, RULE_MINUTES = 120, 30
_EVENTS = 200
_POLL_SECONDS = 0.2
_BEAT_SECONDS = 15.0


@page(VIEWER)
def show_live(request: Request) -> Response:
    """Show the live page as it is now; events go on from there."""
    console = console_of(request)
    with console.read() as connection:
        offsets = read_offsets(connection)
        latest = latest_alerts(connection)
    positions = _of_alerts(console, offsets)
    values = _figures(console) | {"title": "Live", "alerts": latest, "since": event_id(positions)}
    return render(request, "live.html", values)


@page(VIEWER)
def show_figures(request: Request) -> Response:
    """Show the figures of the live page, as a fragment."""
    return render(request, "figures.html", _figures(console_of(request)))


def _figures(console: Console) -> dict[str, Any]:
    now = now_ms()
    with console.read() as connection:
        by_rule = alerts_by_rule(connection, now, RULE_MINUTES)
        times = latencies(connection, now)
    rates = console.recent.rates(RATE_SECONDS)
    legit, fraud = (sum(values[-10:]) / 10 for values in (rates.legit, rates.fraud))
    return {
        "rates": draw_rates(rates.legit, rates.fraud),
        "legit": legit,
        "fraud": fraud,
        "share": fraud / (legit + fraud) if legit + fraud else 0.0,
        "by_rule": [
            (rule, sum(values), draw_bars(values, f"Alerts of {rule} in each of the last {RULE_MINUTES} minutes"))
            for rule, values in by_rule
        ],
        "minutes": RULE_MINUTES,
        "median": times[len(times) // 2] if times else None,
        "p95": times[len(times) * 95 // 100] if times else None,
        "system": console.monitor(),
        "skipped": console.projector.skipped,
    }


@page(VIEWER, wait=True)
async def stream_alerts(request: Request) -> Response:
    """Send alerts as they are projected: from `Last-Event-ID` on, or from the position in `since`."""
    console = console_of(request)
    text = request.headers.get("last-event-id") or request.query_params.get("since", "")
    positions = parse_event_id(text)
    if positions is None:
        with console.read() as connection:
            positions = _of_alerts(console, read_offsets(connection))
    return StreamingResponse(
        _events(console, request.app.state.feed, token_of(request) or "", positions),
        media_type="text/event-stream",
        headers={"x-accel-buffering": "no"},
    )


async def _events(console: Console, feed: "AlertFeed", token: str, positions: dict[int, int]) -> AsyncIterator[str]:
    version, quiet = -1, 0.0
    yield "retry: 1000\n\n"
    while True:
        if version == console.projector.version:
            await asyncio.sleep(_POLL_SECONDS)
            quiet += _POLL_SECONDS
            if quiet >= _BEAT_SECONDS:
                quiet = 0.0
                # A session that has ended, or a user who was disabled, gets nothing more.
                if not await run_in_threadpool(_is_live, console, token):
                    return
                yield ": beat\n\n"
            continue
        version = console.projector.version
        while events := await feed.read(version, positions):
            for partition, offset, data in events:
                positions[partition] = offset + 1
                yield f"id: {event_id(positions)}\nevent: alert\ndata: {data}\n\n"
            if len(events) < _EVENTS:
                break


Events = Sequence[tuple[int, int, str]]
"""Partition, offset and data of alerts."""


class AlertFeed:
    """Reads alerts for the event streams of all browsers: those that are equally far share a read.

    Args:
        console: The parts of the console.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._key: object = None
        self._events: asyncio.Future[Events] | None = None

    async def read(self, version: int, positions: Mapping[int, int]) -> Events:
        """Return the alerts from some offsets on.

        Args:
            version: The version of the projection that has to be seen.
            positions: The first offset by partition.
        """
        key = asyncio.get_running_loop(), version, dict(positions)
        if self._events is None or key != self._key:
            self._key, self._events = key, asyncio.ensure_future(run_in_threadpool(self._read, dict(positions)))
        reading = self._events
        try:
            return await asyncio.shield(reading)  # a browser that leaves must not cancel it for the others
        finally:
            if reading.done() and not reading.cancelled() and reading.exception() and self._events is reading:
                self._events = None

    def _read(self, positions: Mapping[int, int]) -> Events:
        console = self._console
        with console.read() as connection:
            rows = alerts_from(connection, positions, _of_alerts(console, read_offsets(connection)), _EVENTS)
        return [(row.partition, row.offset, json.dumps(_alert(console, row))) for row in rows]


def _is_live(console: Console, token: str) -> bool:
    with console.read() as connection:
        return find_session(connection, token) is not None


def _alert(console: Console, row: Any) -> dict[str, Any]:
    return {
        "case": row.case_id,
        "severity": SEVERITIES[row.severity].lower(),
        "rule": row.rule,
        "account": row.account,
        "reason": row.reason,
        "amount": f"{money(row.amount, console.options.scale)} {row.currency}",
        "at": row.detected_at,
    }


def _of_alerts(console: Console, offsets: dict[tuple[str, int], int]) -> dict[int, int]:
    return {number: offset for (topic, number), offset in offsets.items() if topic == console.settings.alerts_topic}
