"""Whether two schemas say the same, docs and aliases included, however a registry has spelled the one it keeps.

Confluent writes names and namespaces anew and takes needless objects away; Apicurio keeps what it was sent first, and
takes schemas that differ in docs or aliases alone for one.
"""

from typing import Any

from services.contracts.syntax import NAMED, PRIMITIVES, enclosed_namespace, full_name


def same_wording(one: Any, other: Any) -> bool:
    """Whether two valid schemas, as plain JSON data, differ in spelling at most."""
    return bool(_spelled_out(one, "") == _spelled_out(other, ""))


def _spelled_out(schema: Any, namespace: str) -> Any:
    """The schema with full names and without needless objects."""
    match schema:
        case str():
            return schema if schema in PRIMITIVES else full_name(schema, namespace)
        case list():
            return [_spelled_out(branch, namespace) for branch in schema]
        case {"type": kind} if len(schema) == 1:
            return _spelled_out(kind, namespace)
    result = dict(schema)
    if schema["type"] in NAMED:
        namespace = enclosed_namespace(schema, namespace)
        result["name"] = full_name(schema["name"], namespace)
        result.pop("namespace", None)
    if "aliases" in schema:
        result["aliases"] = [full_name(alias, namespace) for alias in schema["aliases"]]
    for inside in ("items", "values"):
        if inside in schema:
            result[inside] = _spelled_out(schema[inside], namespace)
    if "fields" in schema:
        result["fields"] = [
            {"order": "ascending", **field, "type": _spelled_out(field["type"], namespace)}
            for field in schema["fields"]
        ]
    return result
