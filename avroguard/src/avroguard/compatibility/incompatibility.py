"""Incompatibilities: what a comparison of two schemas finds."""

from dataclasses import dataclass
from enum import StrEnum

from avroguard.places import JsonPath
from avroguard.rules import RULES, Family


class Direction(StrEnum):
    """Direction of a comparison: which of two schemas is the reader."""

    BACKWARD = "BACKWARD"
    """The new schema reads what an old one wrote."""
    FORWARD = "FORWARD"
    """An old schema reads what the new one writes."""


class Rule(StrEnum):
    """Reason why a reader can't read a writer's data. The ids are stable: waivers and reports name them."""

    READER_FIELD_MISSING_DEFAULT = "READER_FIELD_MISSING_DEFAULT"
    """The reader has a field that the writer lacks, and no default for it."""
    READER_FIELD_AMBIGUOUS = "READER_FIELD_AMBIGUOUS"
    """A field of the reader matches several of the writer's, by its name and its aliases."""
    TYPE_CHANGED = "TYPE_CHANGED"
    """The reader's type can't read the writer's, and no promotion leads there."""
    UNION_BRANCH_REMOVED = "UNION_BRANCH_REMOVED"
    """The writer's union has a branch that the reader can't read."""
    ENUM_SYMBOL_REMOVED = "ENUM_SYMBOL_REMOVED"
    """The writer's enum has symbols that the reader doesn't know, and the reader's enum has no default."""
    NAME_CHANGED = "NAME_CHANGED"
    """Record, enum or fixed of another name, which no alias of the reader's bridges."""
    FIXED_SIZE_CHANGED = "FIXED_SIZE_CHANGED"
    """The two fixed have different sizes."""
    RECURSION_UNPROVEN = "RECURSION_UNPROVEN"
    """Stricter than the reference, which takes two recursive types for compatible because it once assumed so."""


@dataclass(frozen=True, slots=True)
class Incompatibility:
    """One reason why data of the writer's schema can't be read with the reader's, or mean something else to it.

    Attributes:
        rule: The id of the broken rule: a `Rule`, or a ``SemanticRule`` where the data can be read and change meaning.
        reader_path: Position in the reader's schema: JSON keys and indices from its root.
        writer_path: Position in the writer's schema.
        message: The fault, in plain words.
        fix: The way to mend it.
        direction: The direction, which tells the new schema; None where only reader and writer are known.
        version: The index of the older schema in a subject's history, oldest first.
    """

    rule: str
    reader_path: JsonPath
    writer_path: JsonPath
    message: str
    fix: str
    direction: Direction | None = None
    version: int = 0

    @property
    def new_path(self) -> JsonPath:
        """Position in the new schema."""
        return self.writer_path if self.direction is Direction.FORWARD else self.reader_path

    @property
    def old_path(self) -> JsonPath:
        """Position in the older schema."""
        return self.reader_path if self.direction is Direction.FORWARD else self.writer_path

    @property
    def is_semantic(self) -> bool:
        """Return whether the data can be read and mean something else."""
        return RULES[self.rule].family is Family.SEMANTICS
