"""The comparison of two schemas for bytes that mean something else."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from avroguard.compatibility import Direction, Incompatibility
from avroguard.compatibility.comparison import compare
from avroguard.compatibility.nodes import (
    Array,
    Enum,
    Field,
    Map,
    Named,
    Node,
    Record,
    Union,
    kind,
    label,
    types_in,
)
from avroguard.compatibility.parsing import parse
from avroguard.errors import ContractError
from avroguard.semantics.change_collector import ChangeCollector
from avroguard.semantics.rules import SemanticRule
from avroguard.semantics.values import add_logical_changes, add_promotions


def semantic_changes(
    old: object,
    new: object,
    directions: Sequence[Direction] = tuple(Direction),
    earlier: Sequence[object] = (),
) -> list[Incompatibility]:
    """List what means something else in the new schema, as far as the two can be read with each other.

    Args:
        old: The schema before, in any form that ``incompatibilities`` takes.
        new: The schema after.
        directions: Directions of reading that a compatibility level asks for.
        earlier: Other versions whose data are still read: only they can need a default that both schemas have.

    Returns:
        The changes in the order of the old schema, without what is incompatible.

    Raises:
        ContractError: One of the schemas is no Avro schema.
    """
    comparison = _Comparison(ChangeCollector(directions), [parse(schema) for schema in earlier])
    before, after = parse(old), parse(new)
    try:
        comparison.types(before, after, "the value")
    except RecursionError:
        raise ContractError("the schemas are nested too deeply to be compared: flatten them") from None
    return comparison.changes.all()


class _Comparison:
    """Comparison of the places that two schemas have in common, once through each pair of types."""

    def __init__(self, changes: ChangeCollector, earlier: Sequence[Node]) -> None:
        self.changes = changes
        self._earlier = earlier
        self._seen: set[tuple[Node, Node]] = set()
        self._namespaces: set[tuple[str | None, str | None]] = set()

    def types(self, old: Node, new: Node, place: str) -> None:
        """Compares what stands in the same place."""
        pair = (old.definition, new.definition)
        if pair in self._seen:
            return
        self._seen.add(pair)
        match pair:
            case (Union(), _) | (_, Union()):
                self._unions(old, new, place)
            case Array() as before, Array() as after:
                self.types(before.items, after.items, f"an item of {place}")
            case Map() as before, Map() as after:
                self.types(before.values, after.values, f"a value of {place}")
            case _ if not _is_counterpart(old, new):
                pass
            case Named() as before, Named() as after:
                self._named(before, after)
                add_logical_changes(self.changes, before, after, place)
            case _:
                add_logical_changes(self.changes, old, new, place)
                add_promotions(self.changes, old, new, place)

    def _unions(self, old: Node, new: Node, place: str) -> None:
        for before in _branches(old):
            if after := _counterpart(before, _branches(new)):
                self.types(before, after, place)
        for direction in Direction:
            self._shadowed(old, new, direction, place)

    def _named(self, old: Named, new: Named) -> None:
        spaces = (old.namespace, new.namespace)
        if old.name == new.name and old.namespace != new.namespace and spaces not in self._namespaces:
            self._namespaces.add(spaces)
            self.changes.add(
                SemanticRule.NAMESPACE_CHANGED,
                old.path,
                new.path,
                f"{kind(old)} {old.full_name} is {new.full_name} now: Avro's checks compare the last part only, but "
                "readers that compare full names, generated classes and fingerprints don't",
                "keep the namespace",
            )
        self._doc(old, new, f"{kind(new)} {new.full_name}")
        match old, new:
            case Enum(), Enum():
                self._enums(old, new)
            case Record(), Record():
                self._records(old, new)

    def _records(self, old: Record, new: Record) -> None:
        known = {field.name: field for field in old.fields}
        for field in new.fields:
            if known.get(field.name) is field:
                continue
            before = next((known[name] for name in (field.name, *field.aliases) if name in known), None)
            if before is None:
                continue
            place = f"field {field.name!r} of {new.full_name}"
            self._doc(before, field, place)
            if _default_changed(before, field) and self._default_is_needed(new, before, field):
                was, now = json.dumps(before.default), json.dumps(field.default)
                self.changes.add(
                    SemanticRule.DEFAULT_CHANGED,
                    (*before.path, "default"),
                    (*field.path, "default"),
                    f"{place} has the default {now} instead of {was}: data of versions without the field change their "
                    "meaning",
                    "keep the default, or add a new field",
                    only=Direction.BACKWARD,
                )
            if not field.is_typed_like(before):
                self.types(before.type, field.type, place)

    def _enums(self, old: Enum, new: Enum) -> None:
        moved = [
            symbol
            for index, symbol in enumerate(old.symbols)
            if symbol in new.symbols and new.symbols.index(symbol) != index
        ]
        if moved:
            self.changes.add(
                SemanticRule.ENUM_SYMBOL_MOVED,
                (*old.path, "symbols"),
                (*new.path, "symbols"),
                f"enum {new.full_name} has {', '.join(moved)} in another position: programs that store or compare "
                "positions, as generated code does, take one symbol for another",
                "add symbols at the end only",
            )
        changed = old.default is not None and new.default is not None and old.default != new.default
        if changed and self._unknown_symbols(old, new):
            self.changes.add(
                SemanticRule.ENUM_DEFAULT_CHANGED,
                (*old.path, "default"),
                (*new.path, "default"),
                f"enum {new.full_name} reads unknown symbols of other versions as {new.default} instead of "
                f"{old.default}",
                "keep the default",
                only=Direction.BACKWARD,
            )

    def _unknown_symbols(self, old: Enum, new: Enum) -> bool:
        """Return whether another version has symbols that neither schema knows."""
        known = {*old.symbols, *new.symbols}
        return any(
            not known.issuperset(node.symbols)
            for schema in self._earlier
            for node in types_in(schema)
            if isinstance(node, Enum) and node.full_name in (old.full_name, new.full_name)
        )

    def _default_is_needed(self, record: Record, old: Field, new: Field) -> bool:
        """Return whether another version's data lack a field that both schemas have."""
        names = {old.name, new.name, *new.aliases}
        return any(
            names.isdisjoint(field.name for field in node.fields)
            for schema in self._earlier
            for node in types_in(schema)
            if isinstance(node, Record) and node.full_name == record.full_name
        )

    def _shadowed(self, old: Node, new: Node, direction: Direction, place: str) -> None:
        """A reader takes the branch that has the writer's full name, even where only another one can read it."""
        if not self.changes.matters(direction):
            return
        old_branches, new_branches = _branches(old), _branches(new)
        backward = direction is Direction.BACKWARD
        readers, writers = (new_branches, old_branches) if backward else (old_branches, new_branches)
        for writer in (node.definition for node in writers):
            same = [node for node in readers if isinstance(writer, Named) and _full_name(node) == writer.full_name]
            if any(compare(node, writer) for node in same) and not all(compare(node, writer) for node in readers):
                self.changes.add(
                    SemanticRule.UNION_BRANCH_SHADOWED,
                    old.path,
                    new.path,
                    f"{place} may be {label(writer)}, which the branch of that name can't read: Avro's checks find "
                    "another branch of the same short name, but readers don't look further",
                    "make the two compatible",
                    only=direction,
                )

    def _doc(self, old: Named | Field, new: Named | Field, place: str) -> None:
        if old.attributes.get("doc") and not new.attributes.get("doc"):
            self.changes.add(
                SemanticRule.DOC_REMOVED,
                (*old.path, "doc"),
                new.path,
                f"{place} has lost its doc",
                "put back what it said, or say what it is now",
            )


def _branches(node: Node) -> tuple[Node, ...]:
    definition = node.definition
    return definition.branches if isinstance(definition, Union) else (node,)


def _counterpart(node: Node, others: Iterable[Node]) -> Node | None:
    """The type of a union that stands for a type of another schema: of its name, or its kind, or read as it."""
    alike = [other for other in others if _is_counterpart(node, other)]
    ranked = sorted(alike, key=lambda other: (_full_name(other) != _full_name(node), kind(other) != kind(node)))
    return next(iter(ranked), None)


def _is_counterpart(old: Node, new: Node) -> bool:
    """Return whether at least one of the two reads the other as a whole: same name and kind, or by promotion."""
    before, after = old.definition, new.definition
    if isinstance(before, Named) and isinstance(after, Named):
        names = {before.full_name, *before.aliases} & {after.full_name, *after.aliases}
        return kind(before) == kind(after) and (before.name == after.name or bool(names))
    return kind(before) == kind(after) or not compare(before, after) or not compare(after, before)


def _full_name(node: Node) -> str:
    definition = node.definition
    return definition.full_name if isinstance(definition, Named) else kind(definition)


def _default_changed(old: Field, new: Field) -> bool:
    return old.has_default and new.has_default and not _same(old.default, new.default)


def _same(old: Any, new: Any) -> bool:
    """Return whether two defaults are the same value; 1 and 1.0 are, 1 and true are not."""
    if old is None or new is None:
        return old is new
    if isinstance(old, int | float) and isinstance(new, int | float):
        return old == new and isinstance(old, bool) == isinstance(new, bool)
    return json.dumps(old, sort_keys=True) == json.dumps(new, sort_keys=True)
