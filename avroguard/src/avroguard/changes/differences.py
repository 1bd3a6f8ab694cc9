"""Differences between two schemas, part by part, in plain words. No I/O."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from avroguard.avro.canonical_form import plain_numbers
from avroguard.compatibility import Node, parse
from avroguard.compatibility.nodes import (
    Array,
    Enum,
    Field,
    Fixed,
    Map,
    Named,
    Record,
    Union,
    kind,
    label,
)
from avroguard.places import JsonPath

_SHORT = 60  # characters of a doc that are shown


class Kind(StrEnum):
    """Kind of change of a part."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True)
class Difference:
    """One difference.

    Attributes:
        kind: The kind of change.
        part: The part, such as ``field amount of payments.Transaction``.
        detail: The values before and after, or the part itself.
        old_path: The path in the old schema; for an added part, its path if it were there.
        new_path: The path in the new schema; for a removed part, its path if it were there.
    """

    kind: Kind
    part: str
    detail: str
    old_path: JsonPath
    new_path: JsonPath

    @property
    def of_docs(self) -> bool:
        """Return whether the change is of a doc or of aliases, which readers and writers never see."""
        return self.kind is Kind.CHANGED and self.detail.startswith(("doc ", "aliases "))

    def __str__(self) -> str:
        """The difference in one line."""
        return f"{_SIGNS[self.kind]} {self.part}: {self.detail}"


_SIGNS = {Kind.ADDED: "+", Kind.REMOVED: "-", Kind.CHANGED: "~"}


def differences(old: object, new: object) -> list[Difference]:
    """Lists what is different, in the order of the new schema, removed parts last within their type.

    Args:
        old: The schema before, as plain JSON data.
        new: The schema after.

    Raises:
        ContractError: One of the two is no Avro schema.
    """
    return list(_Walk().types(parse(old), parse(new), "the schema"))


class _Walk:
    def __init__(self) -> None:
        self.seen: set[tuple[Node, Node]] = set()

    def types(self, old: Node, new: Node, part: str) -> Iterator[Difference]:
        pair = (old.definition, new.definition)
        if pair in self.seen:
            return
        self.seen.add(pair)
        match pair:
            case Array() as before, Array() as after:
                yield from self.types(before.items, after.items, f"items of {part}")
            case Map() as before, Map() as after:
                yield from self.types(before.values, after.values, f"values of {part}")
            case Union() as before, Union() as after:
                yield from self.unions(before, after, part)
            case (Union() as before, after) if matching := _match(after, before.branches):
                yield Difference(Kind.CHANGED, part, _from_to(label(old), label(new)), old.path, new.path)
                yield from self.types(matching, after, part)
            case (before, Union() as after) if matching := _match(before, after.branches):
                yield Difference(Kind.CHANGED, part, _from_to(label(old), label(new)), old.path, new.path)
                yield from self.types(before, matching, part)
            case before, after if kind(before) != kind(after):
                yield Difference(Kind.CHANGED, part, _from_to(label(old), label(new)), old.path, new.path)
            case Named() as before, Named() as after:
                yield from self.named(before, after)
        if kind(old) == kind(new):
            yield from _attributes(old, new, part)

    def named(self, old: Named, new: Named) -> Iterator[Difference]:
        part = f"{kind(new)} {new.full_name}"
        if old.full_name != new.full_name:
            yield Difference(Kind.CHANGED, part, f"was named {old.full_name}", old.path, new.path)
        yield from _texts(old, new, part)
        match old, new:
            case Record(), Record():
                yield from self.records(old, new)
            case Enum(), Enum():
                yield from _enums(old, new, part)
            case Fixed(), Fixed() if old.size != new.size:
                yield Difference(
                    Kind.CHANGED, part, f"size {_from_to(str(old.size), str(new.size))}", old.path, new.path
                )

    def records(self, old: Record, new: Record) -> Iterator[Difference]:
        matched: set[str] = set()
        for field in new.fields:
            part = f"field {field.name} of {new.full_name}"
            before = next(filter(None, (old.field(name) for name in (field.name, *field.aliases))), None)
            if before is None:
                yield Difference(Kind.ADDED, part, f"{label(field.type)}{_default(field)}", old.path, field.path)
                continue
            matched.add(before.name)
            if before.name != field.name:
                yield Difference(Kind.CHANGED, part, f"was named {before.name}", before.path, field.path)
            yield from _texts(before, field, part)
            was, now = (plain_numbers(version.attributes.get("default", ...)) for version in (before, field))
            if json.dumps(was, default=str) != json.dumps(now, default=str):
                was, now = (_default(version).removeprefix(" = ") or "none" for version in (before, field))
                yield Difference(Kind.CHANGED, part, f"default {_from_to(was, now)}", before.path, field.path)
            yield from self.types(before.type, field.type, part)
        for field in old.fields:
            if field.name not in matched:
                part = f"field {field.name} of {old.full_name}"
                yield Difference(Kind.REMOVED, part, f"{label(field.type)}{_default(field)}", field.path, new.path)
        common = [field.name for field in old.fields if new.field(field.name)]
        if common != [field.name for field in new.fields if old.field(field.name)]:
            part = f"record {new.full_name}"
            yield Difference(Kind.CHANGED, part, "its fields are in another order", old.path, new.path)

    def unions(self, old: Union, new: Union, part: str) -> Iterator[Difference]:
        matched: set[Node] = set()
        for branch in new.branches:
            before = _match(branch, old.branches)
            if before is None:
                yield Difference(Kind.ADDED, f"branch of {part}", label(branch), old.path, branch.path)
            else:
                matched.add(before)
                yield from self.types(before, branch, part)
        for branch in old.branches:
            if branch not in matched:
                yield Difference(Kind.REMOVED, f"branch of {part}", label(branch), branch.path, new.path)
        order = [label(branch) for branch in old.branches], [label(branch) for branch in new.branches]
        if order[0] != order[1] and sorted(order[0]) == sorted(order[1]):
            yield Difference(Kind.CHANGED, part, f"order {_from_to(*map(', '.join, order))}", old.path, new.path)


def _match(branch: Node, others: tuple[Node, ...]) -> Node | None:
    """The branch of the same name, or of the same kind where there are no names."""
    return next((other for other in others if label(other) == label(branch)), None)


def _enums(old: Enum, new: Enum, part: str) -> Iterator[Difference]:
    for symbol in new.symbols:
        if symbol not in old.symbols:
            yield Difference(Kind.ADDED, f"symbol of {part}", symbol, (*old.path, "symbols"), (*new.path, "symbols"))
    for symbol in old.symbols:
        if symbol not in new.symbols:
            yield Difference(Kind.REMOVED, f"symbol of {part}", symbol, (*old.path, "symbols"), (*new.path, "symbols"))
    common = [symbol for symbol in old.symbols if symbol in new.symbols]
    if common != [symbol for symbol in new.symbols if symbol in old.symbols]:
        yield Difference(Kind.CHANGED, part, "its symbols are in another order", old.path, new.path)
    if old.default != new.default:
        change = _from_to(old.default or "none", new.default or "none")
        yield Difference(Kind.CHANGED, part, f"default {change}", old.path, new.path)


def _texts(old: Named | Field, new: Named | Field, part: str) -> Iterator[Difference]:
    was, now = (str(schema.attributes.get("doc") or "") for schema in (old, new))
    if was != now:
        yield Difference(Kind.CHANGED, part, f"doc {_from_to(_quoted(was), _quoted(now))}", old.path, new.path)
    if set(old.aliases) != set(new.aliases):
        change = _from_to(*(", ".join(sorted(schema.aliases)) or "none" for schema in (old, new)))
        yield Difference(Kind.CHANGED, part, f"aliases {change}", old.path, new.path)


def _attributes(old: Node, new: Node, part: str) -> Iterator[Difference]:
    """Compare logical types and the other attributes of a type."""
    own = {"type", "name", "namespace", "doc", "aliases", "fields", "symbols", "default", "size", "items", "values"}
    before, after = old.definition.attributes, new.definition.attributes
    for key in dict.fromkeys((*before, *after)):
        if key not in own and before.get(key) != after.get(key):
            was, now = (json.dumps(attributes[key]) if key in attributes else "none" for attributes in (before, after))
            yield Difference(Kind.CHANGED, part, f"{key} {_from_to(was, now)}", old.path, new.path)


def _default(field: Field) -> str:
    return f" = {json.dumps(field.default, ensure_ascii=False)}" if field.has_default else ""


def _quoted(text: str) -> str:
    if not text:
        return "none"
    return f'"{text}"' if len(text) <= _SHORT else f'"{text[: _SHORT - 3]}..."'


def _from_to(was: str, now: str) -> str:
    return f"{was} -> {now}"


def as_json(difference: Difference) -> dict[str, Any]:
    """The difference for programs."""
    return {
        "kind": difference.kind,
        "part": difference.part,
        "detail": difference.detail,
        "old_path": difference.old_path,
        "new_path": difference.new_path,
    }
