"""The contracts: what each topic carries, read from files, checked, found in a registry, encoded and decoded.

A library that knows no Kafka. What a name needs is imported when it is first used, so that a check of files imports
no HTTP client and no codec.

    definition/      what the files say: contracts.toml, .avsc, the types that schemas share, waivers
    avro/            Avro's schema language: JSON with places, every fault with its rule
    compatibility/   can this reader read what that writer wrote?
    semantics/       can be read, and means something else
    lint/            would every parser take it, and is it easy to use and to evolve?
    changes/         what a change breaks, compared with git, a directory or a registry
    explaining/      what a finding does to data, shown with a record
    registration/    plan, lockfile, drift, pull
    registry/        the client of a schema registry
    reporting/       findings as text, JSON, GitHub annotations, SARIF, JUnit
    codec/           messages: framing, strict records, columns at the speed of numpy
    commands/        what people type
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from services.contracts.levels import Level
from services.errors import ContractError

if TYPE_CHECKING:
    from services.contracts.codec.columns import ColumnDecoder, ColumnEncoder, Form, Kind, kinds_of
    from services.contracts.codec.framing import HEADER_SIZE, frame, split, unframe
    from services.contracts.codec.header_ids import SCHEMA_ID_HEADER, HeaderSchemaId, SchemaId, header_schema_id
    from services.contracts.codec.records import RecordDecoder, RecordEncoder, SplicingEncoder
    from services.contracts.compatibility import Incompatibility, incompatibilities, losses
    from services.contracts.definition.schema import Schema, load_schema
    from services.contracts.definition.topics import Contracts, TopicContract, load_contracts
    from services.contracts.registry.client import NotRegistered, RegisteredSchema, Registration, Registry
    from services.contracts.registry.schema_ids import (
        GuidsUnknown,
        InvalidSchemaId,
        NotAnAvroSchema,
        UnknownSchemaId,
    )
    from services.contracts.registry.settings import RegistrySettings

__all__ = [
    "HEADER_SIZE",
    "SCHEMA_ID_HEADER",
    "ColumnDecoder",
    "ColumnEncoder",
    "ContractError",
    "Contracts",
    "Form",
    "GuidsUnknown",
    "HeaderSchemaId",
    "Incompatibility",
    "InvalidSchemaId",
    "Kind",
    "Level",
    "NotAnAvroSchema",
    "NotRegistered",
    "RecordDecoder",
    "RecordEncoder",
    "RegisteredSchema",
    "Registration",
    "Registry",
    "RegistrySettings",
    "Schema",
    "SchemaId",
    "SplicingEncoder",
    "TopicContract",
    "UnknownSchemaId",
    "frame",
    "header_schema_id",
    "incompatibilities",
    "kinds_of",
    "load_contracts",
    "load_schema",
    "losses",
    "split",
    "unframe",
]

_MODULES = {
    "codec.columns": ("ColumnDecoder", "ColumnEncoder", "Form", "Kind", "kinds_of"),
    "compatibility": ("Incompatibility", "incompatibilities", "losses"),
    "codec.framing": ("HEADER_SIZE", "frame", "split", "unframe"),
    "codec.header_ids": ("SCHEMA_ID_HEADER", "HeaderSchemaId", "SchemaId", "header_schema_id"),
    "codec.records": ("RecordDecoder", "RecordEncoder", "SplicingEncoder"),
    "registry.client": ("NotRegistered", "RegisteredSchema", "Registration", "Registry"),
    "registry.schema_ids": ("GuidsUnknown", "InvalidSchemaId", "NotAnAvroSchema", "UnknownSchemaId"),
    "registry.settings": ("RegistrySettings",),
    "definition.schema": ("Schema", "load_schema"),
    "definition.topics": ("Contracts", "TopicContract", "load_contracts"),
}
_MODULE_OF = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
