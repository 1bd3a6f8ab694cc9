"""Goes through two schemas side by side, and tells where the same bytes mean something else."""

import json
from collections.abc import Iterable
from typing import Any

from avroguard.compatibility.checking import compare
from avroguard.compatibility.nodes import (
    Array,
    Enum,
    Field,
    Map,
    Named,
    Node,
    Path,
    Record,
    Union,
    kind,
    label,
)
from avroguard.compatibility.parsing import parse
from avroguard.errors import ContractError
from avroguard.semantics.changes import SemanticChange, SemanticRule
from avroguard.semantics.values import logical_changes, promotions


def semantic_changes(old: object, new: object) -> list[SemanticChange]:
    """Lists what means something else in the new schema, as far as the two can be read with each other.

    Args:
        old: The schema before, in any form that ``incompatibilities`` takes.
        new: The schema after.

    Returns:
        The changes in the order of the old schema. What is incompatible is not among them.

    Raises:
        ContractError: One of the two is no Avro schema.
    """
    walk = _Walk()
    before, after = parse(old), parse(new)
    try:
        walk.types(before, after, "the value")
    except RecursionError:
        raise ContractError("the schemas are nested too deeply to be compared: flatten them") from None
    return list(dict.fromkeys(walk.changes))


class _Walk:
    """Goes through the places that two schemas have in common, once through each pair of types."""

    def __init__(self) -> None:
        self.changes: list[SemanticChange] = []
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
            case _ if not _readable(old, new):
                pass
            case Named() as before, Named() as after:
                self._named(before, after)
                self.changes += logical_changes(before, after, place)
            case _:
                self.changes += [*logical_changes(old, new, place), *promotions(old, new, place)]

    def _unions(self, old: Node, new: Node, place: str) -> None:
        for before in _branches(old):
            if after := _counterpart(before, _branches(new)):
                self.types(before, after, place)
        self._shadowed(old, new, _branches(new), _branches(old), place)
        self._shadowed(old, new, _branches(old), _branches(new), place)

    def _named(self, old: Named, new: Named) -> None:
        spaces = (old.namespace, new.namespace)
        if old.name == new.name and old.namespace != new.namespace and spaces not in self._namespaces:
            self._namespaces.add(spaces)
            self._add(
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
            if before.has_default and field.has_default and not _same(before.default, field.default):
                was, now = json.dumps(before.default), json.dumps(field.default)
                self._add(
                    SemanticRule.DEFAULT_CHANGED,
                    (*before.path, "default"),
                    (*field.path, "default"),
                    f"{place} has the default {now} instead of {was}: data without the field change their meaning",
                    "keep the default, or add a new field",
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
            self._add(
                SemanticRule.ENUM_SYMBOL_MOVED,
                (*old.path, "symbols"),
                (*new.path, "symbols"),
                f"enum {new.full_name} has {', '.join(moved)} in another position: whoever keeps or compares the "
                "position, as generated code does, takes one symbol for another",
                "add symbols at the end only",
            )
        if old.default is not None and new.default is not None and old.default != new.default:
            self._add(
                SemanticRule.ENUM_DEFAULT_CHANGED,
                (*old.path, "default"),
                (*new.path, "default"),
                f"enum {new.full_name} reads unknown symbols as {new.default} instead of {old.default}",
                "keep the default",
            )

    def _shadowed(self, old: Node, new: Node, readers: Iterable[Node], writers: Iterable[Node], place: str) -> None:
        """A reader takes the branch that has the writer's full name, even where only another one can read it."""
        for writer in (node.definition for node in writers):
            exact = [node for node in readers if isinstance(writer, Named) and _full_name(node) == writer.full_name]
            if any(compare(node, writer) for node in exact) and not all(compare(node, writer) for node in readers):
                self._add(
                    SemanticRule.UNION_BRANCH_SHADOWED,
                    old.path,
                    new.path,
                    f"{place} may be {label(writer)}, which the branch of that name can't read: Avro's checks find "
                    "another branch of the same short name, but readers don't look further",
                    "make the two compatible",
                )

    def _doc(self, old: Named | Field, new: Named | Field, place: str) -> None:
        if old.attributes.get("doc") and not new.attributes.get("doc"):
            self._add(
                SemanticRule.DOC_REMOVED,
                (*old.path, "doc"),
                new.path,
                f"{place} has lost its doc",
                "put back what it said, or say what it is now",
            )

    def _add(self, rule: SemanticRule, old: Path, new: Path, message: str, fix: str) -> None:
        self.changes.append(SemanticChange(rule, old, new, message, fix))


def _branches(node: Node) -> tuple[Node, ...]:
    definition = node.definition
    return definition.branches if isinstance(definition, Union) else (node,)


def _counterpart(node: Node, others: Iterable[Node]) -> Node | None:
    """The type of a union that stands for a type of another schema: of its name, or its kind, or read as it."""
    alike = [other for other in others if _readable(node, other)]
    ranked = sorted(alike, key=lambda other: (_full_name(other) != _full_name(node), kind(other) != kind(node)))
    return next(iter(ranked), None)


def _readable(old: Node, new: Node) -> bool:
    """Whether at least one of the two reads the other as a whole: same name and kind, or by promotion."""
    before, after = old.definition, new.definition
    if isinstance(before, Named) and isinstance(after, Named):
        names = {before.full_name, *before.aliases} & {after.full_name, *after.aliases}
        return kind(before) == kind(after) and (before.name == after.name or bool(names))
    return kind(before) == kind(after) or not compare(before, after) or not compare(after, before)


def _full_name(node: Node) -> str:
    definition = node.definition
    return definition.full_name if isinstance(definition, Named) else kind(definition)


def _same(old: Any, new: Any) -> bool:
    """Whether two defaults are the same value; 1 and 1.0 are, 1 and true are not."""
    if old is None or new is None:
        return old is new
    if isinstance(old, int | float) and isinstance(new, int | float):
        return old == new and isinstance(old, bool) == isinstance(new, bool)
    return json.dumps(old, sort_keys=True) == json.dumps(new, sort_keys=True)
