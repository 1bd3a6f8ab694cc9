"""The containers do what the processes do: the commands of the README, and an independent reader of the topics."""

import time
from collections.abc import Callable

import pytest
from confluent_kafka import Consumer, KafkaError, Message, TopicPartition
from confluent_kafka.admin import AdminClient

from tests.support.compose import Stack, run, stack, why_not
from tests.support.confluent import deserialized

pytestmark = [pytest.mark.compose, pytest.mark.slow]

INPUT = "queueing.transactions"
LEGIT = "streaming.transactions.legit"
FRAUD = "streaming.transactions.fraud"
DEAD = "queueing.transactions.dlq"


@pytest.fixture(scope="module", autouse=True)
def engine() -> None:
    reason = why_not()
    if reason:
        pytest.skip(f"no Docker engine with Compose v2: {reason}")


def until(condition: Callable[[], bool], what: str, timeout: float = 120) -> None:
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, f"not within {timeout:.0f} s: {what}"
        time.sleep(0.5)


def messages(containers: Stack, topic: str) -> list[Message]:
    """Every committed message of a topic, read from outside."""
    config = {
        "bootstrap.servers": f"127.0.0.1:{containers.kafka_port}",
        "group.id": "independent-reader",
        "enable.auto.commit": False,
        "isolation.level": "read_committed",
        "auto.offset.reset": "earliest",
        "enable.partition.eof": True,
    }
    consumer = Consumer(config)
    partitions = consumer.list_topics(topic, timeout=10).topics[topic].partitions
    consumer.assign([TopicPartition(topic, partition, 0) for partition in partitions])
    messages: list[Message] = []
    ended = set[int | None]()
    while len(ended) < len(partitions):
        for message in consumer.consume(10_000, timeout=1):
            error = message.error()
            if error is None:
                messages.append(message)
            else:
                assert error.code() == KafkaError._PARTITION_EOF, error
                ended.add(message.partition())
    consumer.close()
    return messages


def ids(containers: Stack, topic: str) -> list[str]:
    registry = f"http://127.0.0.1:{containers.registry_port}"
    return [str(record["id"]) for record in deserialized(registry, messages(containers, topic))]


def owners(containers: Stack) -> list[set[int]]:
    """The partitions of the input that each member of the detectors' group owns."""
    admin = AdminClient({"bootstrap.servers": f"127.0.0.1:{containers.kafka_port}"})
    group = admin.describe_consumer_groups(["fraud-detector"])["fraud-detector"].result()
    return [{owned.partition for owned in member.assignment.topic_partitions} for member in group.members]


def exit_codes(containers: Stack, service: str) -> list[int]:
    return [
        int(run("docker", "inspect", "--format", "{{.State.ExitCode}}", container))
        for container in containers.containers(service)
    ]


def health(containers: Stack, service: str) -> list[str]:
    """Health of each container of a service: starting, healthy or unhealthy."""
    return [
        run("docker", "inspect", "--format", "{{.State.Health.Status}}", container).strip()
        for container in containers.containers(service)
    ]


def test_down_loses_nothing_and_a_second_up_goes_on_from_there() -> None:
    with stack() as containers:
        containers.cluster("up", "--detach", "--wait")
        containers.services("up", "--detach", "--scale", "detector=3")
        assert exit_codes(containers, "create-topics") == exit_codes(containers, "register-schemas") == [0]
        until(lambda: min(len(messages(containers, LEGIT)), len(messages(containers, FRAUD))) > 0, "both outputs fill")

        def judged() -> int:
            return len(messages(containers, LEGIT)) + len(messages(containers, FRAUD))

        def three_share_the_input() -> bool:
            owned = owners(containers)
            return len(owned) == 3 and all(owned) and set.union(*owned) == {0, 1, 2, 3}

        until(three_share_the_input, "three detectors own partitions")
        until(lambda: health(containers, "detector") == ["healthy"] * 3, "the detectors are ready")
        until(lambda: health(containers, "generator") == ["healthy"], "the generator is ready")

        containers.services("down")
        first = ids(containers, INPUT)
        judged_first = judged()

        containers.services("up", "--detach", "--scale", "detector=3")
        until(lambda: len(messages(containers, INPUT)) > len(first), "the generator goes on")
        until(lambda: judged() > judged_first, "the detectors go on")
        containers.services("stop", "generator")
        generated = ids(containers, INPUT)
        until(lambda: judged() >= len(generated), "the detectors drain the input")
        containers.services("stop", "detector")
        verdicts = ids(containers, LEGIT) + ids(containers, FRAUD)

        lost, doubled = set(generated) - set(verdicts), len(verdicts) - len(set(verdicts))
        assert (len(lost), doubled, len(verdicts)) == (0, 0, len(generated))
        assert not set(first) - set(verdicts)
        assert messages(containers, DEAD) == []
        assert exit_codes(containers, "generator") == [0]
        assert exit_codes(containers, "detector") == [0, 0, 0]


def test_a_service_runs_without_root_and_without_a_place_to_write() -> None:
    with stack() as containers:
        attempts = (
            "import os, pathlib\n"
            "print(os.getuid() != 0)\n"
            "for place in ('/app', '/tmp', '/var/tmp', '/dev', os.path.expanduser('~')):\n"
            "    try: pathlib.Path(place, 'x').touch(); print('wrote to', place)\n"
            "    except OSError: pass\n"
        )
        containers.services("build")
        said = containers.services("run", "--rm", "--no-deps", "--entrypoint", "python", "detector", "-c", attempts)
        assert said.split() == ["True"]
