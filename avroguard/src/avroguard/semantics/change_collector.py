"""A collector of changes of meaning, for the directions of a level."""

from collections.abc import Sequence

from avroguard.compatibility import Direction, Incompatibility
from avroguard.places import JsonPath
from avroguard.semantics.rules import SemanticRule


class ChangeCollector:
    """Collects changes of meaning, each once.

    Args:
        directions: Directions of reading: a change counts if it shows in one of them.
    """

    def __init__(self, directions: Sequence[Direction]) -> None:
        self._directions = directions
        self._changes: dict[Incompatibility, None] = {}

    def matters(self, direction: Direction) -> bool:
        """Return whether data are read in that direction."""
        return direction in self._directions

    def add(
        self,
        rule: SemanticRule,
        old_path: JsonPath,
        new_path: JsonPath,
        message: str,
        fix: str,
        *,
        only: Direction | None = None,
    ) -> None:
        """Add a change.

        Args:
            rule: The broken rule.
            old_path: Position in the old schema.
            new_path: Position in the new schema.
            message: The fault, in plain words.
            fix: The way to mend it.
            only: The direction in which it shows; None where it shows in both.
        """
        if not self._directions or (only and only not in self._directions):
            return
        direction = only or self._directions[0]
        paths = (new_path, old_path) if direction is Direction.BACKWARD else (old_path, new_path)
        self._changes.setdefault(Incompatibility(rule, *paths, message, fix, direction))

    def all(self) -> list[Incompatibility]:
        """Return every change, in the order in which it was added."""
        return list(self._changes)
