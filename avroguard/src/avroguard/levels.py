"""The compatibility levels of a subject, as Confluent Schema Registry names them.

A level says between whom a change must be safe: BACKWARD, the new schema reads what the old one wrote; FORWARD,
the old one reads what the new one writes; FULL, both; FROZEN, nothing changes. Plain levels compare with the latest
version, transitive ones with every version that the subject ever had.
Source: https://docs.confluent.io/platform/current/schema-registry/fundamentals/schema-evolution.html
"""

from enum import StrEnum


class Level(StrEnum):
    """Compatibility that a new version of a schema must have."""

    NONE = "NONE"
    BACKWARD = "BACKWARD"
    BACKWARD_TRANSITIVE = "BACKWARD_TRANSITIVE"
    FORWARD = "FORWARD"
    FORWARD_TRANSITIVE = "FORWARD_TRANSITIVE"
    FULL = "FULL"
    FULL_TRANSITIVE = "FULL_TRANSITIVE"
    FROZEN = "FROZEN"
    """No change but of docs and aliases. It is this tool's own: a registry is given FULL_TRANSITIVE."""

    @property
    def transitive(self) -> bool:
        """Return whether every earlier version counts, not the latest alone."""
        return self.endswith("_TRANSITIVE")

    @property
    def backward(self) -> bool:
        """Return whether the new schema must read the data of earlier ones."""
        return self.startswith(("BACKWARD", "FULL")) or self is Level.FROZEN

    @property
    def forward(self) -> bool:
        """Return whether earlier schemas must read the data of the new one."""
        return self.startswith(("FORWARD", "FULL")) or self is Level.FROZEN

    @property
    def of_all_versions(self) -> "Level":
        """The level that asks the same of every earlier version."""
        return self if self in (Level.NONE, Level.FROZEN) or self.transitive else Level(f"{self}_TRANSITIVE")

    @property
    def in_registry(self) -> "Level":
        """The level that a registry is given."""
        return Level.FULL_TRANSITIVE if self is Level.FROZEN else self

    def implies(self, other: "Level") -> bool:
        """Return whether everything that this level allows is allowed by ``other`` as well."""
        if other is Level.FROZEN or self is Level.FROZEN:
            return self is Level.FROZEN
        return (
            self.backward >= other.backward
            and self.forward >= other.forward
            and (self.transitive >= other.transitive or other is Level.NONE)
        )

    def combined_with(self, other: "Level") -> "Level":
        """The lowest level that allows nothing that one of the two forbids."""
        if Level.FROZEN in (self, other):
            return Level.FROZEN
        if Level.NONE in (self, other):
            return other if self is Level.NONE else self
        backward, forward = self.backward or other.backward, self.forward or other.forward
        plain = "FULL" if backward and forward else "BACKWARD" if backward else "FORWARD"
        return Level(f"{plain}_TRANSITIVE" if self.transitive or other.transitive else plain)
