"""Metrics of the generator."""

from prometheus_client import CollectorRegistry, Counter, Gauge

NAMESPACE = "fraud_generator"


class GeneratorMetrics:
    """Metrics with the prefix `fraud_generator_`.

    Args:
        registry: Collector registry of the process.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        def counter(name: str, text: str) -> Counter:
            return Counter(name, text, namespace=NAMESPACE, registry=registry)

        def gauge(name: str, text: str) -> Gauge:
            return Gauge(name, text, namespace=NAMESPACE, registry=registry)

        self.produced = counter("transactions", "Transactions handed to the Kafka producer.")
        self.labels = counter("labels", "Labels handed to the Kafka producer.")
        self.failed = counter("delivery_failures", "Messages that were not delivered.")
        self.lateness = gauge("schedule_lateness_seconds", "Delay of the newest transaction behind its schedule.")
        self.queued = gauge("producer_queue_messages", "Messages not yet acknowledged.")
