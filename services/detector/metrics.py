"""What the detector measures besides the loop."""

from prometheus_client import CollectorRegistry, Counter, Gauge


class DetectorMetrics:
    """Counts of committed verdicts, and how old the newest of them is.

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
