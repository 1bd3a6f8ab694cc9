"""Results of a benchmark run: plain data, as `--json` writes it."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from benchmarks.figures import Spread, ratios
from benchmarks.latency import Latency
from benchmarks.soak import Moment
from benchmarks.throughput import Drained


@dataclass(frozen=True)
class Round:
    """One contender in one round: what the table is made of."""

    messages: int
    rate: float
    cpu_us: float
    broker_us: float
    rss_mb: float

    @classmethod
    def of(cls, drained: Drained) -> "Round":
        """The figures of a run."""
        pace = drained.pace
        return cls(drained.messages, pace.rate, pace.cpu_us, pace.broker_us, drained.rss_mb)


@dataclass
class Results:
    """Everything that was measured.

    Attributes:
        about: Machine, versions, load and size of the run.
        labels: By contender what people call it, and its guarantee.
        detectors: By contender a figure for each round; all of one length, but for those that failed.
        generators: The same of the generators.
        same_rules: The same of the detectors with the five default rules, whose verdicts were compared one by one.
        latencies: By `name@rate` the percentiles of each round.
        rules: Microseconds to evaluate a message, by the number of rules.
        soak: The detector over very many messages.
        skipped: By contender why it did not take part.
    """

    about: dict[str, Any]
    labels: dict[str, str] = field(default_factory=dict)
    detectors: dict[str, list[Round]] = field(default_factory=dict)
    generators: dict[str, list[Round]] = field(default_factory=dict)
    same_rules: dict[str, list[Round]] = field(default_factory=dict)
    latencies: dict[str, list[Latency]] = field(default_factory=dict)
    rules: dict[str, float] = field(default_factory=dict)
    soak: list[Moment] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Return the results as plain data."""
        return asdict(self)

    @classmethod
    def of_json(cls, data: Mapping[str, Any]) -> "Results":
        """The same again from plain data."""
        return cls(
            about=dict(data["about"]),
            labels=dict(data["labels"]),
            **{kind: {name: [Round(**fields) for fields in rounds] for name, rounds in data.get(kind, {}).items()}
               for kind in ("detectors", "generators", "same_rules")},
            latencies={name: [Latency(**fields) for fields in rounds] for name, rounds in data["latencies"].items()},
            rules=dict(data["rules"]),
            soak=[Moment(**fields) for fields in data["soak"]],
            skipped=dict(data["skipped"]),
        )  # fmt: skip

    def speed_ratio(self, ours: str, theirs: str, kind: str = "detectors") -> Spread | None:
        """Ratio of the rates of two contenders; None where one of them did not take part."""
        rounds: Mapping[str, Sequence[Round]] = getattr(self, kind)
        pairs = list(zip(rounds.get(ours, []), rounds.get(theirs, []), strict=False))
        return ratios([own.rate for own, _ in pairs], [other.rate for _, other in pairs]) if pairs else None

    def cost_ratio(self, ours: str, theirs: str, kind: str = "detectors") -> Spread | None:
        """Ratio of messages per processor second of two contenders; None where one of them did not take part."""
        rounds: Mapping[str, Sequence[Round]] = getattr(self, kind)
        pairs = list(zip(rounds.get(ours, []), rounds.get(theirs, []), strict=False))
        return ratios([other.cpu_us for _, other in pairs], [own.cpu_us for own, _ in pairs]) if pairs else None

    def p99(self, key: str) -> Spread | None:
        """The 99th percentile of a latency in milliseconds; None where it was not measured."""
        rounds = self.latencies.get(key)
        return Spread.of(measured.p99 for measured in rounds) if rounds else None
