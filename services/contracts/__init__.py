"""The contracts of the pipeline: the schema of each topic, and the encoding and decoding of its messages.

A library that knows no Kafka. Schemas, their compatibility and the registry's client are those of `avroguard`, which
this package re-exports for services.

    topics.py             location of contracts.toml
    codec/                messages: framing, strict records, columns at the speed of numpy
    python_types.py       Python types of schemas
    generated_types.py    Python types of this pipeline's schemas
"""

from avroguard.avro.schema import Schema, load_schema
from avroguard.compatibility import Incompatibility, incompatibilities, losses
from avroguard.config.subjects import Contracts, TopicContract
from avroguard.errors import ContractError
from avroguard.levels import Level
from avroguard.registry.client import NotRegistered, RegisteredSchema, Registration, Registry
from avroguard.registry.schema_ids import GuidsUnknown, InvalidSchemaId, NotAnAvroSchema, UnknownSchemaId
from avroguard.registry.settings import RegistrySettings
from services.contracts.codec.columns import ColumnDecoder, ColumnEncoder, Form, Kind, kinds_of
from services.contracts.codec.header_ids import SCHEMA_ID_HEADER, HeaderSchemaId, SchemaId, header_schema_id
from services.contracts.codec.message_records import MessageRecords
from services.contracts.codec.records import RecordDecoder, RecordEncoder, SplicingEncoder
from services.contracts.codec.wire_format import HEADER_SIZE, frame, split_by_schema, unframe
from services.contracts.topics import SCHEMAS_ENVIRONMENT, load_contracts

__all__ = [
    "HEADER_SIZE",
    "SCHEMAS_ENVIRONMENT",
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
    "MessageRecords",
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
    "split_by_schema",
    "unframe",
]
