"""The topology: which rules run where. A stage is a topic keyed by one field, where all transactions of a key meet.

The input topic is the first stage. Rules without windows run there, and rules whose key has its field. Every other rule
runs on a repartition topic, which the detector itself fills, keyed by a field of the rule's key. The last stage with
rules routes.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from services.errors import ContractError
from services.rules.features.feature import Feature, FeatureSet, simple_features
from services.rules.features.placement import levels_of, place_features
from services.rules.model import Aggregation, Mode, Rule, RuleSet, fields_of, longest_reach

HOUR_MS = 3_600_000


@dataclass(frozen=True)
class Stage:
    """A topic and the rules that are evaluated on it.

    Attributes:
        topic: The topic that its transactions come from.
        field: The key field of that topic; empty for an input without a key field that can be relied on.
        rules: In the order of the file; empty where the rules file needs no such stage.
        next: The next stage that has rules or features; None if this one routes.
        repartition_field: The field that its transactions are keyed by where they go; None if they keep their key.
        live_before: The names of the live rules that the stages before it evaluate.
        is_first: Whether it reads the input topic.
        features: The features that it computes, each after those that it is computed from.
        carried: The names of the features that it passes on to the next stage.
        received: The names of the features that stages before it passed on.
    """

    topic: str
    field: str
    rules: tuple[Rule, ...]
    next: "Stage | None" = None
    repartition_field: str | None = None
    live_before: frozenset[str] = frozenset()
    is_first: bool = False
    features: tuple[Feature, ...] = ()
    carried: tuple[str, ...] = ()
    received: tuple[str, ...] = ()

    @property
    def is_used(self) -> bool:
        """Return whether it has rules or features."""
        return bool(self.rules or self.features)

    @cached_property
    def simple(self) -> tuple[Rule, ...]:
        """The rules about one transaction alone."""
        return tuple(rule for rule in self.rules if not rule.needs_windows)

    @cached_property
    def windowed(self) -> tuple[Rule, ...]:
        """The rules with windows, of their own or of their features."""
        return tuple(rule for rule in self.rules if rule.needs_windows)

    @cached_property
    def simple_features(self) -> tuple[Feature, ...]:
        """The features about one transaction alone."""
        return tuple(simple_features(self.features))

    @cached_property
    def aggregations(self) -> tuple[Aggregation, ...]:
        """All aggregations of its rules and features."""
        of_rules = tuple(aggregation for rule in self.rules for aggregation in rule.aggregations)
        return of_rules + tuple(feature.aggregation for feature in self.features if feature.aggregation)

    @cached_property
    def fields(self) -> frozenset[str]:
        """The fields that its rules and features need."""
        return frozenset(fields_of(self.rules)).union(*(feature.fields for feature in self.features))

    @cached_property
    def longest_ms(self) -> int:
        """The length of its longest window; 0 without windows."""
        return max([longest_reach(self.rules), *(feature.reach_ms for feature in self.features)])


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

    @cached_property
    def live(self) -> frozenset[str]:
        """The names of all live rules."""
        return _live(self.rules.rules)

    @cached_property
    def _by_topic(self) -> Mapping[str, Stage]:
        return {stage.topic: stage for stage in self.stages}

    def stage_of(self, topic: str) -> Stage:
        """Return the stage of a topic."""
        return self._by_topic[topic]


def build_topology(rules: RuleSet, topics: Mapping[str, str], features: Iterable[str] = ()) -> Topology:
    """Assign each rule, and each feature that is needed, to its stage.

    Args:
        rules: The rules file.
        topics: The topic of each stage by the field that it is keyed by; the input topic first.
        features: The features that the last stage has to know, beside those that rules need. So it does the scores of
            models: one that no rule names yet is watched, and its scores are written.

    Raises:
        ContractError: There is no stage for a rule or a feature.
    """
    fields = list(topics)
    known = rules.features or FeatureSet()
    levels = levels_of(known.ordered, fields, rules.source)
    assigned: list[list[Rule]] = [[] for _ in fields]
    for rule in rules.rules:
        assigned[_place(rule, rules.source, fields, levels)].append(rule)
    read_at: dict[int, set[str]] = {}
    for place, of_stage in enumerate(assigned):
        read_at[place] = {name for rule in of_stage for name in rule.named_features}
    last = max([0, *(place for place, of_stage in enumerate(assigned) if of_stage)])
    selected = known.select([*features, *(model.name for model in rules.models)])
    read_at.setdefault(max([last, *(levels[name] for name in selected.names)]), set()).update(selected.names)
    placement = place_features(known.ordered, levels, read_at, len(fields))
    stages: list[Stage] = []
    following: Stage | None = None
    for place, (field, topic) in reversed(list(enumerate(topics.items()))):
        before = [rule for of_stage in assigned[:place] for rule in of_stage]
        is_first = place == 0
        stage = Stage(
            topic,
            field,
            tuple(assigned[place]),
            following,
            _repartition_field(field, following, fields, is_first=is_first),
            _live(before),
            is_first,
            placement.computed[place],
            placement.carried[place],
            placement.received[place],
        )
        stages.append(stage)
        following = stage if stage.is_used else following
    return Topology(rules, tuple(reversed(stages)))


def _repartition_field(field: str, following: Stage | None, fields: Sequence[str], *, is_first: bool) -> str | None:
    if following is not None:
        return following.field
    if is_first and field:
        return None
    return next(known for known in fields if known)


def _live(rules: Sequence[Rule]) -> frozenset[str]:
    return frozenset(rule.name for rule in rules if rule.mode is Mode.LIVE)


def _place(rule: Rule, source: str, fields: Sequence[str], levels: Mapping[str, int]) -> int:
    """Return the stage of a rule: by its windows, and not before its features are known."""
    first = max([0, *(levels[name] for name in rule.named_features)])
    if not rule.aggregations:
        return first
    for place, field in enumerate(fields):
        if field in rule.key and place >= first:
            return place
    if any(field in rule.key for field in fields):
        raise ContractError(
            f"{source}:{rule.line}: rule {rule.name} has windows keyed by {' or '.join(rule.key)}, and its features "
            f"are known at the stage of {fields[first]} only: declare its windows as features, and compare them in when"
        )
    keyed_by = " or ".join(rule.key) or "no field that all of its windows share"
    raise ContractError(
        f"{source}:{rule.line}: rule {rule.name} is keyed by {keyed_by}, and the stages are keyed by "
        f"{', '.join(fields)}: add a topic keyed by it to contracts.toml and to REPARTITION_TOPICS "
        "(docs/writing-a-rule.md)"
    )


ONLY_LATER = "it is whole only when it has run for its length"
"""The consequence for a window that is longer than the retention of its topic."""


def windows_beyond_retention(topology: Topology, retention: Mapping[str, int], lateness_ms: int) -> str | None:
    """Return which window is longer than its topic keeps messages, so that it can't be filled from there; or None.

    Args:
        topology: The rules by stage.
        retention: By topic how long it keeps messages, in milliseconds; -1 is for ever. Others are not
            checked.
        lateness_ms: Allowed lateness: windows are whole for a transaction up to it.
    """
    for stage in topology.stages:
        available, needed = retention.get(stage.topic, -1), stage.longest_ms + lateness_ms
        if stage.aggregations and 0 <= available < needed:
            sources: list[Rule | Feature] = [*stage.rules, *stage.features]
            longest = max(sources, key=lambda each: each.reach_ms)
            what = "rule" if isinstance(longest, Rule) else "feature"
            hours = [f"{milliseconds / HOUR_MS:g} h" for milliseconds in (stage.longest_ms, available, needed)]
            return (
                f"{topology.rules.source}:{longest.line}: {what} {longest.name} looks back {hours[0]}, and topic "
                f"{stage.topic} is kept for {hours[1]} (needed, with ALLOWED_LATENESS: {hours[2]}): shorten the "
                "window, or raise the retention in contracts.toml and on the topic"
            )
    return None


def require_retention(topology: Topology, retention: Mapping[str, int], lateness_ms: int) -> None:
    """Check that topics keep messages for as long as windows on them may have to be restored from.

    Raises:
        ContractError: The retention of a topic is shorter than its longest window needs.
    """
    if beyond := windows_beyond_retention(topology, retention, lateness_ms):
        raise ContractError(beyond)


def require_labels(topology: Topology, *, written: Collection[str]) -> None:
    """Check that windows over labels are on topics to which labels are written.

    Args:
        topology: The rules by stage.
        written: The topics to which labels are written, in the order of the transactions there.

    Raises:
        ContractError: There are none on the topic of such a window.
    """
    for stage in topology.stages:
        for feature in stage.features:
            window = feature.aggregation.window if feature.aggregation else None
            if window and window.delay_ms is not None and stage.topic not in written:
                where = "set LABEL_WINDOWS=on"
                if written:
                    where = f"set INPUT_KEYED=repartition, or leave {stage.field} out of by"
                raise ContractError(
                    f"{topology.rules.source}:{feature.line}: feature {feature.name} is over labels, and "
                    f"{stage.topic} has none: {where} (docs/writing-a-rule.md)"
                )
