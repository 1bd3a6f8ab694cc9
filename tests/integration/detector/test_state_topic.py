"""Windows restored from the state topic, without the input; and from the input where the state topic is no use."""

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager

from confluent_kafka import OFFSET_END, Consumer, Producer, TopicPartition

from services.streaming.restore_point import RestorePoint
from tests.support.payments import Payment, pay
from tests.support.rules_on_cluster import alerts, rules
from tools.harness.pipeline import Pipeline
from tools.harness.processes import Service
from tools.harness.waiting import wait_for

COUNT = """
[rules.count]
severity = "high"
reason = "{payments} payments by {source}"
windows.payments = { measure = "count", by = ["source"], over = "OVER", at_least = 2 }
"""
PAYMENTS = 30


@contextmanager
def detector(pipeline: Pipeline, over: str = "24h", **settings: str) -> Iterator[Service]:
    """A detector that has restored its windows."""
    with pipeline.start("detector", **rules(pipeline, COUNT.replace("OVER", over)), **settings) as process:
        process.wait_for("rebalance", change="assigned")
        yield process


def pay_and_wait(pipeline: Pipeline, number: int, before: int) -> None:
    """Write payments of one account to 30 receivers, and wait for their verdicts."""
    now = time.time_ns() // 1_000_000
    pay(pipeline, [Payment("payer", f"shop{n}", 1_000, now - 5_000 + n) for n in range(number)])
    pipeline.wait_for_outputs(before + number)


def write_state(pipeline: Pipeline) -> None:
    """Have the state written with the next payment: the last one may be of the last second."""
    time.sleep(1.2)
    pay_and_wait(pipeline, 1, PAYMENTS)
    wait_for(lambda: any(point.state for point in restore_points(pipeline)), "the state is in the offsets' metadata")


def restore_points(pipeline: Pipeline) -> list[RestorePoint]:
    """Return the restore points in the group's committed offsets of the topic by payer."""
    consumer = Consumer({"bootstrap.servers": pipeline.cluster.bootstrap_servers, "group.id": pipeline.group})
    with closing(consumer):
        committed = consumer.committed([TopicPartition(pipeline.by_source, number) for number in range(4)], 10)
    found = [RestorePoint.from_metadata(each.metadata or "") for each in committed]
    return [point for point in found if point]


def prepared(pipeline: Pipeline) -> None:
    """Evaluate some payments, have the state written, and kill the detector."""
    with detector(pipeline) as first:
        pay_and_wait(pipeline, PAYMENTS, 0)
        write_state(pipeline)
        first.kill()


def delete_records(pipeline: Pipeline, topic: str) -> None:
    """Delete everything that a topic has."""
    admin = pipeline.admin  # has to outlive its answers
    for answer in admin.delete_records([TopicPartition(topic, number, OFFSET_END) for number in range(4)]).values():
        answer.result()


def last_count(pipeline: Pipeline) -> int:
    """The largest number of payments that an alert counted."""
    return max(int(alert["reason"].split()[0]) for alert in alerts(pipeline))


def judge_one_more(pipeline: Pipeline, process: Service) -> None:
    pay_and_wait(pipeline, 1, PAYMENTS + 1)
    assert process.stop() == 0


def test_windows_come_from_the_state_topic_though_the_input_is_gone(pipeline: Pipeline) -> None:
    prepared(pipeline)
    for topic in (pipeline.input, pipeline.by_source):
        delete_records(pipeline, topic)
    with detector(pipeline) as second:
        judge_one_more(pipeline, second)
        restored = second.events("state restored")
        assert [event["entries"] for event in restored if event["topic"] == pipeline.by_source and event["entries"]]
        assert not second.events("state not usable, reading the topic")
    assert last_count(pipeline) == PAYMENTS + 2


def test_a_state_topic_that_was_emptied_is_noticed_and_the_input_read(pipeline: Pipeline) -> None:
    prepared(pipeline)
    delete_records(pipeline, pipeline.state)
    with detector(pipeline) as second:
        judge_one_more(pipeline, second)
        (event,) = second.events("state not usable, reading the topic")
        assert "are not all there: the last is none" in event["reason"]
        assert not second.events("state restored")
    assert last_count(pipeline) == PAYMENTS + 2


def test_a_state_topic_that_was_made_anew_is_noticed(pipeline: Pipeline) -> None:
    prepared(pipeline)
    admin = pipeline.admin
    admin.delete_topics([pipeline.state])[pipeline.state].result()
    wait_for(lambda: pipeline.state not in admin.list_topics(timeout=10).topics, "the topic is gone")
    pipeline.create_topics_of(pipeline.state)
    with detector(pipeline) as second:
        judge_one_more(pipeline, second)
        assert second.events("state not usable, reading the topic")
    assert last_count(pipeline) == PAYMENTS + 2


def test_a_state_of_another_format_is_noticed(pipeline: Pipeline) -> None:
    prepared(pipeline)
    records = pipeline.read(pipeline.state)
    delete_records(pipeline, pipeline.state)
    producer = Producer({"bootstrap.servers": pipeline.cluster.bootstrap_servers})
    for record in records:
        value = record.value() or b""
        assert value[5] == 2, "the format is the first field: 1 in zigzag"
        producer.produce(pipeline.state, value[:5] + b"\4" + value[6:], record.key(), record.partition() or 0)
    assert producer.flush(10) == 0
    with detector(pipeline) as second:
        judge_one_more(pipeline, second)
        (event,) = second.events("state not usable, reading the topic")
        assert event["reason"].startswith(pipeline.state)
        assert "format 2; expected 1" in event["reason"]
    assert last_count(pipeline) == PAYMENTS + 2


def test_a_window_that_is_new_is_filled_from_the_input_beside_those_of_the_state(pipeline: Pipeline) -> None:
    prepared(pipeline)
    both = COUNT.replace("OVER", "24h"), COUNT.replace("OVER", "12h").replace("rules.count", "rules.half")
    with pipeline.start("detector", **rules(pipeline, *both)) as second:
        second.wait_for("rebalance", change="assigned")
        pay_and_wait(pipeline, 1, PAYMENTS + 1)
        assert second.events("state restored")
        assert second.stop() == 0
    counts = {alert["rule"]: int(alert["reason"].split()[0]) for alert in alerts(pipeline)}
    assert counts == {"count": PAYMENTS + 2, "half": PAYMENTS + 2}


def test_a_window_may_be_longer_than_the_input_is_kept(pipeline: Pipeline) -> None:
    with detector(pipeline, "30d") as process:
        for before in (0, 1):
            pay_and_wait(pipeline, 1, before)
        (event, *_) = process.events("window longer than its topic is kept")
        assert "it is whole only when it has run for its length" in event["reason"]
        assert process.stop() == 0
    assert last_count(pipeline) == 2


def test_without_a_state_topic_such_a_window_is_refused(pipeline: Pipeline) -> None:
    settings = rules(pipeline, COUNT.replace("OVER", "30d")) | {"STATE_TOPIC": "off"}
    with pipeline.start("detector", **settings) as process:
        assert process.exit_code() == 1
        assert "rule count looks back 720 h" in process.text
    assert pipeline.read(pipeline.state) == []
