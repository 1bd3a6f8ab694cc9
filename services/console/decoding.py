"""Messages of the console's topics into records."""

from typing import Any

from confluent_kafka import Message

from services.console.records import Alert, Decision, Position, alert_of, decision_of
from services.contracts import RecordDecoder, Registry, Schema, SchemaId, header_schema_id, unframe
from services.errors import ContractError
from services.streaming.record_headers import read_headers


class RecordReader:
    """Decoder of the records of one topic, whatever schema they were written with.

    Args:
        registry: Asked once per schema id.
        schema: The contract of the topic.
    """

    def __init__(self, registry: Registry, schema: Schema) -> None:
        self._registry = registry
        self._schema = schema.json
        self._decoders: dict[SchemaId, RecordDecoder] = {}

    def read(self, message: Message) -> dict[str, Any]:
        """Return the record of a message.

        Raises:
            PoisonError: It has none.
            ContractError: Its schema can't be read by the contract.
            Unavailable: The registry can't be asked about a new schema id.
        """
        value = message.value()
        value = value.encode() if isinstance(value, str) else value
        in_header = header_schema_id(read_headers(message) or ()) if value is not None else None
        schema_id, body = (in_header, value or b"") if in_header else unframe(value)
        if schema_id not in self._decoders:
            self._decoders[schema_id] = RecordDecoder(self._registry.schema_of(schema_id), self._schema)
        record: dict[str, Any] = self._decoders[schema_id].decode(body)
        return record


def read_alert(reader: RecordReader, message: Message, scale: int) -> Alert:
    """Return the alert in a message."""
    key = message.key()
    return alert_of(reader.read(message), key.encode() if isinstance(key, str) else key, position_of(message), scale)


def read_decision(reader: RecordReader, message: Message) -> Decision:
    """Return the decision in a message."""
    return decision_of(reader.read(message), position_of(message))


def position_of(message: Message) -> Position:
    """Return the place of a message in its topic."""
    return Position(int(message.partition() or 0), int(message.offset() or 0))


def amount_scale(alert: Schema) -> int:
    """Return the decimal places of amounts in the contract of transactions.

    Raises:
        ContractError: The contract has no decimal amount.
    """
    field = next((field for field in alert.json["fields"] if field["name"] == "amount"), None)
    kind = field["type"] if field else None
    if not isinstance(kind, dict) or kind.get("logicalType") != "decimal":
        raise ContractError(f"{alert.name}: expected a field amount of logical type decimal: cases are ranked by it")
    return int(kind.get("scale", 0))
