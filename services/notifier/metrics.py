"""Metrics of the notifier."""

from collections.abc import Callable, Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

NAMESPACE = "fraud_notifier"

_SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


class NotifierMetrics:
    """Counters and histograms.

    Args:
        registry: Collector registry of the process.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(name, text, labels, namespace=NAMESPACE, registry=registry)

        self.alerts = counter("alerts_read", "Alerts read, again after a restart where they had no outcome.")
        self.unreadable = counter("alerts_unreadable", "Records of the alerts topic that are no alerts.")
        self.outcomes = counter("outcomes", "Notifications that have their outcome, by status.", "receiver", "status")
        self.attempts = counter("attempts", "Attempts to send, by the answer.", "receiver", "answer")
        self.reloads = counter("notifications_file_reloads", "Changed notifications files, by result.", "result")
        self.attempt_seconds = Histogram(
            "attempt_duration_seconds", "Time of an attempt.", ("receiver",), namespace=NAMESPACE, buckets=_SECONDS,
            registry=registry,
        )  # fmt: skip
        self.active = Gauge("active", "1 while this process notifies, 0 while it stands by.", namespace=NAMESPACE,
                            registry=registry)  # fmt: skip


class Waiting(Collector):
    """Notifications that wait, read at each scrape.

    Args:
        state: Returns the numbers; None while the process stands by.
    """

    def __init__(self, state: Callable[[], "WaitingState | None"]) -> None:
        self._state = state

    def collect(self) -> Iterable[Metric]:
        """Return the metrics now."""
        state = self._state()
        numbers = GaugeMetricFamily(
            f"{NAMESPACE}_open_notifications", "Notifications without an outcome.", labels=["receiver"]
        )
        ages = GaugeMetricFamily(
            f"{NAMESPACE}_oldest_notification_age_seconds", "Age of the oldest of them.", labels=["receiver"]
        )
        totals = {
            "unsettled_alerts": "Alerts without an outcome.",
            "open_groups": "Groups of alerts that are open.",
            "active_silences": "Silences that hold now.",
        }
        for name, (number, age) in (state.receivers if state else {}).items():
            numbers.add_metric([name], number)
            ages.add_metric([name], age)
        yield numbers
        yield ages
        for name, text in totals.items():
            yield GaugeMetricFamily(f"{NAMESPACE}_{name}", text, value=float(getattr(state, name)) if state else 0.0)


class WaitingState:
    """Numbers of what waits.

    Args:
        unsettled_alerts: Alerts without an outcome.
        open_groups: Open groups.
        active_silences: Silences that hold.
        receivers: By receiver the notifications without an outcome, and the age in seconds of the oldest.
    """

    def __init__(
        self, unsettled_alerts: int, open_groups: int, active_silences: int, receivers: dict[str, tuple[int, float]]
    ) -> None:
        self.unsettled_alerts = unsettled_alerts
        self.open_groups = open_groups
        self.active_silences = active_silences
        self.receivers = receivers
