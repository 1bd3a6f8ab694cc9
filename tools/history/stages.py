"""Which rules are judged where: the stages that follow from a set of rules."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from services.detector.rules.model import Rule


@dataclass(frozen=True)
class Stage:
    """A topic that rules are judged on.

    Attributes:
        key: The field that the topic is keyed by.
        partitions: How many partitions it has; each has windows and a watermark of its own.
        rules: What is judged there.
    """

    key: str
    partitions: int
    rules: tuple[Rule, ...]


def stages_of(rules: Sequence[Rule], key: str, partitions: int) -> tuple[Stage, ...]:
    """The stages of some rules.

    Rules without a window, and those whose key has the input topic's key, run on the input topic; the others in a
    stage by the first field of their key.

    Args:
        rules: All of them.
        key: The field that the input topic is keyed by.
        partitions: How many partitions each topic has.
    """
    keyed = [(key if not rule.figures or key in rule.key else rule.key[0], rule) for rule in rules]
    keys: Iterable[str] = dict.fromkeys([key, *(one for one, _ in keyed)])
    return tuple(Stage(one, partitions, tuple(rule for where, rule in keyed if where == one)) for one in keys)
