"""Decisions of people into their topic, and what they teach into the topic of labels: one Kafka transaction."""

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from decimal import Decimal
from threading import Lock
from typing import Any

import structlog
from confluent_kafka import KafkaError, KafkaException, Message, Producer

from services.console.decoding import amount_scale
from services.console.records import Decision, Position, Transaction
from services.contracts import RecordDecoder, RecordEncoder, Schema, frame
from services.errors import Unavailable
from services.streaming.failures import is_fatal, raise_if_refused, reason

log = structlog.get_logger()

TIMEOUT = 10.0


@dataclass(frozen=True)
class Label:
    """The truth about one transaction, as a person decided it.

    Attributes:
        transaction: The transaction. Its receiver is the key of the label's message.
        fraud: Whether it is fraud.
    """

    transaction: Transaction
    fraud: bool


@dataclass(frozen=True)
class OutputTopic:
    """A topic that the console writes: its name, its contract, and the id of that in the registry."""

    name: str
    schema: Schema
    schema_id: int


class DecisionPublisher:
    """Writer of decisions and labels.

    Args:
        make_producer: Makes a transactional producer.
        decisions: The topic of decisions.
        labels: The topic of labels.
        transaction: The contract of transactions.
    """

    def __init__(
        self, make_producer: Callable[[], Producer], decisions: OutputTopic, labels: OutputTopic, transaction: Schema
    ) -> None:
        self._make_producer = make_producer
        self._decisions, self._labels = decisions, labels
        self._encode_decision = RecordEncoder(decisions.schema.json).encode
        self._encode_label = RecordEncoder(labels.schema.json).encode
        self._transactions = TransactionRecords(transaction)
        self._producer: Producer | None = None
        self._lock = Lock()

    def publish(self, decision: Decision, labels: Sequence[Label] = ()) -> Position:
        """Write a decision and its labels, all or none; return the place of the decision.

        Raises:
            Unavailable: The brokers did not confirm it. Whether it was written is not known; the same decision, with
                its id, may be written again.
            NotAuthorised: The brokers refuse access.
        """
        value = frame(self._decisions.schema_id, self._encode_decision(decision.record()))
        values = [
            (label, frame(self._labels.schema_id, self._encode_label(self._record(label, decision))))
            for label in labels
        ]
        positions: list[Position] = []

        def delivered(error: KafkaError | None, message: Message) -> None:
            if error is None:
                positions.append(Position(int(message.partition() or 0), int(message.offset() or 0)))

        with self._lock:
            try:
                producer = self._open()
                producer.begin_transaction()
                producer.produce(self._decisions.name, value, decision.account.encode(), on_delivery=delivered)
                for label, content in values:
                    producer.produce(self._labels.name, content, label.transaction.target.encode())
                producer.commit_transaction(TIMEOUT)
            except (KafkaException, BufferError) as error:
                self._recover(error)
                if isinstance(error, KafkaException):
                    raise_if_refused(error)
                raise Unavailable(f"the decision is not confirmed: {reason(error)}; try again") from error
        return positions[0]

    def open(self) -> None:
        """Connect, so that what is not authorised is known before the first decision.

        Raises:
            Unavailable: The brokers do not answer.
            NotAuthorised: The brokers refuse access.
        """
        with self._lock:
            try:
                self._open()
            except KafkaException as error:
                raise_if_refused(error)
                raise Unavailable(f"decisions can't be written: {reason(error)}") from error

    def _open(self) -> Producer:
        if self._producer is None:
            producer = self._make_producer()
            producer.init_transactions(TIMEOUT)
            self._producer = producer
        return self._producer

    def _recover(self, error: Exception) -> None:
        """Abort the transaction; where that is not possible, the next decision gets a new producer."""
        producer, self._producer = self._producer, None
        if producer is None or (isinstance(error, KafkaException) and is_fatal(error)):
            return
        try:
            producer.abort_transaction(TIMEOUT)
            self._producer = producer
        except KafkaException as failure:
            log.warning("producer replaced", reason=reason(failure))

    def _record(self, label: Label, decision: Decision) -> dict[str, Any]:
        return {
            "transaction_id": uuid.UUID(label.transaction.id),
            "fraud": label.fraud,
            "scenario": None,
            "incident": f"case {decision.case}",
            "transaction": self._transactions.record(label.transaction),
        }


class TransactionRecords:
    """Records of transactions as the console knows them: fields of the contract besides have their defaults.

    Args:
        schema: The contract.
    """

    def __init__(self, schema: Schema) -> None:
        known = {field.name for field in fields(Transaction)}
        writer = {**schema.json, "fields": [field for field in schema.json["fields"] if field["name"] in known]}
        self._encode = RecordEncoder(writer).encode
        self._decode = RecordDecoder(writer, schema.json).decode
        self._scale = amount_scale(schema)

    def record(self, transaction: Transaction) -> dict[str, Any]:
        """Return the record of a transaction, as windows over labels need it."""
        known = {
            **vars(transaction),
            "id": uuid.UUID(transaction.id),
            "amount": Decimal(transaction.amount).scaleb(-self._scale),
            "created_at": datetime.fromtimestamp(transaction.created_at / 1000, UTC),
        }
        record: dict[str, Any] = self._decode(self._encode(known))
        return record
