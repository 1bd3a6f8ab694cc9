"""The compatibility levels of a subject, as Confluent Schema Registry names them.

A level says between whom a change must be safe: BACKWARD, the new schema reads what the old one wrote; FORWARD,
the old one reads what the new one writes; FULL, both. Plain levels compare with the latest version, transitive ones
with every version that the subject ever had.
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

    @property
    def transitive(self) -> bool:
        """Whether every earlier version counts, not the latest alone."""
        return self.endswith("_TRANSITIVE")

    @property
    def backward(self) -> bool:
        """Whether the new schema must read what earlier ones wrote."""
        return self.startswith(("BACKWARD", "FULL"))

    @property
    def forward(self) -> bool:
        """Whether earlier schemas must read what the new one writes."""
        return self.startswith(("FORWARD", "FULL"))

    @property
    def of_all_versions(self) -> "Level":
        """The level that asks the same of every earlier version."""
        return self if self is Level.NONE or self.transitive else Level(f"{self}_TRANSITIVE")

    def implies(self, other: "Level") -> bool:
        """Whether everything that this level allows is allowed by ``other`` as well."""
        return (
            self.backward >= other.backward
            and self.forward >= other.forward
            and (self.transitive >= other.transitive or other is Level.NONE)
        )
