"""Governance of Avro schemas: is a schema right, is a change safe, does the registry say the same?

    avro/            Avro's schema language: JSON with places, every fault with its rule, references between files
    config/          contracts.toml: subjects, levels, waivers
    compatibility/   can this reader read what that writer wrote?
    semantics/       can be read, and means something else
    lint/            would every parser take it, and is it easy to use and to evolve?
    changes/         what a change breaks, compared with git, a directory or a registry
    explain/         what a finding does to data, shown with a record
    registration/    plan, lockfile, drift, pull
    registry/        the client of a schema registry (the extra `registry`)
    reporting/       findings as text, JSON, GitHub annotations, SARIF, JUnit
    cli/             what people type

What a name needs is imported when it is first used, so that a check of files imports no HTTP client.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from avroguard.levels import Level

if TYPE_CHECKING:
    from avroguard.avro.schema import Schema, load_schema
    from avroguard.compatibility import Incompatibility, incompatibilities, losses
    from avroguard.config.subjects import Contracts
    from avroguard.config.topics import load_contracts

__all__ = [
    "Contracts",
    "Incompatibility",
    "Level",
    "Schema",
    "incompatibilities",
    "load_contracts",
    "load_schema",
    "losses",
]

_MODULE_OF = {
    "Contracts": "config.subjects",
    "Incompatibility": "compatibility",
    "Schema": "avro.schema",
    "incompatibilities": "compatibility",
    "load_contracts": "config.topics",
    "load_schema": "avro.schema",
    "losses": "compatibility",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
