"""The detector's metrics besides the loop's."""

from collections.abc import Iterable, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from services.rules.models.score import ModelScore
from services.rules.windows import WindowState
from services.streaming.metrics import PARTITION
from services.streaming.positions import Partition
from services.streaming.progress import LoopProgress

NAMESPACE = "fraud_detector"

LATENCIES = (0.01, 0.025, 0.05, 0.1, 0.15, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)


class DetectorMetrics:
    """Metrics of committed verdicts, of rules and of windows; names begin with `fraud_detector_`.

    Args:
        registry: Collects the metrics, one per process.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(name, text, labels, namespace=NAMESPACE, registry=registry)

        def gauge(name: str, text: str, *labels: str) -> Gauge:
            return Gauge(name, text, labels, namespace=NAMESPACE, registry=registry)

        self.verdicts = counter("verdicts", "Transactions evaluated and committed.", "verdict")
        self.latency = Histogram(
            "verdict_latency_seconds",
            "End-to-end latency, once per commit: from the creation of its newest transaction to the commit.",
            namespace=NAMESPACE, buckets=LATENCIES, registry=registry,
        )  # fmt: skip
        self.evaluated = counter(
            "evaluated_transactions", "Transactions evaluated, by the version of the rules.", "version"
        )
        self.matched = counter("rule_matches", "Transactions that a rule matched.", "rule", "mode")
        self.late = counter("late_transactions", "Evaluated although later than ALLOWED_LATENESS.", "topic")
        self.key_mismatches = counter(
            "input_key_mismatches", "Records of the input, of those looked at, that are keyed wrongly.", "kind"
        )
        self.unknown_rules = counter(
            "unknown_rule_names", "Names in rules.fired that no earlier stage can have written; they are left out."
        )
        self.mixed = counter("mixed_versions", "Transactions whose later stage evaluated another version of the rules.")
        self.forwarded = counter(
            "forwarded_transactions",
            "Transactions written to an output or repartition topic: as they came, or re-encoded with its schema.",
            "encoding",
        )
        self.labels = counter(
            "labels",
            "Labels that were read: passed on to windows, or without the transaction that they need.",
            "result",
        )
        self.reloads = counter("rules_reloads", "Changes of the rules file: activated or rejected.", "result")
        self.state_bytes = counter("state_written_bytes", "Bytes of records that were written to the state topic.")
        self.scored = counter("model_scores", "Transactions that a model scored.", "model")
        self.above_threshold = counter(
            "model_scores_above_threshold", "Transactions with a score of at least the model's threshold.", "model"
        )
        self._budget = gauge("model_budget_per_day", "Alerts a day that the model's threshold was set for.", "model")
        self._stability = gauge(
            "model_stability_index",
            "Population stability index of recent values against training: of a feature, or of the score (no feature).",
            "model", "feature",
        )  # fmt: skip
        self._missing = gauge("model_missing_share", "Share of recent values that are missing.", "model", "feature")
        self._version = gauge("active_rules", "How many rules are active, by their version.", "version")
        self._entries = gauge("window_entries", "Transactions kept in windows.", *PARTITION)
        self._bytes = gauge("window_bytes", "Memory that windows take, estimated.", *PARTITION)
        self._oldest = gauge(
            "window_oldest_timestamp_seconds", "Event time of the oldest transaction kept.", *PARTITION
        )

    def rules(self, version: str, count: int) -> None:
        """Note which version of the rules is active."""
        self._version.clear()
        self._version.labels(version=version).set(count)

    def count(self, counts: Mapping[tuple[str, ...], int]) -> None:
        """Add the counts of a committed transaction, by kind and labels."""
        for (kind, *labels), number in counts.items():
            match kind:
                case "verdict":
                    self.verdicts.labels(*labels).inc(number)
                case "evaluated":
                    self.evaluated.labels(*labels).inc(number)
                case "matched":
                    self.matched.labels(*labels).inc(number)
                case "late":
                    self.late.labels(*labels).inc(number)
                case "key_mismatch":
                    self.key_mismatches.labels(*labels).inc(number)
                case "unknown_rules":
                    self.unknown_rules.inc(number)
                case "forwarded":
                    self.forwarded.labels(*labels).inc(number)
                case "scored":
                    self.scored.labels(*labels).inc(number)
                case "above_threshold":
                    self.above_threshold.labels(*labels).inc(number)
                case "labels":
                    self.labels.labels(*labels).inc(number)
                case "mixed":
                    self.mixed.inc(number)

    def models(self, models: Iterable[ModelScore]) -> None:
        """Note which models are active, and forget the figures of others."""
        for gauge in (self._budget, self._stability, self._missing):
            gauge.clear()
        for model in models:
            if model.budget is not None:
                self._budget.labels(model=model.name).set(model.budget)

    def note_model(self, model: str, feature: str, stability: float, missing: float) -> None:
        """Set what recent values of a feature of a model, or of its score, are like; the score has no feature."""
        self._stability.labels(model=model, feature=feature).set(stability)
        self._missing.labels(model=model, feature=feature).set(missing)

    def note_windows(self, partition: Partition, state: WindowState) -> None:
        """Set the size of a partition's windows."""
        labels = partition[0], str(partition[1])
        self._entries.labels(*labels).set(state.entries)
        self._bytes.labels(*labels).set(state.bytes)
        self._oldest.labels(*labels).set((state.oldest_ms or 0) / 1000)

    def forget_windows(self, partition: Partition) -> None:
        """Remove the series of a partition that this process does not own any more."""
        labels = partition[0], str(partition[1])
        for gauge in (self._entries, self._bytes, self._oldest):
            if labels in gauge._metrics:  # noqa: SLF001 - remove() raises for what was never set
                gauge.remove(*labels)


class VerdictAge(Collector):
    """The age of each partition's newest verdict, read at each scrape, so that it grows while nothing is committed.

    Args:
        progress: The loop's.
    """

    def __init__(self, progress: LoopProgress) -> None:
        self._progress = progress

    def collect(self) -> Iterable[Metric]:
        """Return one series for each partition that is assigned now."""
        family = GaugeMetricFamily(
            f"{NAMESPACE}_newest_verdict_age_seconds",
            "Seconds since results of a partition were last committed: verdicts, or what goes on to the next stage. "
            "Counts from the assignment where there was no commit yet, and grows while no transaction comes.",
            labels=PARTITION,
        )
        for (topic, number), age in self._progress.commit_ages().items():
            family.add_metric((topic, str(number)), age)
        yield family
