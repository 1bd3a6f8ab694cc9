"""What the semantic tier finds."""

from dataclasses import dataclass
from enum import StrEnum

from avroguard.compatibility import Path
from avroguard.rules import RULES, Severity


class SemanticRule(StrEnum):
    """What has changed. The ids are stable: waivers and reports name them."""

    LOGICAL_TYPE_ADDED = "LOGICAL_TYPE_ADDED"
    LOGICAL_TYPE_REMOVED = "LOGICAL_TYPE_REMOVED"
    LOGICAL_TYPE_CHANGED = "LOGICAL_TYPE_CHANGED"
    DECIMAL_SCALE_CHANGED = "DECIMAL_SCALE_CHANGED"
    DECIMAL_PRECISION_CHANGED = "DECIMAL_PRECISION_CHANGED"
    PROMOTION_LOSES_DIGITS = "PROMOTION_LOSES_DIGITS"
    BYTES_READ_AS_TEXT = "BYTES_READ_AS_TEXT"
    DEFAULT_CHANGED = "DEFAULT_CHANGED"
    ENUM_DEFAULT_CHANGED = "ENUM_DEFAULT_CHANGED"
    ENUM_SYMBOL_MOVED = "ENUM_SYMBOL_MOVED"
    NAMESPACE_CHANGED = "NAMESPACE_CHANGED"
    UNION_BRANCH_SHADOWED = "UNION_BRANCH_SHADOWED"
    DOC_REMOVED = "DOC_REMOVED"

    @property
    def severity(self) -> Severity:
        """How bad it is."""
        return RULES[self].severity


@dataclass(frozen=True, slots=True)
class SemanticChange:
    """One change of meaning.

    Attributes:
        rule: What has changed.
        old_path: Where in the old schema: JSON keys and indices from its root.
        new_path: Where in the new schema.
        message: What is wrong, in plain words.
        fix: What to do about it.
    """

    rule: SemanticRule
    old_path: Path
    new_path: Path
    message: str
    fix: str

    @property
    def severity(self) -> Severity:
        """How bad it is."""
        return self.rule.severity
