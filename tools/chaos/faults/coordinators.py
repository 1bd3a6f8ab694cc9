"""Coordinators of transactions and groups that move to another broker, back and forth, under load."""

import time

from confluent_kafka import ElectionType, TopicPartition

from tools.chaos.stage import Stage
from tools.harness.waiting import wait_for


def of_transactions_moved(stage: Stage) -> None:
    """The broker that coordinates our transactions stops, and gets them back when it is up again."""
    _move(stage, "__transaction_state", f"{stage.pipeline.group}.only")


def of_group_moved(stage: Stage) -> None:
    """The broker that coordinates our group stops, and gets it back when it is up again."""
    _move(stage, "__consumer_offsets", stage.pipeline.group)


def _move(stage: Stage, topic: str, name: str) -> None:
    stage.detector(COMMIT_INTERVAL_MS="300")
    stage.generator(5000)
    stage.until_moving()
    partitions = len(stage.admin.list_topics(topic, timeout=10).topics[topic].partitions)
    partition = coordinating_partition(name, partitions)

    def leader() -> int:
        found = stage.admin.list_topics(topic, timeout=10).topics[topic].partitions[partition]
        return int(found.leader)

    first = leader()
    stage.random_moment(0.0, 1.0)
    unfinished = stage.until_open()
    broker = stage.bench.cluster.broker(first)
    began = time.monotonic()
    how = stage.chance.choice(("stop", "kill"))
    getattr(broker, how)()
    second = wait_for(lambda: leader() if leader() not in (first, -1) else 0, "another broker leads", pause=0.1)
    stage.prove(unfinished, f"{how}: {topic}-{partition} moved from {first} to {second} in an open transaction")
    stage.until_recovered(began + 0.2)
    broker.start()
    broker.wait_healthy()
    where = TopicPartition(topic, partition)

    def returned() -> bool:
        stage.admin.elect_leaders(ElectionType.PREFERRED, [where]).result()
        return leader() != second

    metadata = stage.admin.list_topics(topic, timeout=10).topics[topic].partitions[partition]
    if metadata.replicas[0] != second:
        wait_for(returned, "the preferred broker leads again", pause=0.2)
        stage.prove(True, f"back to {leader()} by election")
    back = time.monotonic()
    stage.watch.wait_until_more(back)


def coordinating_partition(name: str, partitions: int) -> int:
    """The partition whose leader coordinates a group or transactional id: Java's hash of the name, as Kafka has it."""
    number = 0
    for character in name:
        number = (31 * number + ord(character)) & 0xFFFFFFFF
    smallest = 1 << 31  # as Kafka has it: 0, because Java has no number of that size
    return 0 if number == smallest else min(number, (1 << 32) - number) % partitions
