"""The canonical form of a schema's whole content, docs and aliases included, whichever way a registry writes it.

Confluent's registry writes names and namespaces anew and takes needless objects away; told to normalize, it also sorts
aliases, fills in the order of fields, drops empty docs and a scale of 0, and writes 1.0 as 1. Karapace sorts keys.
Apicurio keeps the text that was sent first, and takes schemas that differ in docs or aliases alone for one.
"""

import hashlib
import json
from typing import Any

from avroguard.avro.names import NAMED, PRIMITIVES, enclosed_namespace, full_name


def same_content(schema: Any, other: Any) -> bool:
    """Return whether two valid schemas, as plain JSON data, differ in spelling at most."""
    return bool(_canonical(schema, "") == _canonical(other, ""))


def same_but_docs(schema: Any, other: Any) -> bool:
    """Return whether two valid schemas, as plain JSON data, differ in spelling, docs and aliases at most."""
    return bool(_canonical(schema, "", docs=False) == _canonical(other, "", docs=False))


def fingerprint(schema: Any) -> str:
    """Return ``sha256:`` and 64 digits, the same for two valid schemas exactly where their content is the same."""
    text = json.dumps(_canonical(schema, ""), sort_keys=True, separators=(",", ":"))
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def _canonical(schema: Any, namespace: str, *, docs: bool = True) -> Any:
    """Return the schema with full names, without needless objects and without what is the default."""
    match schema:
        case str():
            return schema if schema in PRIMITIVES else full_name(schema, namespace)
        case list():
            return [_canonical(branch, namespace, docs=docs) for branch in schema]
        case {"type": kind} if len(schema) == 1:
            return _canonical(kind, namespace, docs=docs)
        case {"type": dict() | list() as kind}:
            return {**schema, "type": _canonical(kind, namespace, docs=docs)}
    result = _attributes(schema, docs=docs)
    if result.get("scale") == 0:
        del result["scale"]
    if schema["type"] in NAMED:
        namespace = enclosed_namespace(schema, namespace)
        result["name"] = full_name(schema["name"], namespace)
        result.pop("namespace", None)
        if "aliases" in result:
            result["aliases"] = sorted(full_name(alias, namespace) for alias in result["aliases"])
    for inside in ("items", "values"):
        if inside in schema:
            result[inside] = _canonical(schema[inside], namespace, docs=docs)
    if "fields" in schema:
        result["fields"] = [_field(field, namespace, docs=docs) for field in schema["fields"]]
    return result


def _field(field: dict[str, Any], namespace: str, *, docs: bool) -> dict[str, Any]:
    result = {"order": "ascending", **_attributes(field, docs=docs)}
    if "aliases" in result:
        result["aliases"] = sorted(result["aliases"])
    if "default" in result:
        result["default"] = plain_numbers(result["default"])
    return {**result, "type": _canonical(field["type"], namespace, docs=docs)}


def _attributes(attributes: dict[str, Any], *, docs: bool) -> dict[str, Any]:
    """Return the attributes without empty docs and aliases, or without any."""
    return {key: value for key, value in attributes.items() if key not in ("doc", "aliases") or (docs and value)}


def plain_numbers(value: Any) -> Any:
    """Return a default with 1 for 1.0: which of both is meant depends on the type alone."""
    match value:
        case float() if value.is_integer():
            return int(value)
        case list():
            return [plain_numbers(item) for item in value]
        case dict():
            return {key: plain_numbers(item) for key, item in value.items()}
    return value
