"""A schema with a field of every type, and columns for it."""

import json
from decimal import Decimal

from avroguard.avro.schema import parse_schema
from services.rules.fields import fields_of_schema
from services.rules.operands import Names

CONSTANTS = {"suspicious_amount": Decimal(900)}

_FIELDS = {
    "id": {"type": "string", "logicalType": "uuid"},
    "source": "string",
    "target": "string",
    "amount": {"type": "bytes", "logicalType": "decimal", "precision": 12, "scale": 2},
    "currency": "string",
    "created_at": {"type": "long", "logicalType": "timestamp-millis"},
    "booked_on": {"type": "int", "logicalType": "date"},
    "booked_at": {"type": "long", "logicalType": "timestamp-micros"},
    "clock": {"type": "int", "logicalType": "time-millis"},
    "fee": {"type": "bytes", "logicalType": "decimal", "precision": 12, "scale": 2},
    "rate": {"type": "bytes", "logicalType": "decimal", "precision": 12, "scale": 4},
    "huge": {"type": "bytes", "logicalType": "decimal", "precision": 30, "scale": 2},
    "items": "int",
    "risk": "double",
    "online": "boolean",
    "channel": {"type": "enum", "name": "Channel", "symbols": ["APP", "WEB", "DESK"]},
    "country": ["null", "string"],
    "discount": ["null", "int"],
    "signature": "bytes",
    "tags": {"type": "array", "items": "string"},
}

SCHEMA = parse_schema(
    "wide.avsc",
    json.dumps(
        {
            "type": "record",
            "name": "payments.Wide",
            "fields": [{"name": name, "type": kind} for name, kind in _FIELDS.items()],
        }
    ).encode(),
)
FIELDS = fields_of_schema(SCHEMA)
NAMES = Names(FIELDS, CONSTANTS)
