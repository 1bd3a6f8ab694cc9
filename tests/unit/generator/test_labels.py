"""Labels of transactions that belong to an incident, and their publishing."""

from threading import Event
from typing import Any

import numpy as np
import pytest
from prometheus_client import CollectorRegistry

from services.contracts import RecordDecoder, load_contracts, unframe
from services.generator.encoding import TransactionEncoder
from services.generator.labels import LabelEncoder, Labels
from services.generator.metrics import GeneratorMetrics
from services.generator.pacing import Schedule
from services.generator.publisher import DeliveryCounts, DeliveryFailed, Publisher
from services.generator.scenarios import LabelledTraffic, LabelledTransactions, read_scenarios
from services.generator.service import Generator
from services.streaming.progress import Progress

CONTRACTS = load_contracts()
TRANSACTION = CONTRACTS.topic("queueing.transactions").required_schema
LABEL = CONTRACTS.topic("queueing.transactions.labels").required_schema
MIX = read_scenarios("rapid-fire=0.2,account-takeover=0.1")


def encoder() -> LabelEncoder:
    return LabelEncoder(LABEL, 8)


def decoded(schema: Any, value: bytes) -> dict[str, Any]:
    return dict(RecordDecoder(schema.json).decode(unframe(value)[1]))


def test_a_label_says_which_incident_a_transaction_belongs_to() -> None:
    rows = LabelledTraffic(100, 1, MIX).take(5000, Schedule(20, 0).created_at)
    labels = encoder().encode(rows)
    assert labels.rows == np.flatnonzero(rows.incident != b"").tolist()
    assert len(labels.values) == len(labels.keys) == len(labels.rows) > 100
    for row, value, key in zip(labels.rows, labels.values, labels.keys, strict=True):
        assert unframe(value)[0] == 8
        assert decoded(LABEL, value) | {"transaction_id": ""} == {
            "transaction_id": "",
            "fraud": True,
            "scenario": rows.scenario[row].decode(),
            "incident": rows.incident[row].decode(),
            "transaction": None,
        }
        assert str(decoded(LABEL, value)["transaction_id"]).encode() == rows.ids[row]
        assert key == rows.targets[row]


def test_labels_of_a_slice_are_those_of_its_transactions() -> None:
    rows = LabelledTraffic(100, 1, MIX).take(5000, Schedule(20, 0).created_at)
    labels = encoder().encode(rows)
    parts = [labels.between(first, first + 7) for first in range(0, 5000, 7)]
    assert [value for values, _ in parts for value in values] == labels.values
    assert [key for _, keys in parts for key in keys] == labels.keys


class StubProducer:
    """Takes everything, until it has ``limit``: then it tells ``stop`` and has no room any more."""

    def __init__(self, stop: Event, limit: int) -> None:
        self.stop, self.limit = stop, limit
        self.taken: dict[str, list[bytes]] = {"transactions": [], "labels": []}
        self.waited = 0

    def produce(self, topic: str, value: bytes, _key: bytes, _partition: int, _on_delivery: Any) -> None:
        if len(self.taken["transactions"]) == self.limit and not self.stop.is_set():
            self.stop.set()
            raise BufferError("queue full")
        self.taken[topic].append(value)

    def poll(self, _timeout: float) -> None:
        self.waited += 1

    flush = poll

    def __len__(self) -> int:
        return 0


@pytest.mark.parametrize("limit", [1, 150, 3001])
def test_a_stop_leaves_exactly_the_published_transactions_labelled(limit: int) -> None:
    stop = Event()
    producer, metrics = StubProducer(stop, limit), GeneratorMetrics(registry := CollectorRegistry())
    publisher = Publisher(producer, "transactions", metrics, stop, "labels")  # type: ignore[arg-type]
    seen: list[LabelledTransactions] = []

    def label(rows: LabelledTransactions, values: list[bytes]) -> Labels:
        seen.append(rows)
        labels = encoder().encode(rows, values)
        for row, value in zip(labels.rows, labels.values, strict=True):
            assert decoded(LABEL, value)["transaction"] == decoded(TRANSACTION, values[row])
        return labels

    counts = Generator(
        LabelledTraffic(100, 1, read_scenarios("account-takeover=0.3")),
        TransactionEncoder(TRANSACTION, 7),
        publisher,
        metrics,
        stop,
        progress=Progress(),
        rate=0,
        limit=0,
        log_transactions=False,
        label=label,
    ).run()
    sent = [str(decoded(TRANSACTION, value)["id"]) for value in producer.taken["transactions"]]
    labelled = [str(decoded(LABEL, value)["transaction_id"]) for value in producer.taken["labels"]]
    fraud = [identifier.decode() for rows in seen for identifier in rows.ids[rows.incident != b""].tolist()]
    assert len(sent) == limit
    assert labelled == [identifier for identifier in fraud if identifier in set(sent)]
    assert labelled
    assert counts == DeliveryCounts(delivered=len(sent) + len(labelled), failed=0, outstanding=0)
    assert registry.get_sample_value("fraud_generator_transactions_total") == len(sent)
    assert registry.get_sample_value("fraud_generator_labels_total") == len(labelled)


def test_labels_that_do_not_fit_the_queue_are_counted_as_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.generator.publisher._FLUSH_SECONDS", 0.05)
    stop = Event()
    stop.set()

    class Full(StubProducer):
        def produce(self, *_: Any) -> None:
            raise BufferError("queue full")

    publisher = Publisher(Full(stop, 0), "transactions", GeneratorMetrics(CollectorRegistry()), stop, "labels")  # type: ignore[arg-type]
    with pytest.raises(
        DeliveryFailed, match="topics transactions and labels: the queue stayed full .*; 0 transactions and"
    ):
        publisher.send_labels([b"a", b"b"], [b"", b""])
    assert publisher.counts == DeliveryCounts(delivered=0, failed=2, outstanding=0)
