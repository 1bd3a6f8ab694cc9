"""Is a new schema compatible with a subject's history, at the subject's level?"""

from collections.abc import Sequence
from dataclasses import dataclass

from avroguard.compatibility.checking import compare
from avroguard.compatibility.findings import Direction, Incompatibility
from avroguard.compatibility.nodes import Path
from avroguard.compatibility.parsing import parse
from avroguard.levels import Level


@dataclass(frozen=True, slots=True)
class Violation:
    """One incompatibility of a new schema with one version of its history.

    Attributes:
        version: The index of the version in the history, oldest first, from 0.
        direction: Who can't read whom.
        incompatibility: What is wrong.
    """

    version: int
    direction: Direction
    incompatibility: Incompatibility

    @property
    def new_path(self) -> Path:
        """Where in the new schema."""
        found = self.incompatibility
        return found.reader_path if self.direction is Direction.BACKWARD else found.writer_path

    @property
    def old_path(self) -> Path:
        """Where in the version of the history."""
        found = self.incompatibility
        return found.writer_path if self.direction is Direction.BACKWARD else found.reader_path


def judge(new: object, history: Sequence[object], level: Level) -> list[Violation]:
    """Judges a new schema by the versions before it, as a schema registry would at that level.

    Args:
        new: The schema to judge, in any form that ``incompatibilities`` takes.
        history: The versions before it, oldest first; none when the subject is new.
        level: What is asked: the latest version counts, or every one where the level is transitive.

    Returns:
        Every incompatibility, the oldest version first; none when the schema may be registered.

    Raises:
        ContractError: One of the schemas is no Avro schema.
    """
    parsed = parse(new)
    first = 0 if level.transitive else max(len(history) - 1, 0)
    violations: list[Violation] = []
    for version, schema in enumerate(history[first:], first):
        old = parse(schema)
        if level.backward:
            found = compare(parsed, old, Direction.BACKWARD)
            violations += [Violation(version, Direction.BACKWARD, each) for each in found]
        if level.forward:
            found = compare(old, parsed, Direction.FORWARD)
            violations += [Violation(version, Direction.FORWARD, each) for each in found]
    return violations
