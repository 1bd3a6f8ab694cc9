"""The contracts: what each topic carries, read from files, checked, and found in a schema registry.

A library that knows no Kafka. The registry client is in `services.contracts.registry`, apart from this face so that
what works offline needs no HTTP.
"""

from services.contracts.levels import Level
from services.contracts.schema import Schema, load_schema
from services.contracts.topics import Contracts, TopicContract, load_contracts
from services.errors import ContractError

__all__ = ["ContractError", "Contracts", "Level", "Schema", "TopicContract", "load_contracts", "load_schema"]
