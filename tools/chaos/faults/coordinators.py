"""Coordinators of transactions and groups that move to another broker, back and forth, under load."""

import time
from contextlib import suppress

from confluent_kafka import ElectionType, KafkaException, TopicPartition

from tools.chaos.trial import DRAINED, Trial
from tools.harness.waiting import wait_for


def of_transactions_moved(trial: Trial) -> None:
    """The broker that coordinates our transactions stops, and gets them back when it is up again."""
    _move(trial, "__transaction_state", f"{trial.pipeline.group}.only")


def of_group_moved(trial: Trial) -> None:
    """The broker that coordinates our group stops, and gets it back when it is up again."""
    _move(trial, "__consumer_offsets", trial.pipeline.group)


def _move(trial: Trial, topic: str, name: str) -> None:
    trial.detector(COMMIT_INTERVAL_MS="300")
    trial.generator(5000)
    trial.wait_for_output()
    partition = coordinating_partition(name, len(trial.leaders(topic)))

    def leader(other_than: int) -> int:
        """Id of the partition's leader; 0 without one, or while it is the excluded one."""
        leader = trial.leaders(topic).get(partition, -1)
        return 0 if leader in (-1, other_than) else leader

    first = wait_for(lambda: leader(0), "a broker leads")
    trial.random_moment(0.0, 1.0)
    unfinished = trial.wait_for_open_transaction()
    broker = trial.bench.cluster.broker(first)
    began = time.monotonic()
    how = trial.chance.choice(("stop", "kill"))
    getattr(broker, how)()
    second = wait_for(lambda: leader(first), "another broker leads", pause=0.1)
    trial.prove(unfinished, f"{how}: {topic}-{partition} moved from {first} to {second} in an open transaction")
    trial.wait_for_recovery(began + 0.2)
    broker.start()
    broker.wait_healthy()

    def returned() -> int:
        with suppress(KafkaException):  # asked too early, or not needed: the broker elects it itself at times
            trial.admin.elect_leaders(ElectionType.PREFERRED, [TopicPartition(topic, partition)]).result()
        return leader(second)

    if trial.preferred_leader(topic, partition) != second:
        third = wait_for(returned, "the preferred broker leads again", pause=0.2)
        trial.prove(True, f"back to {third} by election")
    back = time.monotonic()
    trial.watch.wait_until_more(back, DRAINED)


def coordinating_partition(name: str, partitions: int) -> int:
    """The partition whose leader coordinates a group or transactional id: Java's hash of the name, as Kafka has it."""
    number = 0
    for character in name:
        number = (31 * number + ord(character)) & 0xFFFFFFFF
    smallest = 1 << 31  # as Kafka has it: 0, because Java has no number of that size
    return 0 if number == smallest else min(number, (1 << 32) - number) % partitions
