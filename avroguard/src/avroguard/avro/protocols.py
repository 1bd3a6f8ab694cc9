"""Protocols of Avro: ``.avpr`` files, whose types are schemas, and ``.avdl`` files, which have to be compiled first."""

from typing import Any

from avroguard.avro.json_parser import not_json
from avroguard.findings import InvalidSchemaError
from avroguard.places import JsonPath, Place

PROTOCOL = ".avpr"
IDL = ".avdl"
SCHEMA_FILES = (".avsc", PROTOCOL)
"""The ends of the names of files with schemas."""


def is_protocol(value: Any) -> bool:
    """Return whether the JSON of a file is that of a protocol."""
    return isinstance(value, dict) and isinstance(value.get("protocol"), str) and "type" not in value


def protocol_types(name: str, protocol: Any) -> tuple[list[Any], JsonPath]:
    """Return the types of a protocol as a union, each with its namespace, and their path in the file.

    Messages are not looked at.

    Args:
        name: The file's name in messages.
        protocol: The JSON of the file.

    Raises:
        InvalidSchemaError: If it is no protocol.
    """
    if not isinstance(protocol, dict) or not isinstance(protocol.get("protocol"), str):
        message = 'expected a protocol: an object with the attributes "protocol" and "types"'
        raise not_json(Place(name, 1, 1), "JSON_INVALID", message)
    types = protocol.get("types", [])
    namespace = protocol.get("namespace") or protocol["protocol"].rpartition(".")[0]
    if not isinstance(types, list):
        raise not_json(Place(name, 1, 1), "JSON_INVALID", 'expected an array of types as "types" of the protocol')
    return [_with_namespace(definition, namespace) for definition in types], ("types",)


def _with_namespace(definition: Any, namespace: Any) -> Any:
    """A definition with the namespace of its protocol, where it has none of its own."""
    named = isinstance(definition, dict) and isinstance(definition.get("name"), str)
    if not named or not isinstance(namespace, str) or not namespace:
        return definition
    return definition if "." in definition["name"] else {"namespace": namespace, **definition}


def idl_error(name: str) -> InvalidSchemaError:
    """Return the error of an Avro IDL file, with what to run."""
    compiled = f"{name.removesuffix(IDL)}{PROTOCOL}"
    message = f"Avro IDL is not read; run `java -jar avro-tools.jar idl {name} {compiled}`, and check {compiled}"
    return not_json(Place(name, 1), "JSON_INVALID", message)
