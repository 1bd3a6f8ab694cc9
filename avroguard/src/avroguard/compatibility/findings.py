"""What a comparison of two schemas finds."""

from dataclasses import dataclass
from enum import StrEnum

from avroguard.compatibility.nodes import Path


class Direction(StrEnum):
    """Who reads whom."""

    BACKWARD = "BACKWARD"
    """The new schema reads what an old one wrote."""
    FORWARD = "FORWARD"
    """An old schema reads what the new one writes."""


class Rule(StrEnum):
    """Why a reader can't read what a writer wrote. The ids are stable: waivers and reports name them."""

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
    """Fixed of another size."""
    RECURSION_UNPROVEN = "RECURSION_UNPROVEN"
    """Stricter than the reference, which takes two recursive types for compatible because it once assumed so."""


@dataclass(frozen=True, slots=True)
class Incompatibility:
    """One reason why data of the writer's schema can't be read with the reader's.

    Attributes:
        rule: Which rule is broken.
        reader_path: Where in the reader's schema: JSON keys and indices from its root.
        writer_path: Where in the writer's schema.
        message: What is wrong, in plain words.
        fix: What to do about it.
    """

    rule: Rule
    reader_path: Path
    writer_path: Path
    message: str
    fix: str
