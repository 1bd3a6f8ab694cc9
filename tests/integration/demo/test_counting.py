"""Counting a run from real topics: only its own messages, only committed ones, every fault seen."""

import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from confluent_kafka import Producer

from services.contracts import RecordEncoder, Registry, TopicContract, frame
from services.streaming.clients import KafkaClients
from services.streaming.settings import KafkaSettings
from tools.demo.observer import Observer
from tools.demo.summary import Summary, TopicTotals, summarise
from tools.harness.pipeline import Pipeline
from tools.harness.waiting import DEADLINE
from tools.topics.consumer_group import ConsumerGroup
from tools.topics.reader import Offsets

JUNK = b"no transaction"


class Counting:
    """One run on a pipeline's topics, from the offsets that they have now."""

    def __init__(self, pipeline: Pipeline, clients: KafkaClients, registry: Registry) -> None:
        self.topics = (pipeline.legit, pipeline.fraud, pipeline.dead)
        observed = clients.consumer(pipeline.group, isolation_level="read_uncommitted")
        self.group = ConsumerGroup(clients.admin(), pipeline.group, observed)
        self.inputs = self.group.partitions([pipeline.input])
        self.outputs = self.group.partitions(self.topics)
        self.starts = self.group.ends(self.inputs)
        self.clients = clients
        self.registry = registry
        self.schema = pipeline.contracts.topic(pipeline.input).required_schema
        self.observer = Observer(
            clients,
            registry,
            self.schema,
            self.group.ends(self.outputs),
            verdict_topics=[pipeline.legit, pipeline.fraud],
        )

    def summary(self) -> Summary:
        """The summary of the topics as they are now."""
        written = self.group.ends(self.outputs)
        while not self.observer.reader.has_reached(written):
            self.observer.step(0.1)
        outputs = (self.observer.totals[topic] for topic in self.topics)
        generated = self.generated(self.group.ends(self.inputs))
        return summarise(generated, *outputs, latency=self.observer.latency, lag_max=0)

    def generated(self, ends: Offsets) -> TopicTotals:
        """The input topic's messages of the run before some offsets."""
        observer = Observer(self.clients, self.registry, self.schema, self.starts, ends)
        with closing(observer.reader):
            while observer.reader.unfinished:
                observer.step(0.1)
            (totals,) = observer.totals.values()
        return totals


@contextmanager
def counting(pipeline: Pipeline) -> Iterator[Counting]:
    clients = KafkaClients(KafkaSettings(kafka_broker_url=pipeline.cluster.bootstrap_servers), {}, "test")
    with pipeline.registry as registry:
        run = Counting(pipeline, clients, registry)
        with closing(run.observer.reader):
            yield run


def test_a_run_counts_its_own_messages_only(pipeline: Pipeline) -> None:
    earlier, values = pipeline.transactions(50, seed=1), pipeline.transactions(100, seed=2)
    pipeline.produce(earlier)
    pipeline.produce(earlier, pipeline.legit)
    with counting(pipeline) as run:
        pipeline.produce(values)
        pipeline.produce(values[:80], pipeline.legit)
        pipeline.produce(values[80:99], pipeline.fraud)
        pipeline.produce(values[99:], pipeline.dead)
        result = run.summary()
    assert (result.generated, result.legit, result.fraud, result.dead_letter) == (100, 80, 19, 1)
    assert result.exactly_once
    assert result.latency_ms_p99 is not None


def test_messages_after_the_end_of_the_run_do_not_count(pipeline: Pipeline) -> None:
    with counting(pipeline) as run:
        pipeline.produce(pipeline.transactions(10, seed=1))
        ends = run.group.ends(run.inputs)
        pipeline.produce(pipeline.transactions(10, seed=2))
        assert run.generated(ends).messages == 10


def test_an_empty_run_comes_to_nothing(pipeline: Pipeline) -> None:
    with counting(pipeline) as run:
        result = run.summary()
    assert (result.generated, result.evaluated) == (0, 0)
    assert result.exactly_once


@pytest.mark.parametrize("again", ["legit", "fraud", "dead"])
def test_a_message_that_came_out_twice_and_one_that_never_did_are_seen(pipeline: Pipeline, again: str) -> None:
    values = pipeline.transactions(10)
    with counting(pipeline) as run:
        pipeline.produce(values)
        pipeline.produce(values[1:], pipeline.legit)
        pipeline.produce(values[5:6], getattr(pipeline, again))
        result = run.summary()
    assert (result.duplicates, result.missing, result.unexpected) == (1, 1, 0)
    assert not result.exactly_once


def test_what_is_no_transaction_counts_as_a_message(pipeline: Pipeline) -> None:
    values = pipeline.transactions(3)
    with counting(pipeline) as run:
        pipeline.produce([*values, JUNK])
        pipeline.produce(values, pipeline.legit)
        assert not run.summary().exactly_once
        pipeline.produce([JUNK], pipeline.dead)
        result = run.summary()
    assert (result.generated, result.dead_letter) == (4, 1)
    assert result.exactly_once


def test_aborted_verdicts_do_not_count(pipeline: Pipeline) -> None:
    values = pipeline.transactions(20)
    producer = Producer(
        {"bootstrap.servers": pipeline.cluster.bootstrap_servers, "transactional.id": pipeline.prefix + "test"}
    )
    producer.init_transactions(DEADLINE)
    with counting(pipeline) as run:
        pipeline.produce(values)
        for end in (producer.abort_transaction, producer.commit_transaction):
            producer.begin_transaction()
            for value in values:
                producer.produce(pipeline.legit, value)
            producer.flush(DEADLINE)
            end()
        result = run.summary()
    assert (result.legit, result.duplicates) == (20, 0)
    assert result.exactly_once


def test_the_latest_alerts_are_shown_latest_first_and_not_counted(pipeline: Pipeline) -> None:
    contract = pipeline.contracts.topic(pipeline.alerts)
    with counting(pipeline) as run:
        starts = run.group.ends(run.group.partitions([pipeline.alerts]))
        observer = Observer(run.clients, run.registry, run.schema, starts, alerts=contract)
        schema_id = run.registry.require(contract.subject, contract.required_schema).id
        pipeline.produce(
            [frame(schema_id, alert_of(number, contract)) for number in range(30)], pipeline.alerts, key=b"a"
        )
        with closing(observer.reader):
            written = run.group.ends(list(starts))
            while not observer.reader.has_reached(written):
                observer.step(0.1)
        shown = observer.alerts()
    assert [record["reason"] for record in shown] == [str(number) for number in range(29, 19, -1)]
    assert observer.totals == {}


def alert_of(number: int, contract: TopicContract) -> bytes:
    moment = datetime.fromtimestamp(1_767_225_600 + number, UTC)
    transaction = {"id": uuid.UUID(int=number), "source": "a", "target": "b", "amount": Decimal("1.00"),
                   "currency": "EUR", "created_at": moment}  # fmt: skip
    alert = {"id": uuid.UUID(int=number), "rule": "r", "rule_version": "v", "severity": "LOW", "reason": str(number),
             "transaction": transaction, "key": {}, "figures": {}, "contributors": [], "detected_at": moment,
             "suppressed": 0}  # fmt: skip
    return RecordEncoder(contract.required_schema.json).encode(alert)


def test_lag_is_what_the_group_has_not_committed(pipeline: Pipeline) -> None:
    with counting(pipeline) as run:
        pipeline.produce(pipeline.transactions(25))
        assert run.group.lag(run.group.ends(run.inputs)) == 25
        assert run.group.members() == []
        with pipeline.start("detector", INSTANCE_ID="one") as detector:
            while not run.group.owns("detector-one", run.inputs) or run.group.lag(run.group.ends(run.inputs)):
                assert detector.process.poll() is None, detector.text
            assert run.group.members() == ["detector-one"]
            assert not run.group.owns("detector-two", run.inputs)
            assert detector.stop() == 0
        result = run.summary()
    assert result.exactly_once
