"""Explains the receivers of an alert: the same decisions as the dispatcher's, in words. Pure."""

from collections.abc import Iterator

from services.notifier.alert import Alert
from services.notifier.events import moment
from services.notifier.masking import masked
from services.notifier.model import Notifications, Receiver, Route
from services.notifier.silences import Silences


def explain(notifications: Notifications, silences: Silences, alert: Alert, now: float) -> Iterator[str]:
    """Yield the lines that say who would be told of an alert.

    Args:
        notifications: The notifications file.
        silences: The silences.
        alert: The alert.
        now: When it comes, in seconds since the epoch.
    """
    yield f"alert {alert.id}: {alert.severity} {alert.rule}: {alert.reason}"
    yield from _walked(notifications.route, alert, 0)
    if silence := silences.silencing(alert, now):
        yield f"silenced until {moment(silence.ends_at):%Y-%m-%d %H:%M} UTC by {silence.author}: {silence.reason}"
    for inhibition in notifications.inhibitions:
        if inhibition.target.matches(alert) and not inhibition.source.matches(alert):
            yield (f"nobody is told within {_seconds(inhibition.duration)} after an alert with {inhibition.source}, "
                   f"and the same {', '.join(inhibition.equal)}")  # fmt: skip
    receivers: set[str] = set()
    for route in notifications.route.taking(alert):
        for name in route.receivers:
            if name not in receivers:
                receivers.add(name)
                yield from _notified(notifications.receivers[name], route, alert, now)
    if not receivers:
        yield "nobody would be told: no route that takes it has a receiver"


def _walked(route: Route, alert: Alert, depth: int) -> Iterator[str]:
    """Yield a line for each route that was tried, as far as one took the alert."""
    matches = route.matcher.matches(alert)
    yield f"{'  ' * depth}route {route.name}: {'takes' if matches else 'does not take'} {route.matcher}"
    if not matches:
        return
    for child in route.routes:
        yield from _walked(child, alert, depth + 1)
        if child.matcher.matches(alert) and not child.continues:
            break


def _notified(receiver: Receiver, route: Route, alert: Alert, now: float) -> Iterator[str]:
    at = route.timing.flush_at(now, None)
    labels = ", ".join(f"{name} {alert.label(name) or 'none'}" for name in route.group_by) or "all alerts of the route"
    yield f"{receiver.name} would be told {_when(at - now)}, by route {route.name}, together with {labels}"
    for field in receiver.mask:
        yield f"  {field} would be shown as {masked(str(alert.value(field)))}"
    if receiver.fallback:
        yield f"  if that fails for {_seconds(receiver.retry_for)}, {receiver.fallback} would be told instead"


def _when(seconds: float) -> str:
    return "at once" if seconds < 1 else f"after {_seconds(seconds)}"


def _seconds(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
