"""The stages that compute features: each is computed where its windows are, and carried on to where it is read."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from services.errors import ContractError
from services.rules.features.feature import Feature, closure

ANYWHERE = -1
"""The level of a feature without windows: it is computed wherever it is read."""


@dataclass(frozen=True)
class Placement:
    """The features of all stages.

    Attributes:
        computed: For each stage the features that it computes, each after those that it is computed from.
        carried: For each stage the names of the features that it passes on.
        received: For each stage the names of the features that stages before it passed on.
    """

    computed: Sequence[tuple[Feature, ...]] = ()
    carried: Sequence[tuple[str, ...]] = ()
    received: Sequence[tuple[str, ...]] = ()


def levels_of(ordered: Iterable[Feature], fields: Sequence[str], source: str) -> Mapping[str, int]:
    """Return by feature the stage that computes it, or `ANYWHERE`.

    Args:
        ordered: The features, each after those that it is computed from.
        fields: For each stage the field that its topic is keyed by.
        source: The rules file, for messages.

    Raises:
        ContractError: There is no stage for a window.
    """
    levels: dict[str, int] = {}
    for feature in ordered:
        level = max((levels[name] for name in feature.uses), default=ANYWHERE)
        if feature.aggregation is not None:
            by = feature.aggregation.window.by
            level = next((place for place, key in enumerate(fields) if key in by), ANYWHERE)
            if level == ANYWHERE:
                raise ContractError(
                    f"{source}:{feature.line}: feature {feature.name} is keyed by {', '.join(by)}, and the stages are "
                    f"keyed by {', '.join(filter(None, fields))}: add a topic keyed by it to contracts.toml and to "
                    "REPARTITION_TOPICS (docs/writing-a-rule.md)"
                )
        levels[feature.name] = level
    return levels


def place_features(
    ordered: Sequence[Feature], levels: Mapping[str, int], read_at: Mapping[int, Collection[str]], stages: int
) -> Placement:
    """Return the stages that compute and carry the features that are read somewhere.

    Args:
        ordered: All features of the file, each after those that it is computed from.
        levels: See `levels_of`.
        read_at: By stage the features that its rules read.
        stages: The number of stages.
    """
    reads = {stage: set(names) for stage, names in read_at.items()}
    needed = closure({name for names in read_at.values() for name in names}, ordered)
    computed_at: dict[str, set[int]] = {}
    for feature in reversed(needed):
        level = levels[feature.name]
        readers = {stage for stage, names in reads.items() if feature.name in names}
        computed_at[feature.name] = readers if level == ANYWHERE else {level}
        for stage in computed_at[feature.name]:
            reads.setdefault(stage, set()).update(feature.uses)
    last = {
        feature.name: max((stage for stage, names in reads.items() if feature.name in names), default=ANYWHERE)
        for feature in needed
    }
    spans = {name: (levels[name], last[name]) for name in last if levels[name] != ANYWHERE}
    return Placement(
        [tuple(each for each in needed if stage in computed_at[each.name]) for stage in range(stages)],
        [
            tuple(name for name, (computed, read) in spans.items() if computed <= stage < read)
            for stage in range(stages)
        ],
        [
            tuple(name for name, (computed, read) in spans.items() if computed < stage <= read)
            for stage in range(stages)
        ],
    )
