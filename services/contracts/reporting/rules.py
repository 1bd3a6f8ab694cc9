"""Every rule that a finding may name: what it is about and how bad it is. `docs/schema-rules.md` explains each."""

from dataclasses import dataclass
from enum import StrEnum

from services.contracts.reporting.findings import Severity

_PAGE = "docs/schema-rules.md"


class Family(StrEnum):
    """Who asks for a rule."""

    COMPATIBILITY = "compatibility"
    """A deployed reader can't read, or can't be read: as Avro Java judges."""
    SEMANTICS = "semantics"
    """Readable, and something else is read."""
    CONTRACTS = "contracts"
    """What contracts.toml and the registry say about a subject, beside its schema."""


@dataclass(frozen=True, slots=True)
class RuleInfo:
    """What is known about a rule.

    Attributes:
        id: The stable name, which findings and waivers use.
        family: Who asks for it.
        severity: How bad a finding is, unless a command says otherwise.
        summary: What is asked, in one sentence.
    """

    id: str
    family: Family
    severity: Severity
    summary: str

    @property
    def page(self) -> str:
        """Where the rule is explained, with examples."""
        return f"{_PAGE}#{self.id.lower()}"


def _rules(family: Family, severity: Severity, **summaries: str) -> list[RuleInfo]:
    return [RuleInfo(id_, family, severity, summary) for id_, summary in summaries.items()]


_ALL = [
    *_rules(
        Family.COMPATIBILITY,
        Severity.ERROR,
        READER_FIELD_MISSING_DEFAULT="A field that the writer lacks needs a default in the reader.",
        READER_FIELD_AMBIGUOUS="A field of the reader must not match several of the writer's.",
        TYPE_CHANGED="A type must be readable as the one in its place, by promotion at most.",
        UNION_BRANCH_REMOVED="Every branch of the writer's union must be readable.",
        ENUM_SYMBOL_REMOVED="Every symbol of the writer's enum must be known, or the reader's enum needs a default.",
        NAME_CHANGED="A named type keeps its name, or has an alias for the old one.",
        FIXED_SIZE_CHANGED="A fixed keeps its size.",
        RECURSION_UNPROVEN="Recursive types must be readable all the way, not by assumption.",
    ),
    *_rules(
        Family.SEMANTICS,
        Severity.ERROR,
        LOGICAL_TYPE_ADDED="A plain type must not become a logical one.",
        LOGICAL_TYPE_REMOVED="A logical type must not become a plain one.",
        LOGICAL_TYPE_CHANGED="A logical type must not become another.",
        DECIMAL_SCALE_CHANGED="A decimal keeps its scale.",
        DECIMAL_PRECISION_CHANGED="A decimal keeps its precision.",
        PROMOTION_LOSES_DIGITS="A promotion must not lose digits.",
        BYTES_READ_AS_TEXT="Bytes and strings must not be exchanged.",
        DEFAULT_CHANGED="A field keeps its default.",
        ENUM_DEFAULT_CHANGED="An enum keeps its default.",
        ENUM_SYMBOL_MOVED="The symbols of an enum keep their positions.",
        NAMESPACE_CHANGED="A named type keeps its namespace.",
        UNION_BRANCH_SHADOWED="A branch that a reader takes by its full name must be able to read the data.",
    ),
    *_rules(Family.SEMANTICS, Severity.WARNING, DOC_REMOVED="What was documented stays documented."),
    *_rules(
        Family.CONTRACTS,
        Severity.ERROR,
        LEVEL_LOWERED="A subject's compatibility level is not lowered.",
        TOPIC_REMOVED="A topic that carries a schema stays in the contracts.",
        SCHEMA_REMOVED="A topic that carries a schema keeps one.",
        REFUSED_BY_REGISTRY="The registry takes the schema.",
    ),
]
RULES = {rule.id: rule for rule in _ALL}
