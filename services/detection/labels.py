"""Labels of transactions on their way into the logs of repartition topics, where windows over labels are kept."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from confluent_kafka import Message

from services.contracts import HEADER_SIZE, ContractError, RecordDecoder, RecordEncoder, Registry, Schema, frame
from services.detection.repartition_writer import RepartitionWriter, partitions_of
from services.detection.transaction_batch import TransactionBatch
from services.errors import NotAuthorised, PoisonError, UsageError
from services.streaming.sink import Sink

TRANSACTION = "transaction"
"""The field of a label that has its transaction."""


class UnreadableLabelError(PoisonError):
    """A record of the topic of labels can't be read."""


@dataclass(frozen=True)
class Label:
    """A label of a transaction.

    Attributes:
        fraud: Whether it is fraud.
        arrived: When it arrived: the timestamp of its record, in milliseconds since the epoch.
        transaction: The transaction.
        value: The same as the value of a message.
    """

    fraud: bool
    arrived: int
    transaction: Mapping[str, Any]
    value: bytes


class LabelReader:
    """Reads records of the topic of labels.

    Args:
        registry: Asked once per schema id.
        label: The contract of labels.
        transaction: The contract of transactions.
        schema_id: The id of the contract of transactions under the subject of an output.
    """

    def __init__(self, registry: Registry, label: Schema, transaction: Schema, schema_id: int) -> None:
        self._registry = registry
        self._label = label
        self._encoder = RecordEncoder(transaction.json)
        self._schema_id = schema_id
        self._decoders: dict[bytes, RecordDecoder] = {}

    def read(self, message: Message) -> Label | None:
        """Return the label in a record; None if it is without its transaction.

        Raises:
            UnreadableLabelError: It is no label.
            Unavailable: The registry can't be asked now.
        """
        value = message.value() or b""
        record = self._decoder(value[:HEADER_SIZE]).decode(value[HEADER_SIZE:])
        transaction = record.get(TRANSACTION)
        if transaction is None:
            return None
        own = frame(self._schema_id, self._encoder.encode(transaction))
        return Label(bool(record["fraud"]), message.timestamp()[1], transaction, own)

    def _decoder(self, prefix: bytes) -> RecordDecoder:
        if prefix not in self._decoders:
            if len(prefix) < HEADER_SIZE or prefix[0]:
                raise UnreadableLabelError("no schema id before the value: expected a label with one")
            schema_id = int.from_bytes(prefix[1:], "big")
            try:
                self._decoders[prefix] = RecordDecoder(self._registry.schema_of(schema_id), self._label.json)
            except (PoisonError, ContractError, UsageError, NotAuthorised) as error:
                raise UnreadableLabelError(f"schema id {schema_id} can't be read as a label: {error}") from error
        return self._decoders[prefix]


class LabelRouter:
    """Passes labels on to every repartition topic, each to the partition of its transaction's key.

    Args:
        topic: The topic of labels.
        reader: Reads its records.
        writers: By the field that a repartition topic is keyed by its name and writer.
    """

    def __init__(self, topic: str, reader: LabelReader, writers: Mapping[str, tuple[str, RepartitionWriter]]) -> None:
        self.topic = topic
        self._reader = reader
        self._writers = writers

    def route(self, messages: Sequence[Message], version: str, sink: Sink) -> tuple[int, int]:
        """Write the labels in records of their topic; what can't be read becomes a dead letter.

        Args:
            messages: The records.
            version: The version of the rules.
            sink: Takes the records.

        Returns:
            The numbers of labels that were passed on, and of those without a transaction, which no window can have.
        """
        labels: list[Label] = []
        unjoined = 0
        for message in messages:
            try:
                label = self._reader.read(message)
            except PoisonError as error:
                sink.write_dead_letter(message, error)
                continue
            if label is None:
                unjoined += 1
            else:
                labels.append(label)
        for field, (topic, writer) in self._writers.items() if labels else ():
            keys = [str(label.transaction[field]).encode() for label in labels]
            partitions = partitions_of(keys, sink.partition_count(topic))
            for number in np.unique(partitions).tolist():
                rows = np.flatnonzero(partitions == number).tolist()
                writer.write_batch(
                    _batch([labels[row] for row in rows], [keys[row] for row in rows], version), number, sink
                )
        return len(labels), unjoined


def _batch(labels: Sequence[Label], keys: Sequence[bytes], version: str) -> TransactionBatch:
    return TransactionBatch(
        version,
        [label.value for label in labels],
        keys,
        np.array([label.arrived for label in labels], np.int64),
        [None] * len(labels),
        {},
        labels=np.array([label.fraud for label in labels], np.bool_),
    )
