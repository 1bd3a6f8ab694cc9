"""The contracts: what each topic carries, read from files, checked, found in a registry, encoded and decoded.

A library that knows no Kafka. What a name needs is imported when it is first used, so that a check of files imports
no HTTP client and no codec.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from services.contracts.levels import Level
from services.errors import ContractError

if TYPE_CHECKING:
    from services.contracts.columns import ColumnDecoder, ColumnEncoder
    from services.contracts.compatibility import Incompatibility, incompatibilities
    from services.contracts.framing import HEADER_SIZE, frame, split, unframe
    from services.contracts.records import RecordDecoder, RecordEncoder
    from services.contracts.registry import RegisteredSchema, Registration, Registry, UnknownSchemaId
    from services.contracts.registry_settings import RegistrySettings
    from services.contracts.schema import Schema, load_schema
    from services.contracts.topics import Contracts, TopicContract, load_contracts

__all__ = [
    "HEADER_SIZE",
    "ColumnDecoder",
    "ColumnEncoder",
    "ContractError",
    "Contracts",
    "Incompatibility",
    "Level",
    "RecordDecoder",
    "RecordEncoder",
    "RegisteredSchema",
    "Registration",
    "Registry",
    "RegistrySettings",
    "Schema",
    "TopicContract",
    "UnknownSchemaId",
    "frame",
    "incompatibilities",
    "load_contracts",
    "load_schema",
    "split",
    "unframe",
]

_MODULES = {
    "columns": ("ColumnDecoder", "ColumnEncoder"),
    "compatibility": ("Incompatibility", "incompatibilities"),
    "framing": ("HEADER_SIZE", "frame", "split", "unframe"),
    "records": ("RecordDecoder", "RecordEncoder"),
    "registry": ("RegisteredSchema", "Registration", "Registry", "UnknownSchemaId"),
    "registry_settings": ("RegistrySettings",),
    "schema": ("Schema", "load_schema"),
    "topics": ("Contracts", "TopicContract", "load_contracts"),
}
_MODULE_OF = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
