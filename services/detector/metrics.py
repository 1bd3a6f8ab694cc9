"""What the detector measures besides the loop."""

from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge

from services.detector.windows import WindowState
from services.streaming.handler import Partition


class DetectorMetrics:
    """Committed verdicts, what rules do, and what windows hold.

    Args:
        registry: Where the metrics are collected, one per process.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self.verdicts = Counter("verdicts", "Transactions judged and committed.", ["verdict"], registry=registry)
        self.age = Gauge(
            "newest_verdict_age_seconds",
            "At its commit, the time since the newest judged transaction was created: the end-to-end latency.",
            registry=registry,
        )
        self.judged = Counter(
            "judged", "Transactions judged, by the version of the rules.", ["version"], registry=registry
        )
        self.fired = Counter("rule_fired", "Transactions that a rule fired on.", ["rule", "mode"], registry=registry)
        self.late = Counter(
            "late_transactions", "Judged although later than ALLOWED_LATENESS.", ["topic"], registry=registry
        )
        self.mixed = Counter(
            "mixed_versions",
            "Transactions whose later stages went by other rules than the first, as those were not known any more.",
            registry=registry,
        )
        self.reloads = Counter(
            "rules_reloads", "Changes of the rules file, taken or refused.", ["result"], registry=registry
        )
        self._version = Gauge("rules_in_use", "How many rules hold, by their version.", ["version"], registry=registry)
        window = ["topic", "partition"]
        self._entries = Gauge("window_entries", "Transactions kept in windows.", window, registry=registry)
        self._bytes = Gauge("window_bytes", "Memory that windows take, estimated.", window, registry=registry)
        self._oldest = Gauge(
            "window_oldest_timestamp_seconds", "Event time of the oldest transaction kept.", window, registry=registry
        )

    def rules(self, version: str, count: int) -> None:
        """Other rules hold."""
        self._version.clear()
        self._version.labels(version=version).set(count)

    def count(self, counts: Mapping[tuple[str, ...], int]) -> None:
        """Adds what a committed transaction did: by kind and labels."""
        for (kind, *labels), number in counts.items():
            match kind:
                case "verdict":
                    self.verdicts.labels(*labels).inc(number)
                case "judged":
                    self.judged.labels(*labels).inc(number)
                case "fired":
                    self.fired.labels(*labels).inc(number)
                case "late":
                    self.late.labels(*labels).inc(number)
                case "mixed":
                    self.mixed.inc(number)

    def note_windows(self, partition: Partition, state: WindowState) -> None:
        """What the windows of a partition hold now."""
        labels = partition[0], str(partition[1])
        self._entries.labels(*labels).set(state.entries)
        self._bytes.labels(*labels).set(state.bytes)
        self._oldest.labels(*labels).set((state.oldest_ms or 0) / 1000)

    def forget_windows(self, partition: Partition) -> None:
        """The windows of a partition are somebody else's."""
        labels = partition[0], str(partition[1])
        for gauge in (self._entries, self._bytes, self._oldest):
            if labels in gauge._metrics:  # noqa: SLF001 - remove() raises for what was never set
                gauge.remove(*labels)
