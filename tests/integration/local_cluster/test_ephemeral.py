"""Clusters for the length of a test: what the fixture gives, three brokers, and an owner that is killed."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import httpx2
import psutil
import pytest
from confluent_kafka import Consumer, KafkaError, Producer
from confluent_kafka.admin import AdminClient, NewTopic

from tools.local_cluster import Cluster, ephemeral

OWNER = """
import time
from tools.local_cluster import ephemeral
with ephemeral() as cluster:
    print(cluster.root, *(node.process.find().pid for node in cluster.nodes), flush=True)
    time.sleep(600)
"""


def create(cluster: Cluster, topic: str, partitions: int = 1) -> None:
    admin = AdminClient({"bootstrap.servers": cluster.bootstrap_servers})
    for future in admin.create_topics([NewTopic(topic, partitions)]).values():
        future.result(30)


def produce(cluster: Cluster, topic: str, values: list[bytes]) -> None:
    failures: list[object] = []
    producer = Producer({"bootstrap.servers": cluster.bootstrap_servers, "enable.idempotence": True})
    for value in values:
        producer.produce(topic, value, on_delivery=lambda error, _message: failures.append(error) if error else None)
    assert producer.flush(60) == 0
    assert not failures


def consume(cluster: Cluster, topic: str, count: int) -> list[bytes | None]:
    settings = {"bootstrap.servers": cluster.bootstrap_servers, "group.id": topic, "auto.offset.reset": "earliest"}
    consumer = Consumer(settings)
    consumer.subscribe([topic])
    messages = consumer.consume(count, timeout=60)
    consumer.close()
    return [message.value() for message in messages]


def test_the_fixture_serves_clients_and_has_only_created_topics(cluster: Cluster, unique: Callable[[str], str]) -> None:
    topic = unique("topic")
    create(cluster, topic)
    produce(cluster, topic, [b"1", b"2"])
    assert consume(cluster, topic, 2) == [b"1", b"2"]
    environment = cluster.environment()
    assert environment["KAFKA_BROKER_URL"] == cluster.bootstrap_servers
    assert httpx2.get(f"{environment['SCHEMA_REGISTRY_URL']}/subjects", trust_env=False).status_code == 200
    absent = unique("never-created")
    admin = AdminClient({"bootstrap.servers": cluster.bootstrap_servers})
    for _ask_twice in range(2):
        metadata = admin.list_topics(absent, timeout=30)
        assert metadata.topics[absent].error.code() == KafkaError.UNKNOWN_TOPIC_OR_PART


def test_a_paused_registry_answers_again_after_it_is_resumed(cluster: Cluster) -> None:
    cluster.registry.pause()
    try:
        assert cluster.registry.running
        assert not cluster.registry.healthy()
    finally:
        cluster.registry.resume()
    cluster.registry.wait_healthy()


@pytest.mark.slow
def test_three_brokers_go_on_without_one_and_take_it_back(unique: Callable[[str], str]) -> None:
    topic = unique("topic")
    with ephemeral(brokers=3) as cluster:
        create(cluster, topic, partitions=3)
        admin = AdminClient({"bootstrap.servers": cluster.bootstrap_servers})
        metadata = admin.list_topics(topic, timeout=30)
        partitions = metadata.topics[topic].partitions.values()
        assert [sorted(partition.replicas) for partition in partitions] == [[1, 2, 3]] * 3

        produce(cluster, topic, [b"before"])
        cluster.broker(2).kill()
        assert not cluster.broker(2).running
        produce(cluster, topic, [b"without"])
        port = cluster.broker(2).port
        cluster.broker(2).start()
        cluster.broker(2).wait_healthy()
        assert cluster.broker(2).port == port
        produce(cluster, topic, [b"after"])
        assert sorted(filter(None, consume(cluster, topic, 3))) == [b"after", b"before", b"without"]
        root = cluster.root
    assert not any(node.running for node in cluster.nodes)
    assert not root.exists()


@pytest.mark.slow
def test_an_ephemeral_cluster_ends_with_an_owner_that_is_killed() -> None:
    with subprocess.Popen([sys.executable, "-c", OWNER], stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        root, *pids = owner.stdout.readline().split()
        servers = [psutil.Process(int(pid)) for pid in pids]
        assert len(servers) == 2
        owner.kill()
    _, alive = psutil.wait_procs(servers, timeout=30)
    assert not alive
    guards = [process for process in psutil.process_iter(["cmdline"]) if root in (process.info["cmdline"] or [])]
    psutil.wait_procs(guards, timeout=30)
    assert not Path(root).exists()
