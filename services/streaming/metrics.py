"""What the transactional loop measures, as Prometheus metrics."""

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, start_http_server

from services.errors import UsageError

log = structlog.get_logger()

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class LoopMetrics:
    """The loop's own metrics; a service adds its own to the same collector registry.

    Args:
        registry: Where the metrics are collected, one per process.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self.consumed = Counter("consumed_messages", "Messages read from the input topics.", registry=registry)
        self.dead_letters = Counter(
            "dead_letters", "Messages put on the dead-letter topic.", ["error"], registry=registry
        )
        self.batch_seconds = Histogram(
            "batch_seconds", "Time to judge one batch and hand it to the producer.", buckets=SECONDS, registry=registry
        )
        self.transaction_seconds = Histogram(
            "transaction_seconds", "Time from a Kafka transaction's begin to its commit.", buckets=SECONDS,
            registry=registry,
        )  # fmt: skip
        self.commit_seconds = Histogram(
            "commit_seconds", "Time that committing a Kafka transaction took.", buckets=SECONDS, registry=registry
        )
        self.aborted = Counter("aborted_transactions", "Kafka transactions aborted.", ["reason"], registry=registry)
        self.restarts = Counter("client_restarts", "Times the Kafka clients were made anew.", registry=registry)
        self.rebalances = Counter("rebalances", "Partition assignments changed.", ["change"], registry=registry)
        self.lag = Gauge("consumer_lag_messages", "Messages not yet judged.", ["topic", "partition"], registry=registry)


def serve_metrics(registry: CollectorRegistry, host: str, port: int | None) -> None:
    """Serves the metrics over HTTP, if a port is set.

    Raises:
        UsageError: the port can't be bound.
    """
    if port is None:
        return
    try:
        start_http_server(port, addr=host, registry=registry)
    except OSError as error:
        raise UsageError(f"METRICS_PORT: can't serve on {host}:{port}: {error.strerror}") from None
    log.info("serving metrics", host=host, port=port)
