"""Recognises batches among the records of repartition topics, and unpacks them."""

from collections.abc import Iterable
from typing import Any

import structlog

from services.contracts import HEADER_SIZE, SCHEMA_ID_HEADER, Registry, Schema, TopicContract
from services.detection.transaction_batch import BATCH, BatchDecoder, TransactionBatch
from services.errors import ContractError, NotAuthorised, PoisonError, UsageError
from services.streaming.record_headers import Headers

log = structlog.get_logger()


class BatchUnpacker:
    """Unpacks batches. A record is one if the schema of its value is named `BATCH`.

    Args:
        registry: Asked once per schema id.
        schema: The contract of batches; None to read each as it was written.
    """

    def __init__(self, registry: Registry, schema: Schema | None = None) -> None:
        self._registry = registry
        self._schema = schema
        self._decoders: dict[bytes, BatchDecoder | None] = {}

    def __call__(self, value: bytes | None, headers: Headers | None) -> TransactionBatch | None:
        """Return the batch in a record; None for a record of a single transaction, or one that can't be read.

        Raises:
            PoisonError: It is a torn batch.
            Unavailable: The registry can't be asked now.
        """
        # Where a header has the schema id, a value begins with any bytes: batches have no headers.
        if value is None or any(name == SCHEMA_ID_HEADER for name, _ in headers or ()):
            return None
        prefix = value[:HEADER_SIZE]
        if prefix not in self._decoders:
            if len(prefix) < HEADER_SIZE or prefix[0]:
                return None
            try:
                schema = self._registry.schema_of(int.from_bytes(prefix[1:], "big"))
            except (PoisonError, ContractError, UsageError, NotAuthorised):
                return None  # the look-up for a single transaction says why
            self._decoders[prefix] = self._decoder(schema)
        decoder = self._decoders[prefix]
        return decoder.decode(value) if decoder else None

    def _decoder(self, schema: Any) -> BatchDecoder | None:
        if not isinstance(schema, dict) or _full_name(schema) != BATCH:
            return None
        try:
            return BatchDecoder(schema, self._schema.json if self._schema else schema)
        except ContractError as error:
            log.error("batches of another version can't be read", reason=str(error))
            return None


def _full_name(schema: dict[str, Any]) -> str:
    name, namespace = str(schema.get("name", "")), schema.get("namespace")
    return f"{namespace}.{name}" if namespace and "." not in name else name


def require_batch_schemas(topics: Iterable[TopicContract]) -> None:
    """Check that repartition topics carry batches.

    Raises:
        ContractError: One has another schema.
    """
    for topic in topics:
        name = topic.required_schema.name
        if name != BATCH:
            raise ContractError(
                f"{topic.place}: topic {topic.name} carries {name}; expected {BATCH} (transaction_batch.avsc): between "
                "stages transactions go in batches"
            )
