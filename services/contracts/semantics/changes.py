"""What the semantic tier finds."""

from dataclasses import dataclass
from enum import StrEnum

from services.contracts.compatibility import Path


class Severity(StrEnum):
    """How bad a change is: an error is a wrong value waiting to be read, a warning a loss for people."""

    ERROR = "error"
    WARNING = "warning"


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
        return Severity.WARNING if self is SemanticRule.DOC_REMOVED else Severity.ERROR


@dataclass(frozen=True, slots=True)
class SemanticChange:
    """One change of meaning.

    Attributes:
        rule: What has changed.
        old_path: Where in the old schema: JSON keys and indices from its root.
        new_path: Where in the new schema.
        message: What is wrong and what to do, in plain words.
    """

    rule: SemanticRule
    old_path: Path
    new_path: Path
    message: str

    @property
    def severity(self) -> Severity:
        """How bad it is."""
        return self.rule.severity
