"""Targets, and whether they were reached."""

from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.figures import Spread
from benchmarks.results import Results

# The first part of a long run fills caches and buffers; from here on memory has to stay flat.
SETTLED = 0.2


@dataclass(frozen=True)
class Target:
    """One figure to reach.

    Attributes:
        figure: The name of the figure.
        reach: The bound.
        unit: `x` for ratios, else the unit.
        at_least: Whether the bound is a least value, or else a most.
        measured: Takes it out of the results; None where it was not measured.
    """

    figure: str
    reach: float
    unit: str
    at_least: bool
    measured: Callable[[Results], Spread | None]

    def reached(self, value: float) -> bool:
        """Return whether a value is good enough."""
        return value >= self.reach if self.at_least else value <= self.reach


def _ratio(ours: str, theirs: str, kind: str = "detectors") -> Callable[[Results], Spread | None]:
    return lambda results: results.speed_ratio(ours, theirs, kind)


def _per_core(theirs: str) -> Callable[[Results], Spread | None]:
    return lambda results: results.cost_ratio("ours-rules", theirs, "same_rules")


def _p99(key: str) -> Callable[[Results], Spread | None]:
    return lambda results: results.p99(key)


def _soak_most(results: Results) -> Spread | None:
    if not results.soak:
        return None
    highest = max(moment.rss_mb for moment in results.soak)
    return Spread(highest, highest, highest)


def growth(results: Results) -> Spread | None:
    """Return by how many MB memory at the end of the soak is above what it was when it had settled."""
    if not results.soak:
        return None
    total = results.soak[-1].messages
    settled = [moment.rss_mb for moment in results.soak if moment.messages >= SETTLED * total]
    half = len(settled) // 2
    early, late = settled[:half] or settled, settled[half:]
    difference = sum(late) / len(late) - sum(early) / len(early)
    return Spread(difference, difference, difference)


def _rules_growth(results: Results) -> Spread | None:
    if not results.rules:
        return None
    by_count = {int(count): cost for count, cost in results.rules.items()}
    factor = by_count[max(by_count)] / by_count[min(by_count)]
    return Spread(factor, factor, factor)


TARGETS = (
    Target("detector, exactly once, vs the tutorial's way", 45, "x", True, _ratio("ours", "tutorial")),
    Target("detector, exactly once, vs the C loop (at least once)", 0.65, "x", True, _ratio("ours", "c")),
    Target("exactly once vs at least once, same code", 0.9, "x", True, _ratio("ours", "ours-alo")),
    Target("two processes vs one", 1.4, "x", True, _ratio("ours-2", "ours")),
    Target("two processes vs the C loop", 1.0, "x", True, _ratio("ours-2", "c")),
    Target("five rules in two stages vs one rule", 0.6, "x", True, _ratio("ours-rules", "ours")),
    Target("five rules in two stages vs the tutorial's way", 10, "x", True, _ratio("ours-rules", "tutorial")),
    Target("five rules, per core, vs Kafka Streams", 1, "x", True, _per_core("kafka-streams-rules")),
    Target("five rules, per core, vs Quix Streams", 1, "x", True, _per_core("quix-rules")),
    Target("generator vs the tutorial's way", 40, "x", True, _ratio("ours", "tutorial", "generators")),
    Target("COMMIT_INTERVAL_MS=auto vs 100", 0.97, "x", True, _ratio("ours", "ours-100ms")),
    Target("latency p99 at 1,000/s, exactly once", 60, "ms", False, _p99("ours@1000")),
    Target("latency p99 at 20,000/s, exactly once", 60, "ms", False, _p99("ours@20000")),
    Target("latency p99 at 5,000/s, five rules in two stages", 250, "ms", False, _p99("ours-rules@5000")),
    Target("memory over the soak, the most", 250, "MB", False, _soak_most),
    Target("memory over the soak, growth once settled", 10, "MB", False, growth),
    Target("cost of judging, 50 rules vs 1", 50, "x", False, _rules_growth),
)
