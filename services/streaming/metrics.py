"""Prometheus metrics of the transactional loop and of the process.

Every name begins with the service's namespace, such as `fraud_detector`. `services.streaming.lag` measures the lag.
"""

import math
import sys
from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Histogram, Info, Metric, PlatformCollector, ProcessCollector
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from services import __version__
from services.streaming.progress import Progress

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)

PARTITION = ("topic", "partition")
"""Labels of metrics per partition."""


def new_registry(namespace: str) -> CollectorRegistry:
    """Make the collector registry of a process, with metrics of its CPU, memory, files, Python and build.

    Args:
        namespace: Namespace of the service; the standard metrics of a process have no namespace.
    """
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    build = Info("build", "The version that runs.", namespace=namespace, registry=registry)
    build.info({"version": __version__, "python": ".".join(map(str, sys.version_info[:3]))})
    return registry


class LoopMetrics:
    """Metrics of the loop; a service adds its own to the same collector registry.

    Args:
        registry: Collector registry of the process.
        namespace: Prefix of every name.
    """

    def __init__(self, registry: CollectorRegistry, namespace: str = "streaming") -> None:
        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(name, text, labels, namespace=namespace, registry=registry)

        def durations(name: str, text: str) -> Histogram:
            return Histogram(name, text, namespace=namespace, buckets=SECONDS, registry=registry)

        self.consumed = counter("consumed_messages", "Messages read from the input topics.")
        self.dead_letters = counter("dead_letters", "Messages put on the dead-letter topic.", "error")
        self.batch_seconds = durations(
            "batch_duration_seconds", "Time to evaluate one batch and hand it to the producer."
        )
        self.transaction_seconds = durations(
            "kafka_transaction_duration_seconds", "Time from a Kafka transaction's begin to its commit."
        )
        self.commit_seconds = durations("commit_duration_seconds", "Time that committing a Kafka transaction took.")
        self.aborted = counter("kafka_transactions_aborted", "Kafka transactions aborted.", "reason")
        self.restarts = counter("client_restarts", "Times the Kafka clients were replaced by new ones.")
        self.lost = counter("lost_records", "Records deleted by retention before they were read.", *PARTITION)
        self.rebalances = counter("rebalances", "Partition assignments changed.", "change")


class ProgressCollector(Collector):
    """Metrics of a loop's progress, read at each scrape: a partition has its series while it is assigned.

    Args:
        progress: Progress of the loop.
        namespace: Prefix of every name.
    """

    def __init__(self, progress: Progress, namespace: str) -> None:
        self._progress = progress
        self._namespace = namespace

    def collect(self) -> Iterable[Metric]:
        """Return the metrics of the progress now."""
        restores = self._progress.restores()
        records = self._family(
            "restore_remaining_records", "Records still to be read until a partition is restored; NaN: unknown."
        )
        seconds = self._family(
            "restore_remaining_seconds", "Estimated seconds until a partition is restored; NaN: unknown."
        )
        for partition in self._progress.partitions():
            labels = partition[0], str(partition[1])
            remaining = restores.get(partition)
            records.add_metric(labels, _known(remaining.records_left) if remaining else 0)
            seconds.add_metric(labels, _known(remaining.seconds_left) if remaining else 0)
        degraded = GaugeMetricFamily(
            f"{self._namespace}_degraded", "Conditions that /readyz lists as degraded.", labels=["condition"]
        )
        for condition in self._progress.conditions():
            degraded.add_metric([condition], 1)
        return records, seconds, degraded

    def _family(self, name: str, text: str) -> GaugeMetricFamily:
        return GaugeMetricFamily(f"{self._namespace}_{name}", text, labels=PARTITION)


def _known(value: float | None) -> float:
    return math.nan if value is None else value
