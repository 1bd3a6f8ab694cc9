"""Every rule that a finding may name: what it is about and how bad it is. `docs/schema-rules.md` explains each."""

from dataclasses import dataclass
from enum import StrEnum

PAGE = "docs/schema-rules.md"


class Severity(StrEnum):
    """Severity of a finding; an error alone makes a command fail."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


class Profile(StrEnum):
    """Profile of lint, a set of rules: each profile has those of the one before as well."""

    MINIMAL = "minimal"
    """Rules about what parsers refuse, and what loses data."""
    RECOMMENDED = "recommended"
    """Rules about what breaks with some parsers, or is surely not meant."""
    STRICT = "strict"
    """Good practice: documentation, names, room for changes."""

    def includes(self, other: "Profile") -> bool:
        """Return whether the rules of another profile are among those of this one."""
        order = list(Profile)
        return order.index(other) <= order.index(self)


class Family(StrEnum):
    """The source of a rule."""

    SYNTAX = "syntax"
    """The schema is refused by Avro Java's parser, which registries use as well."""
    PORTABILITY = "portability"
    """Avro Java takes the schema; other parsers, the specification or readers don't, or something is ignored."""
    PRACTICE = "practice"
    """The schema is valid, and will be hard to use or to evolve."""
    WAIVERS = "waivers"
    """Rules about the waivers in contracts.toml."""
    COMPATIBILITY = "compatibility"
    """A deployed reader can't read, or can't be read: by the rules of Avro Java."""
    SEMANTICS = "semantics"
    """Rules about schemas that are readable but read as another meaning."""
    CONTRACTS = "contracts"
    """Rules about what contracts.toml and the registry say of a subject, beside its schema."""


@dataclass(frozen=True, slots=True)
class RuleInfo:
    """Description of a rule.

    Attributes:
        id: The stable name, which findings and waivers use.
        family: The source of the rule.
        severity: The severity of a finding, unless a command sets another.
        summary: The rule, in one sentence.
        profile: The smallest profile of lint that has the rule; rules that are not lint's are in each.
    """

    id: str
    family: Family
    severity: Severity
    summary: str
    profile: Profile = Profile.MINIMAL

    @property
    def is_configurable(self) -> bool:
        """Return whether ``[rules]`` may switch it off or change its severity.

        Avro's parser and a subject's compatibility level are no matter of taste; single findings can be waived.
        """
        return self.family in (Family.PORTABILITY, Family.PRACTICE, Family.SEMANTICS)

    @property
    def refused_by_avro_java(self) -> bool:
        """Return whether Avro Java's parser refuses a schema that breaks it."""
        return self.family is Family.SYNTAX

    @property
    def page(self) -> str:
        """Return the page that explains the rule, with examples."""
        return f"{PAGE}#{self.id.lower()}"


def _rules(family: Family, severity: Severity, profile: Profile = Profile.MINIMAL, **summaries: str) -> list[RuleInfo]:
    return [RuleInfo(id_, family, severity, summary, profile) for id_, summary in summaries.items()]


_ALL = [
    *_rules(
        Family.SYNTAX,
        Severity.ERROR,
        JSON_INVALID="A schema file is JSON.",
        TYPE_MALFORMED="A type is a name, an object with a type's name as its type, or a union.",
        TYPE_UNKNOWN="A type that is named is defined.",
        ATTRIBUTE_INVALID="Types and fields have the attributes that their kind needs.",
        NAME_INVALID="Names consist of letters, digits and _, and don't start with a digit.",
        NAME_OF_PRIMITIVE="No type is named like a primitive one.",
        NAME_REPEATED="A type is defined once.",
        FIELD_REPEATED="A record has a field once.",
        ALIAS_INVALID="Aliases are an array of names.",
        UNION_NESTED="A union is not directly inside a union.",
        UNION_BRANCH_REPEATED="A union has a type once.",
        SYMBOL_INVALID="Symbols of an enum are names.",
        SYMBOL_REPEATED="An enum has a symbol once.",
        ENUM_DEFAULT_UNKNOWN="The default of an enum is one of its symbols.",
        FIXED_SIZE_INVALID="A fixed has a size of 0 or more bytes.",
        DEFAULT_INVALID="A default is a value of its field's type, in kind and in range.",
        DEFAULT_RECURSIVE="A default does not contain a record inside itself.",
        ORDER_INVALID="The order of a field is ascending, descending or ignore.",
    ),
    *_rules(
        Family.PORTABILITY,
        Severity.ERROR,
        Profile.MINIMAL,
        JSON_KEY_REPEATED="An object has a key once.",
        RECORD_ENDLESS="A record does not contain itself without an end.",
        ENUM_EMPTY="An enum has symbols.",
        DEFAULT_UNREADABLE="A default of bytes, fixed, float, enum or decimal can be read.",
        DECIMAL_INVALID="A decimal has a precision, a scale within it, and room for its digits.",
        LOGICAL_TYPE_ON_FIELD="A logical type stands inside of the type, not beside it on the field.",
        LOGICAL_TYPE_ON_WRONG_TYPE="A logical type annotates a type that it is defined for.",
        ALIAS_CLASH="The alias of a type is not the name or the alias of another.",
        FIELD_ALIAS_CLASH="The alias of a field is not its own name, nor a name or an alias of another field.",
    ),
    *_rules(
        Family.PORTABILITY,
        Severity.ERROR,
        Profile.RECOMMENDED,
        JSON_TOO_LARGE="Nesting, numbers and characters stay within what every parser takes.",
        NAME_NOT_ASCII="Names are written in ASCII.",
        NAME_STARTS_WITH_DOT="A name does not start with a dot.",
        NAME_REPEATED_ALIKE="A type is defined once, even where both definitions say the same.",
        NAME_LIKE_PRIMITIVE="No type is named like a primitive one, not even inside of a namespace.",
        ALIAS_UNUSABLE="An alias is a name that a field or a type can have had.",
        TYPE_OUTSIDE_NAMESPACE="A type of no namespace is not used by its short name inside of one.",
        TYPE_USED_BEFORE_DEFINITION="A type is defined where it stands first.",
        ATTRIBUTE_IGNORED="Attributes have a value of the right kind, or parsers ignore them without a word.",
        ORDER_IN_CAPITALS="The order of a field is written in small letters.",
    ),
    *_rules(
        Family.PORTABILITY,
        Severity.WARNING,
        Profile.RECOMMENDED,
        JSON_COMMENT="A schema file has no comments.",
        ENCODING_NOT_UTF8="A schema file is written in UTF-8 without a byte order mark.",
        DEFAULT_OF_LATER_BRANCH="The default of a union is of its first branch.",
        LOGICAL_TYPE_UNKNOWN="A logical type is one of the specification.",
    ),
    *_rules(
        Family.PORTABILITY,
        Severity.WARNING,
        Profile.STRICT,
        LOGICAL_TYPE_CUSTOM="A logical type of one's own is known to every reader.",
    ),
    *_rules(
        Family.PRACTICE,
        Severity.WARNING,
        Profile.RECOMMENDED,
        ENUM_FALLBACK_UNUSED="An enum names its symbol for unknown values as its default.",
        DECIMAL_SCALE_MISSING="A decimal says its scale.",
    ),
    *_rules(
        Family.PRACTICE,
        Severity.WARNING,
        Profile.STRICT,
        DOC_MISSING="Records, enums and fields have a doc.",
        NULL_NOT_FIRST="In the union of an optional field null comes first.",
        OPTIONAL_WITHOUT_DEFAULT="An optional field has the default null.",
        ENUM_DEFAULT_MISSING="An enum has a default, so that symbols can be added.",
        NAMESPACE_MISSING="A schema's outermost type has a namespace.",
        TYPE_NAME_STYLE="Names of types are in PascalCase, namespaces in small letters.",
        FIELD_NAME_STYLE="Names of fields are in snake_case or in camelCase, in one schema all alike.",
        SYMBOL_STYLE="Symbols of an enum are in UPPER_CASE.",
    ),
    *_rules(
        Family.WAIVERS,
        Severity.ERROR,
        WAIVER_EXPIRED="A waiver that has expired is removed, or renewed by a decision.",
    ),
    *_rules(Family.WAIVERS, Severity.WARNING, WAIVER_UNUSED="A waiver that waives nothing is removed."),
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
        DECIMAL_PRECISION_CHANGED="A decimal is not read with a smaller precision.",
        PROMOTION_LOSES_DIGITS="A promotion must not lose digits.",
        BYTES_READ_AS_TEXT="Bytes must not be read as a string.",
        DEFAULT_CHANGED="A field keeps its default where data of other versions lack the field.",
        ENUM_DEFAULT_CHANGED="An enum keeps its default where data of other versions have symbols unknown to it.",
        ENUM_SYMBOL_MOVED="The symbols of an enum keep their positions.",
        NAMESPACE_CHANGED="A named type keeps its namespace.",
        UNION_BRANCH_SHADOWED="A branch that a reader takes by its full name must be able to read the data.",
    ),
    *_rules(Family.SEMANTICS, Severity.WARNING, DOC_REMOVED="What was documented stays documented."),
    *_rules(
        Family.CONTRACTS,
        Severity.ERROR,
        SCHEMA_FROZEN="A schema of the level FROZEN changes in docs and aliases alone.",
        LEVEL_LOWERED="A subject's compatibility level is not lowered.",
        CONTRACTS_INVALID="contracts.toml says what it should.",
        TOPIC_REMOVED="A topic that carries a schema stays in the contracts.",
        SCHEMA_REMOVED="A topic that carries a schema keeps one.",
        REFUSED_BY_REGISTRY="The registry takes the schema.",
        READ_ONLY="A subject that is to be changed can be written.",
        ROLLBACK="A version that is not the latest is not registered again unless that is meant.",
        LOCK_DIFFERS="A registry has what the lockfile of its environment says.",
        NOT_REGISTERED="What the contracts say is registered.",
        NOT_THE_LATEST="What the contracts say is the latest version in the registry.",
        LEVEL_DIFFERS="A subject has the level in the registry that the contracts give it.",
        NOT_KEPT="The registry keeps what it is given.",
        NOT_IN_CONTRACTS="What the registry has is in the contracts.",
    ),
    *_rules(Family.CONTRACTS, Severity.WARNING, NOT_COMPARED="A schema is compared with what it was."),
    *_rules(Family.CONTRACTS, Severity.NOTE, SCHEMA_NEW="A schema that was not there before is compared with nothing."),
]
RULES = {rule.id: rule for rule in _ALL}
