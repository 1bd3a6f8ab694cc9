"""The stages in which rules are evaluated, each with windows of its own."""

from dataclasses import dataclass

from services.detection.settings import DetectorSettings
from services.rules.model import KEY, Rule, RuleSet
from services.rules.topology import build_topology


@dataclass(frozen=True)
class Stage:
    """A topic that rules are evaluated on.

    Attributes:
        field: The field that the topic is keyed by.
        partitions: Number of its partitions; each has windows and a watermark of its own.
        rules: The rules that are evaluated there.
    """

    field: str
    partitions: int
    rules: tuple[Rule, ...]


def stages_of(*files: RuleSet, partitions: int) -> tuple[Stage, ...]:
    """The stages of one rules file, or of several that are evaluated together, as the detector finds them.

    Args:
        files: The rules; one that several have in the same version is evaluated once.
        partitions: Number of partitions of each stage's topic.

    Raises:
        ContractError: There is no stage for a rule.
    """
    topics = DetectorSettings.model_construct().stages(KEY)
    rules: dict[str, dict[str, Rule]] = {field: {} for field in topics}
    for rule_set in files:
        for stage in build_topology(rule_set, topics).stages:
            for rule in stage.rules:
                rules[stage.field].setdefault(rule.version, rule)
    return tuple(Stage(field, partitions, tuple(of_field.values())) for field, of_field in rules.items())
