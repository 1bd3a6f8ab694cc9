"""Which rules run where: a stage is a topic keyed by one field, so that all of a key's transactions meet in one place.

The input topic is the first stage. Rules without windows run there, and rules whose key has its field. Every other rule
runs on a topic that the detector itself fills, keyed by a field of the rule's key; the last stage with rules routes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from services.errors import ContractError
from services.rules.model import Aggregation, Mode, Rule, RuleSet

HOUR_MS = 3_600_000


@dataclass(frozen=True)
class Stage:
    """A topic and what is judged there.

    Attributes:
        topic: Where its transactions come from.
        field: What that topic is keyed by; empty for an input that is not keyed by a field that can be relied on.
        rules: In the order of the file; none where the rules file needs no such stage.
    """

    topic: str
    field: str
    rules: tuple[Rule, ...]

    @cached_property
    def simple(self) -> tuple[Rule, ...]:
        """The rules about one transaction alone."""
        return tuple(rule for rule in self.rules if not rule.aggregations)

    @cached_property
    def windowed(self) -> tuple[Rule, ...]:
        """The rules that need windows."""
        return tuple(rule for rule in self.rules if rule.aggregations)

    @cached_property
    def aggregations(self) -> tuple[Aggregation, ...]:
        """All figures of its rules."""
        return tuple(aggregation for rule in self.windowed for aggregation in rule.aggregations)

    @cached_property
    def longest_ms(self) -> int:
        """The length of its longest window; 0 without windows."""
        return max((aggregation.window.over_ms for aggregation in self.aggregations), default=0)


@dataclass(frozen=True)
class Topology:
    """A rules file spread over the stages.

    Attributes:
        rules: The file.
        stages: All stages in the order that transactions go through them.
    """

    rules: RuleSet
    stages: tuple[Stage, ...]

    @property
    def version(self) -> str:
        """The version of the rules."""
        return self.rules.version

    def after(self, number: int) -> int | None:
        """The next stage that has rules; None if the given one routes."""
        return next((later for later in range(number + 1, len(self.stages)) if self.stages[later].rules), None)

    def key_after(self, number: int) -> str | None:
        """The field that a stage's transactions are keyed by where they go; None if they keep their key."""
        after = self.after(number)
        if after is not None:
            return self.stages[after].field
        if number == 0 and self.stages[0].field:
            return None
        return next(stage.field for stage in self.stages if stage.field)

    def live_before(self, number: int) -> frozenset[str]:
        """The names of the live rules that the stages before one evaluate."""
        return frozenset(rule.name for stage in self.stages[:number] for rule in stage.rules if rule.mode is Mode.LIVE)


def build_topology(rules: RuleSet, topics: Mapping[str, str]) -> Topology:
    """Finds each rule its stage.

    Args:
        rules: What is to be run.
        topics: The topic of each stage by the field that it is keyed by; the input topic first.

    Raises:
        ContractError: There is no stage for a rule.
    """
    chosen: dict[str, list[Rule]] = {field: [] for field in topics}
    for rule in rules.rules:
        chosen[_field(rule, rules.source, list(topics))].append(rule)
    return Topology(rules, tuple(Stage(topic, field, tuple(chosen[field])) for field, topic in topics.items()))


def _field(rule: Rule, source: str, fields: Sequence[str]) -> str:
    if not rule.aggregations:
        return fields[0]
    for field in fields:
        if field in rule.key:
            return field
    kept_by = " or ".join(rule.key) or "no field that all of its windows share"
    raise ContractError(
        f"{source}:{rule.line}: rule {rule.name} is kept by {kept_by}, and the stages are keyed by "
        f"{', '.join(fields)}: add a topic keyed by it to contracts.toml and to STAGE_TOPICS (docs/writing-a-rule.md)"
    )


def require_retention(topology: Topology, retention: Mapping[str, int], lateness_ms: int) -> None:
    """Checks that topics are kept for as long as windows on them may have to be restored from.

    Args:
        topology: The rules.
        retention: By topic how long it keeps messages, in milliseconds; -1 is for ever. Others are not
            checked.
        lateness_ms: How late a transaction may come and still find its windows whole.

    Raises:
        ContractError: A topic forgets sooner than the longest window on it needs.
    """
    for stage in topology.stages:
        kept, needed = retention.get(stage.topic, -1), stage.longest_ms + lateness_ms
        if stage.aggregations and 0 <= kept < needed:
            rule = max(
                stage.windowed, key=lambda one: max(aggregation.window.over_ms for aggregation in one.aggregations)
            )
            hours = [f"{milliseconds / HOUR_MS:g} h" for milliseconds in (stage.longest_ms, kept, needed)]
            raise ContractError(
                f"{topology.rules.source}:{rule.line}: rule {rule.name} looks back {hours[0]}, and topic {stage.topic} "
                f"is kept for {hours[1]} (needed, with ALLOWED_LATENESS: {hours[2]}): shorten the window, or raise the "
                "retention in contracts.toml and on the topic"
            )
