"""Whether two schemas say the same, docs and aliases included, however a registry has spelled the one it keeps.

Confluent writes names and namespaces anew and takes needless objects away; Apicurio keeps what it was sent first, and
takes schemas that differ in docs or aliases alone for one.
"""

import hashlib
import json
from typing import Any

from avroguard.avro.names import NAMED, PRIMITIVES, enclosed_namespace, full_name


def same_wording(one: Any, other: Any) -> bool:
    """Whether two valid schemas, as plain JSON data, differ in spelling at most."""
    return bool(_spelled_out(one, "") == _spelled_out(other, ""))


def same_but_docs(one: Any, other: Any) -> bool:
    """Whether two valid schemas, as plain JSON data, differ in spelling, docs and aliases at most."""
    return bool(_spelled_out(one, "", docs=False) == _spelled_out(other, "", docs=False))


def fingerprint(schema: Any) -> str:
    """What identifies everything that a valid schema says, however it is spelled: ``sha256:`` and 64 digits."""
    text = json.dumps(_spelled_out(schema, ""), sort_keys=True, separators=(",", ":"))
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def _spelled_out(schema: Any, namespace: str, *, docs: bool = True) -> Any:
    """The schema with full names and without needless objects."""
    match schema:
        case str():
            return schema if schema in PRIMITIVES else full_name(schema, namespace)
        case list():
            return [_spelled_out(branch, namespace, docs=docs) for branch in schema]
        case {"type": kind} if len(schema) == 1:
            return _spelled_out(kind, namespace, docs=docs)
    result = _said(schema, docs=docs)
    if schema["type"] in NAMED:
        namespace = enclosed_namespace(schema, namespace)
        result["name"] = full_name(schema["name"], namespace)
        result.pop("namespace", None)
    if "aliases" in result:
        result["aliases"] = [full_name(alias, namespace) for alias in schema["aliases"]]
    for inside in ("items", "values"):
        if inside in schema:
            result[inside] = _spelled_out(schema[inside], namespace, docs=docs)
    if "fields" in schema:
        result["fields"] = [
            {"order": "ascending", **_said(field, docs=docs), "type": _spelled_out(field["type"], namespace, docs=docs)}
            for field in schema["fields"]
        ]
    return result


def _said(attributes: dict[str, Any], *, docs: bool) -> dict[str, Any]:
    return {key: value for key, value in attributes.items() if docs or key not in ("doc", "aliases")}
