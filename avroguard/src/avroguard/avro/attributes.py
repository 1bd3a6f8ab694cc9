"""Validation of the parts of a definition: its name, its attributes and its defaults."""

import math
import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from avroguard.avro.defaults import UnfinishedRecordError, default_accepted, default_fits
from avroguard.avro.names import PRIMITIVES, full_name, json_shown, suggestion
from avroguard.findings import Finding
from avroguard.places import JsonPath

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_NAME_RULE = "letters, digits and _, not starting with a digit"
_RESERVED = frozenset({"type", "name", "namespace", "doc", "aliases", "symbols", "default", "size"})
_TYPE_ATTRIBUTES = _RESERVED - {"default"} | {"fields", "items", "values"}
_LARGEST_FIXED = 2**31 - 9  # what Avro Java takes: an array in Java can't be longer


@dataclass
class Names:
    """The named types defined so far, by full name; those of other files come in when they are used.

    Attributes:
        foreign: The types of other files: full name to all types that come with it.
        later: Every type of this file, wherever it is defined.
        defined: The types so far.
        unfinished: The records whose fields are being read.
        broken: Whether one of the types so far is no type at all, so that no default can be checked against it.
    """

    foreign: Mapping[str, Mapping[str, Any]]
    later: Mapping[str, Any]
    defined: dict[str, Any] = field(default_factory=dict)
    unfinished: list[dict[str, Any]] = field(default_factory=list)
    broken: bool = False

    def is_defined(self, name: str, namespace: str) -> bool:
        """Return whether a name is known at this place."""
        full = full_name(name, namespace)
        if full not in self.defined and full in self.foreign:
            self.defined |= self.foreign[full]
        return full in self.defined


def check_name(schema: dict[str, Any], kind: str, path: JsonPath, namespace: str) -> Iterator[Finding]:
    """Check a definition's name; ``namespace`` is its own, or the enclosing one."""
    name = schema.get("name")
    if "name" not in schema:
        yield Finding.at(path, "ATTRIBUTE_INVALID", f'expected an attribute "name" in this {kind}')
    elif isinstance(name, str) and name.startswith(".") and _plain(name[1:]):
        message = f'"{name}" starts with a dot, which only Avro Java reads'
        yield Finding.at((*path, "name"), "NAME_STARTS_WITH_DOT", message, 'write the name alone and "namespace": ""')
    elif not isinstance(name, str) or name == "":
        yield Finding.at((*path, "name"), "NAME_INVALID", f"expected a name ({_NAME_RULE}), found {json_shown(name)}")
    elif finding := _name_finding(name, (*path, "name"), "a name"):
        yield finding
    elif name.rpartition(".")[2] in PRIMITIVES:
        rule = "NAME_LIKE_PRIMITIVE" if namespace else "NAME_OF_PRIMITIVE"
        yield Finding.at((*path, "name"), rule, f'"{name}" is a primitive type', "choose another name")


def _plain(name: str) -> bool:
    return _NAME.fullmatch(name) is not None


def _name_finding(name: str, path: JsonPath, what: str, rule: str = "NAME_INVALID") -> Finding | None:
    """The fault of a name or of several joined by dots, by the rule and by what Avro Java takes beyond it."""
    if all(_plain(part) for part in name.split(".")):
        return None
    message = f"expected {what} ({_NAME_RULE}), found {json_shown(name)}"
    if all(_java_takes(part) for part in name.split(".")):
        fix = "write it in ASCII: Avro Java takes other letters, most other parsers and registries don't"
        return Finding.at(path, "NAME_NOT_ASCII", message, fix)
    return Finding.at(path, rule, message)


def _java_takes(name: str) -> bool:
    """Return whether ``NameValidator.UTF_VALIDATOR`` takes it: by UTF-16 units, of which half a pair is no letter."""
    return (
        name != ""
        and (name[0].isalpha() or name[0] == "_")
        and all(char.isalpha() or char == "_" or unicodedata.category(char) == "Nd" for char in name)
        and max(name) <= "\uffff"
    )


def check_namespace(schema: dict[str, Any], path: JsonPath) -> Iterator[Finding]:
    """Check a definition's namespace."""
    own, here = schema.get("namespace", ""), (*path, "namespace")
    if not isinstance(own, str):
        yield Finding.at(here, "ATTRIBUTE_IGNORED", f"expected a namespace (a text), found {json_shown(own)}")
    elif own and (finding := _name_finding(own, here, "names joined by dots")):
        name = schema.get("name")
        if isinstance(name, str) and "." in name and finding.rule == "NAME_INVALID":
            finding = Finding.at(
                here, "ATTRIBUTE_IGNORED", f"{finding.message}; the name has a namespace already", "remove it"
            )
        yield finding


def repeated(schema: dict[str, Any], full: str, path: JsonPath, names: Names) -> Finding:
    """Return the finding of a second definition.

    Avro Java lets it pass where it equals the first, as far as that is read: a record inside itself does.
    """
    first = names.defined[full]
    alike = all(schema.get(key) == first.get(key) for key in ("type", "symbols", "size"))
    passes = alike and schema["type"] in ("enum", "fixed") and first.keys() <= _RESERVED
    passes = passes or (schema["type"] in ("record", "error") and any(first is record for record in names.unfinished))
    rule = "NAME_REPEATED_ALIKE" if passes else "NAME_REPEATED"
    message = f"the type {json_shown(full)} is defined twice"
    return Finding.at((*path, "name"), rule, message, "refer to the first one by name")


def check_alias(schema: dict[str, Any], path: JsonPath, *, names_types: bool) -> Iterator[Finding]:
    """Check the aliases of a type, or of a field."""
    aliases, here = schema.get("aliases", []), (*path, "aliases")
    if not isinstance(aliases, list) or not all(isinstance(alias, str) for alias in aliases):
        yield Finding.at(here, "ALIAS_INVALID", f"expected an array of names, found {json_shown(aliases)}")
        return
    for index, alias in enumerate(aliases):
        place = (*here, index)
        space, _, short = alias.rpartition(".") if names_types else ("", "", alias)
        wrong = _name_finding(short, place, "an alias", "ALIAS_INVALID" if names_types else "ALIAS_UNUSABLE")
        if not wrong and space:
            wrong = _name_finding(space, place, "an alias", "ALIAS_UNUSABLE")
        if wrong:
            yield wrong


def check_property(schema: dict[str, Any], path: JsonPath) -> Iterator[Finding]:
    """Check attributes without a meaning in Avro: Avro Java can't copy numbers beyond 64 bits in them.

    It copies those of records, arrays and maps, when it has read a schema to its end.
    """
    if schema["type"] not in ("record", "error", "array", "map"):
        return
    for key, value in schema.items():
        if key not in _TYPE_ATTRIBUTES and _too_large(value):
            yield Finding.at((*path, key), "ATTRIBUTE_INVALID", f'expected numbers of 64 bits at most in "{key}"')


def _too_large(value: Any) -> bool:
    match value:
        case dict():
            return any(map(_too_large, value.values()))
        case list():
            return any(map(_too_large, value))
        case _:
            return isinstance(value, int) and not -(2**63) <= value < 2**63


def check_doc(schema: dict[str, Any], path: JsonPath) -> Iterator[Finding]:
    """Check a doc; null is none."""
    if not isinstance(schema.get("doc") or "", str):
        yield Finding.at((*path, "doc"), "ATTRIBUTE_IGNORED", f"expected a text, found {json_shown(schema['doc'])}")


def check_fixed(schema: dict[str, Any], path: JsonPath) -> Iterator[Finding]:
    """Check a fixed's size."""
    size = schema.get("size")
    if not isinstance(size, int) or isinstance(size, bool) or not 0 <= size <= _LARGEST_FIXED:
        message = f'expected an attribute "size" (a number of bytes) in this fixed, found {json_shown(size)}'
        yield Finding.at((*path, "size"), "FIXED_SIZE_INVALID", message)


def check_enum(schema: dict[str, Any], path: JsonPath) -> Iterator[Finding]:
    """Check an enum's symbols and its default."""
    symbols = schema.get("symbols")
    if not isinstance(symbols, list):
        message = 'expected an attribute "symbols" (an array of names) in this enum'
        yield Finding.at((*path, "symbols"), "ATTRIBUTE_INVALID", message)
        return
    for index, symbol in enumerate(symbols):
        here = (*path, "symbols", index)
        if not isinstance(symbol, str) or "." in symbol:
            message = f"expected a symbol ({_NAME_RULE}), found {json_shown(symbol)}"
            yield Finding.at(here, "SYMBOL_INVALID", message)
        elif finding := _name_finding(symbol, here, "a symbol", "SYMBOL_INVALID"):
            yield finding
        if symbol in symbols[:index]:
            yield Finding.at(
                here, "SYMBOL_REPEATED", f"the symbol {json_shown(symbol)} stands twice in this enum", "keep one"
            )
    default = schema.get("default")
    if "default" in schema and default not in symbols:
        known = [symbol for symbol in symbols if isinstance(symbol, str)]
        message = f"the default {json_shown(default)} is not a symbol of this enum"
        rule = "ENUM_DEFAULT_UNKNOWN" if isinstance(default, str) else "ATTRIBUTE_IGNORED"
        yield Finding.at((*path, "default"), rule, message + suggestion(str(default), known))


def check_field_name(field: dict[str, Any], seen: set[str], path: JsonPath) -> Iterator[Finding]:
    """Check a field's name; adds it to those seen in the record."""
    name, here = field.get("name"), (*path, "name")
    if not isinstance(name, str) or "." in name:
        shown = f", found {json_shown(name)}" if "name" in field else ""
        yield Finding.at(here, "NAME_INVALID", f'expected a "name" ({_NAME_RULE}) in this field{shown}')
        return
    if finding := _name_finding(name, here, 'a "name"'):
        yield finding
    if name in seen:
        yield Finding.at(
            here, "FIELD_REPEATED", f"the field {json_shown(name)} stands twice in this record", "remove one"
        )
    seen.add(name)


def check_order(field: dict[str, Any], path: JsonPath) -> Iterator[Finding]:
    """Check a field's order."""
    order = field.get("order", "ascending")
    known = ("ascending", "descending", "ignore")
    if order not in known:
        passes = isinstance(order, str) and order.lower() in known
        message = f'expected "ascending", "descending" or "ignore", found {json_shown(order)}'
        yield Finding.at((*path, "order"), "ORDER_IN_CAPITALS" if passes else "ORDER_INVALID", message)


def check_default(field: dict[str, Any], path: JsonPath, namespace: str, names: Names) -> Iterator[Finding]:
    """Check the default of a field whose type is sound."""
    default, kind, here = field["default"], field["type"], (*path, "default")
    try:
        java_takes = default_accepted(default, kind, namespace, names.defined, names.unfinished)
    except UnfinishedRecordError:
        message = f"{_whose(field)} is for a record inside itself, which no parser can check"
        yield Finding.at(here, "DEFAULT_RECURSIVE", message, "make the field a union with null, and null its default")
        return
    if not java_takes:
        yield Finding.at(here, "DEFAULT_INVALID", f"{_whose(field)} does not fit its type")
    elif not default_fits(default, kind, namespace, names.defined):
        message = f"{_whose(field)} does not fit its type, although Avro Java takes it until it is read"
        yield Finding.at(here, "DEFAULT_UNREADABLE", message)


def _whose(field: dict[str, Any]) -> str:
    return f"the default {json_shown(field['default'])} of the field {json_shown(field.get('name'))}"


def check_decimal(schema: dict[str, Any], path: JsonPath) -> Iterator[Finding]:
    """The faults of a decimal: codecs refuse it, though the specification would have its logical type ignored."""
    if schema.get("logicalType") != "decimal":
        return
    precision, scale = schema.get("precision"), schema.get("scale", 0)
    if not isinstance(precision, int) or isinstance(precision, bool) or precision < 1:
        message = f'expected a "precision" of 1 or more in this decimal, found {json_shown(precision)}'
        yield Finding.at((*path, "precision"), "DECIMAL_INVALID", message)
    elif not isinstance(scale, int) or isinstance(scale, bool) or not 0 <= scale <= precision:
        message = f'expected a "scale" from 0 to the precision {precision}, found {json_shown(scale)}'
        yield Finding.at((*path, "scale"), "DECIMAL_INVALID", message)
    elif schema["type"] == "fixed" and isinstance(schema.get("size"), int):
        fits = math.floor(math.log10(2) * (8 * schema["size"] - 1))
        if precision > fits:
            message = f"{schema['size']} bytes hold decimals of {fits} digits, not of {precision}"
            yield Finding.at((*path, "precision"), "DECIMAL_INVALID", message)
