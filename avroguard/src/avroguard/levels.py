"""The compatibility levels of a subject, as Confluent Schema Registry names them.

A level says between whom a change must be safe: BACKWARD, the new schema reads what the old one wrote; FORWARD,
the old one reads what the new one writes; FULL, both; FROZEN, nothing changes. Plain levels compare with the latest
version, transitive ones with every version that the subject ever had.
Source: https://docs.confluent.io/platform/current/schema-registry/fundamentals/schema-evolution.html
"""

from enum import StrEnum


class Level(StrEnum):
    """What a new version of a schema must be compatible with."""

    NONE = "NONE"
    BACKWARD = "BACKWARD"
    BACKWARD_TRANSITIVE = "BACKWARD_TRANSITIVE"
    FORWARD = "FORWARD"
    FORWARD_TRANSITIVE = "FORWARD_TRANSITIVE"
    FULL = "FULL"
    FULL_TRANSITIVE = "FULL_TRANSITIVE"
    FROZEN = "FROZEN"
    """Nothing but docs and aliases changes. It is this tool's own: a registry is given FULL_TRANSITIVE."""

    @property
    def transitive(self) -> bool:
        """Whether every earlier version counts, not the latest alone."""
        return self.endswith("_TRANSITIVE")

    @property
    def backward(self) -> bool:
        """Whether the new schema must read what earlier ones wrote."""
        return self.startswith(("BACKWARD", "FULL")) or self is Level.FROZEN

    @property
    def forward(self) -> bool:
        """Whether earlier schemas must read what the new one writes."""
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
        """Whether everything that this level allows is allowed by ``other`` as well."""
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
