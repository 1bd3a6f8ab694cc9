"""What makes a JSON value an Avro schema: names, types, attributes and defaults, each fault with its place.

Follows the specification (https://avro.apache.org/docs/1.12.0/specification/) as strictly as the registries'
own parser does, so that what passes here is accepted there.
"""

import difflib
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from services.contracts.defaults import default_fits
from services.contracts.source import JsonPath

PRIMITIVES = frozenset({"null", "boolean", "int", "long", "float", "double", "bytes", "string"})
NAMED = frozenset({"record", "error", "enum", "fixed"})
_RECORDS = ("record", "error")
COMPLEX = NAMED | {"array", "map"}

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_NAME_RULE = "letters, digits and _, not starting with a digit"


@dataclass(frozen=True)
class Fault:
    """Something that keeps a JSON value from being an Avro schema.

    Attributes:
        path: Where in the JSON value.
        message: What is wrong, and what was expected.
    """

    path: JsonPath
    message: str


@dataclass
class _Names:
    """The named types defined so far: full name to definition; and those of other files, which come in when used."""

    foreign: Mapping[str, Mapping[str, Any]]
    defined: dict[str, Any] = field(default_factory=dict)

    def resolve(self, name: str, namespace: str) -> str | None:
        full = full_name(name, namespace)
        if full not in self.defined and full in self.foreign:
            self.defined |= self.foreign[full]
        return full if full in self.defined else None


def full_name(name: str, namespace: str) -> str:
    """The full name of ``name`` where ``namespace`` encloses it: a name with a dot is full already."""
    return name if "." in name or not namespace else f"{namespace}.{name}"


def enclosed_namespace(schema: dict[str, Any], enclosing: str) -> str:
    """The namespace of a named type, which is that of every name inside it as well."""
    name = schema.get("name", "")
    if isinstance(name, str) and "." in name:
        return name.rpartition(".")[0]
    namespace = schema.get("namespace", enclosing)
    return namespace if isinstance(namespace, str) else enclosing


def field_at(schema: Any, path: JsonPath) -> str:
    """The innermost field at ``path``, such as ``payments.Transaction.amount``; empty where it is in none."""
    found, namespace, record = "", "", ""
    for index, key in enumerate(path):
        if isinstance(schema, dict) and isinstance(schema.get("name"), str) and schema.get("type") in _RECORDS:
            namespace = enclosed_namespace(schema, namespace)
            record = full_name(schema["name"], namespace)
        if not isinstance(schema, dict | list) or isinstance(schema, list) != isinstance(key, int):
            break
        if isinstance(schema, dict) and key not in schema:
            break
        schema = schema[key]  # type: ignore[index]
        if path[index - 1 : index] == ("fields",) and isinstance(schema, dict):
            found = f"{record}.{schema.get('name', key)}"
    return found


def faults(schema: Any, foreign: Mapping[str, Mapping[str, Any]] | None = None) -> Iterator[Fault]:
    """Everything that keeps ``schema`` (plain JSON data) from being an Avro schema, in text order.

    Args:
        schema: The value.
        foreign: The types of other files that it may use: full name to all types that come with it.
    """
    yield from _type(schema, (), "", _Names(foreign or {}))


def _type(schema: Any, path: JsonPath, namespace: str, names: _Names) -> Iterator[Fault]:
    if isinstance(schema, str):
        if schema not in PRIMITIVES and names.resolve(schema, namespace) is None:
            yield Fault(path, _unknown_type(schema, names))
    elif isinstance(schema, list):
        yield from _union(schema, path, namespace, names)
    elif isinstance(schema, dict):
        yield from _object(schema, path, namespace, names)
    else:
        yield Fault(path, f"expected a type (a name, an object or a union), found {_shown(schema)}")


def _unknown_type(name: str, names: _Names) -> str:
    full = [*names.defined, *names.foreign]
    known = [*sorted(PRIMITIVES | COMPLEX), *full, *(n.rpartition(".")[2] for n in full)]
    return (
        f'unknown type "{name}": expected a primitive type, a type that this file defines before this place, or that '
        "of a file which contracts.toml lists under [schemas]" + suggestion(name, known)
    )


def suggestion(name: str, known: list[str]) -> str:
    """``; did you mean "x"?`` where a known name is close to ``name``, else nothing."""
    close = difflib.get_close_matches(name, known, n=1)
    return f'; did you mean "{close[0]}"?' if close else ""


def _union(branches: list[Any], path: JsonPath, namespace: str, names: _Names) -> Iterator[Fault]:
    seen: set[str] = set()
    for index, branch in enumerate(branches):
        here = (*path, index)
        if isinstance(branch, list):
            yield Fault(here, "a union directly inside a union; merge their branches")
            continue
        yield from _type(branch, here, namespace, names)
        kind = _branch_kind(branch, namespace)
        if kind in seen:
            yield Fault(here, f'the union has the type "{kind}" twice; keep one')
        seen.add(kind)


def _branch_kind(branch: Any, namespace: str) -> str:
    """What tells a branch from the others: the full name of a named type, else the kind of type."""
    if isinstance(branch, dict):
        kind = branch.get("type")
        if isinstance(kind, str) and kind in NAMED:
            return full_name(str(branch.get("name", "")), enclosed_namespace(branch, namespace))
        return _branch_kind(kind, namespace)
    if isinstance(branch, str) and branch not in PRIMITIVES and branch not in COMPLEX:
        return full_name(branch, namespace)
    return str(branch)


def _object(schema: dict[str, Any], path: JsonPath, namespace: str, names: _Names) -> Iterator[Fault]:
    if "type" not in schema:
        yield Fault(path, 'expected an attribute "type" in this type')
        return
    kind = schema["type"]
    if isinstance(kind, str) and kind in NAMED:
        yield from _named(schema, kind, path, namespace, names)
    elif kind == "array":
        yield from _element(schema, "items", path, namespace, names)
    elif kind == "map":
        yield from _element(schema, "values", path, namespace, names)
    elif isinstance(kind, str):
        yield from _type(kind, (*path, "type"), namespace, names)
    else:
        yield Fault((*path, "type"), f'expected the name of a type as "type" of a type, found {_shown(kind)}')
    yield from _decimal(schema, path)


def _element(schema: dict[str, Any], attribute: str, path: JsonPath, namespace: str, names: _Names) -> Iterator[Fault]:
    if attribute not in schema:
        yield Fault(path, f'expected an attribute "{attribute}" (a type) in this {schema["type"]}')
    else:
        yield from _type(schema[attribute], (*path, attribute), namespace, names)


def _named(schema: Any, kind: str, path: JsonPath, namespace: str, names: _Names) -> Iterator[Fault]:
    name = schema.get("name")
    if "name" not in schema:
        yield Fault(path, f'expected an attribute "name" in this {kind}')
    elif not isinstance(name, str) or not all(_NAME.fullmatch(part) for part in name.split(".")):
        yield Fault((*path, "name"), f"expected a name ({_NAME_RULE}), found {_shown(name)}")
    elif name in PRIMITIVES:
        yield Fault((*path, "name"), f'"{name}" is a primitive type; choose another name')
    own = schema.get("namespace", "")
    if not isinstance(own, str) or (own and not all(_NAME.fullmatch(part) for part in own.split("."))):
        here = (*path, "namespace")
        yield Fault(here, f"expected names ({_NAME_RULE}) joined by dots, found {_shown(own)}")
    inside = enclosed_namespace(schema, namespace)
    if isinstance(name, str):
        full = full_name(name, inside)
        if full in names.defined:
            yield Fault((*path, "name"), f'the type "{full}" is defined twice; refer to the first one by name')
        names.defined[full] = schema
    yield from _aliases_and_doc(schema, path)
    match kind:
        case "enum":
            yield from _enum(schema, path)
        case "fixed":
            size = schema.get("size")
            if not isinstance(size, int) or isinstance(size, bool) or size < 0:
                yield Fault((*path, "size"), 'expected an attribute "size" (a number of bytes) in this fixed')
        case _:
            yield from _fields(schema, path, inside, names)


def _aliases_and_doc(schema: dict[str, Any], path: JsonPath) -> Iterator[Fault]:
    aliases = schema.get("aliases", [])
    if not isinstance(aliases, list) or not all(isinstance(alias, str) for alias in aliases):
        yield Fault((*path, "aliases"), f"expected an array of names, found {_shown(aliases)}")
    if not isinstance(schema.get("doc", ""), str):
        yield Fault((*path, "doc"), f"expected a text, found {_shown(schema['doc'])}")


def _enum(schema: dict[str, Any], path: JsonPath) -> Iterator[Fault]:
    symbols = schema.get("symbols")
    if not isinstance(symbols, list):
        yield Fault((*path, "symbols"), 'expected an attribute "symbols" (an array of names) in this enum')
        return
    for index, symbol in enumerate(symbols):
        here = (*path, "symbols", index)
        if not isinstance(symbol, str) or not _NAME.fullmatch(symbol):
            yield Fault(here, f"expected a symbol ({_NAME_RULE}), found {_shown(symbol)}")
        elif symbol in symbols[:index]:
            yield Fault(here, f'the symbol "{symbol}" stands twice in this enum; keep one')
    if "default" in schema and schema["default"] not in symbols:
        known = [symbol for symbol in symbols if isinstance(symbol, str)]
        message = f"the default {_shown(schema['default'])} is not a symbol of this enum"
        yield Fault((*path, "default"), message + suggestion(str(schema["default"]), known))


def _fields(schema: dict[str, Any], path: JsonPath, namespace: str, names: _Names) -> Iterator[Fault]:
    fields = schema.get("fields")
    if not isinstance(fields, list):
        yield Fault((*path, "fields"), f'expected an attribute "fields" (an array) in this {schema["type"]}')
        return
    seen: set[str] = set()
    for index, one in enumerate(fields):
        here = (*path, "fields", index)
        if not isinstance(one, dict):
            yield Fault(here, f"expected a field (an object with name and type), found {_shown(one)}")
            continue
        name = one.get("name")
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            found = f", found {_shown(name)}" if "name" in one else ""
            yield Fault((*here, "name"), f'expected a "name" ({_NAME_RULE}) in this field{found}')
        elif name in seen:
            yield Fault((*here, "name"), f'the field "{name}" stands twice in this record; remove one')
        else:
            seen.add(name)
        yield from _aliases_and_doc(one, here)
        yield from _order(one, here)
        if "type" not in one:
            yield Fault(here, f'expected an attribute "type" in the field {_shown(name)}')
            continue
        wrong = list(_type(one["type"], (*here, "type"), namespace, names))
        yield from wrong
        if wrong or "default" not in one:
            continue
        if not default_fits(one["default"], one["type"], namespace, names.defined):
            default = _shown(one["default"])
            message = f"the default {default} of the field {_shown(name)} does not fit its type"
            yield Fault((*here, "default"), message)


def _order(one: dict[str, Any], path: JsonPath) -> Iterator[Fault]:
    order = one.get("order", "ascending")
    if order not in ("ascending", "descending", "ignore"):
        message = f'expected "ascending", "descending" or "ignore", found {_shown(order)}'
        yield Fault((*path, "order"), message)


def _decimal(schema: dict[str, Any], path: JsonPath) -> Iterator[Fault]:
    """A decimal that makes no sense: the codec refuses it, though the specification would have it ignored."""
    if schema.get("logicalType") != "decimal":
        return
    precision, scale = schema.get("precision"), schema.get("scale", 0)
    if not isinstance(precision, int) or isinstance(precision, bool) or precision < 1:
        message = f'expected a "precision" of 1 or more in this decimal, found {_shown(precision)}'
        yield Fault((*path, "precision"), message)
    elif not isinstance(scale, int) or isinstance(scale, bool) or not 0 <= scale <= precision:
        message = f'expected a "scale" from 0 to the precision {precision}, found {_shown(scale)}'
        yield Fault((*path, "scale"), message)
    elif schema["type"] == "fixed" and isinstance(schema.get("size"), int):
        fits = math.floor(math.log10(2) * (8 * schema["size"] - 1))
        if precision > fits:
            message = f"{schema['size']} bytes hold decimals of {fits} digits, not of {precision}"
            yield Fault((*path, "precision"), message)


def _shown(value: Any) -> str:
    """A JSON value as a message shows it: short, and in JSON's words."""
    match value:
        case None:
            return "null"
        case bool():
            return str(value).lower()
        case str():
            return f'"{value}"' if len(value) <= 60 else f'"{value[:57]}..."'
        case dict():
            return "an object"
        case list():
            return "an array"
        case _:
            return str(value)
