"""Messages of the incompatibilities, in plain words, with advice for the schema that can still be changed."""

from collections.abc import Sequence

from avroguard.compatibility.incompatibility import Direction, Incompatibility, Rule
from avroguard.compatibility.nodes import Enum, Field, Fixed, Named, Node, Record, kind, label
from avroguard.places import JsonPath

_READER = {
    None: "the reader's schema",
    Direction.BACKWARD: "the new schema",
    Direction.FORWARD: "the older schema",
}
_WRITER = {
    None: "the writer's schema",
    Direction.BACKWARD: "the older schema",
    Direction.FORWARD: "the new schema",
}
# Advice where the older schema is the reader: only the new schema can still be changed.
_WRITER_ADVICE = {
    Rule.READER_FIELD_MISSING_DEFAULT: "keep the field",
    Rule.READER_FIELD_AMBIGUOUS: "give the new field another name",
    Rule.UNION_BRANCH_REMOVED: "use a new field for it",
    Rule.ENUM_SYMBOL_REMOVED: "use a new field with an enum of its own; where the level is not transitive, a version "
    "that gives the enum type a default may come first",
    Rule.NAME_CHANGED: "keep the name",
}


class IncompatibilityFactory:
    """Makes incompatibilities, with messages for one direction.

    Args:
        direction: The direction, which tells the new schema; ``None`` to speak of reader and writer.
    """

    def __init__(self, direction: Direction | None) -> None:
        self._direction = direction
        self._reader = _READER[direction]
        self._writer = _WRITER[direction]

    def type_changed(self, reader: Node, writer: Node, place: str) -> Incompatibility:
        """The types have nothing to do with each other."""
        return self._incompatibility(
            Rule.TYPE_CHANGED,
            reader.path,
            writer.path,
            f"{place} is {label(writer)} in {self._writer}, which can't be read as the {label(reader)} of "
            f"{self._reader}",
            "keep the type, or add a new field with a default",
        )

    def branch_removed(self, reader: Node, branch: Node, place: str) -> Incompatibility:
        """Build the finding that no branch of the reader's type can read a branch of the writer's union."""
        return self._incompatibility(
            Rule.UNION_BRANCH_REMOVED,
            reader.path,
            branch.path,
            f"{place} may be {label(branch)} in {self._writer}, which can't be read as the {label(reader)} of "
            f"{self._reader}",
            self._advice(Rule.UNION_BRANCH_REMOVED, f"keep {label(branch)} among the types"),
        )

    def name_changed(self, reader: Named, writer: Named) -> Incompatibility:
        """The same kind of type has another name."""
        advice = f"keep the name, or give the type the alias {writer.full_name!r}"
        return self._incompatibility(
            Rule.NAME_CHANGED,
            (*reader.path, "name"),
            (*writer.path, "name"),
            f"{kind(reader)} {reader.full_name} of {self._reader} is named {writer.full_name} in {self._writer}",
            self._advice(Rule.NAME_CHANGED, advice),
        )

    def size_changed(self, reader: Fixed, writer: Fixed) -> Incompatibility:
        """A fixed has another size."""
        return self._incompatibility(
            Rule.FIXED_SIZE_CHANGED,
            (*reader.path, "size"),
            (*writer.path, "size"),
            f"fixed {reader.full_name} has {writer.size} bytes in {self._writer} and {reader.size} in {self._reader}",
            "keep the size, or add a new field of a new type with a default",
        )

    def symbols_removed(self, reader: Enum, writer: Enum, unknown: Sequence[str]) -> Incompatibility:
        """The reader doesn't know some of the writer's symbols."""
        advice = "keep the symbols, or give the enum type a default (that of a field doesn't help)"
        return self._incompatibility(
            Rule.ENUM_SYMBOL_REMOVED,
            (*reader.path, "symbols"),
            (*writer.path, "symbols", writer.symbols.index(unknown[0])),
            f"enum {reader.full_name} may be {', '.join(unknown)} in {self._writer}, which {self._reader} doesn't "
            "know and has no enum default for",
            self._advice(Rule.ENUM_SYMBOL_REMOVED, advice),
        )

    def default_missing(self, field: Field, reader: Record, writer: Record) -> Incompatibility:
        """The reader has nothing to put into a field."""
        advice = "give the field a default, or an alias if it was renamed"
        return self._incompatibility(
            Rule.READER_FIELD_MISSING_DEFAULT,
            field.path,
            (*writer.path, "fields"),
            f"field {field.name!r} of {reader.full_name} is missing in {self._writer}, and {self._reader} has no "
            "default for it",
            self._advice(Rule.READER_FIELD_MISSING_DEFAULT, advice),
        )

    def ambiguous(self, field: Field, sources: Sequence[Field], reader: Record) -> Incompatibility:
        """The reader can't tell which of the writer's fields is meant."""
        names = ", ".join(repr(source.name) for source in sources)
        advice = "remove the aliases that are fields there"
        return self._incompatibility(
            Rule.READER_FIELD_AMBIGUOUS,
            field.path,
            sources[-1].path,
            f"field {field.name!r} of {reader.full_name} in {self._reader} matches several names in {self._writer}, "
            f"by its name and its aliases ({names})",
            self._advice(Rule.READER_FIELD_AMBIGUOUS, advice),
        )

    def _incompatibility(
        self, rule: Rule, reader_path: JsonPath, writer_path: JsonPath, message: str, fix: str
    ) -> Incompatibility:
        return Incompatibility(rule, reader_path, writer_path, message, fix, self._direction)

    def _advice(self, rule: Rule, for_the_reader: str) -> str:
        return _WRITER_ADVICE[rule] if self._direction is Direction.FORWARD else for_the_reader
