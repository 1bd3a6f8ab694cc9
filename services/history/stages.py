"""The stages in which rules are evaluated, each with windows of its own."""

from collections.abc import Iterable
from dataclasses import dataclass

from services.detection.settings import DetectorSettings
from services.rules.features import Feature, FeatureSet
from services.rules.model import KEY, Rule, RuleSet
from services.rules.topology import build_topology


@dataclass(frozen=True)
class Stage:
    """A topic that rules are evaluated on.

    Attributes:
        field: The field that the topic is keyed by.
        partitions: Number of its partitions; each has windows and a watermark of its own.
        rules: The rules that are evaluated there.
        features: The features that are computed there, each after those that it is computed from.
        is_first: Whether it reads the input topic.
        file: The number of the rules file whose features it computes.
    """

    field: str
    partitions: int
    rules: tuple[Rule, ...]
    features: tuple[Feature, ...] = ()
    is_first: bool = False
    file: int = 0


def stages_of(*files: RuleSet, partitions: int, features: Iterable[str] = ()) -> tuple[Stage, ...]:
    """The stages of one rules file, or of several that are evaluated together, as the detector finds them.

    Files with the same features, or without any, share stages: a window that both need is kept once.

    Args:
        files: The rules; one that several have in the same version is evaluated once.
        partitions: Number of partitions of each stage's topic.
        features: Features of the files that the last stage has to know, whatever rules need.

    Raises:
        ContractError: There is no stage for a rule or a feature, or a file has no feature of a name.
    """
    topics = DetectorSettings.model_construct().stages(KEY)
    names = tuple(features)
    groups: dict[str, dict[tuple[str, int], Stage]] = {}
    seen: set[str] = set()
    for rule_set in files:
        digest = (rule_set.features or FeatureSet()).digest
        number = list(groups).index(digest) if digest in groups else len(groups)
        group = groups.setdefault(digest, {})
        for place, stage in enumerate(build_topology(rule_set, topics, names).stages):
            before = group.get((stage.field, place), Stage(stage.field, partitions, (), (), stage.is_first, number))
            rules = tuple(rule for rule in stage.rules if rule.version not in seen)
            seen.update(rule.version for rule in rules)
            merged = tuple(dict.fromkeys((*before.features, *stage.features)))
            group[stage.field, place] = Stage(
                stage.field, partitions, (*before.rules, *rules), merged, stage.is_first, number
            )
    return tuple(stage for group in groups.values() for stage in group.values())
