"""What the generator measures."""

from prometheus_client import CollectorRegistry, Counter, Gauge


class GeneratorMetrics:
    """Counts of transactions, and how well the schedule is kept.

    Args:
        registry: Where the metrics are collected, one per process.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self.produced = Counter(
            "generated_transactions", "Transactions handed to the Kafka producer.", registry=registry
        )
        self.labels = Counter("generated_labels", "Labels handed to the Kafka producer.", registry=registry)
        self.failed = Counter("delivery_failures", "Messages that the broker did not take.", registry=registry)
        self.lateness = Gauge(
            "schedule_lateness_seconds", "How far the newest transaction is behind its schedule.", registry=registry
        )
        self.queued = Gauge("producer_queue_messages", "Messages not yet acknowledged.", registry=registry)
