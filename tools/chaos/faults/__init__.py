"""Every fault that is promised to be survived, by name."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tools.chaos.faults import (
    brokers,
    coordinators,
    detectors,
    generators,
    inputs,
    messages,
    network,
    poison,
    registry,
    restores,
    state,
)
from tools.chaos.lab import ONE, SMALL_DISK, THREE
from tools.chaos.trial import Trial


@dataclass(frozen=True)
class Fault:
    """One way to break something.

    Attributes:
        bench: The kind of cluster that it is tried on.
        inject: Starts what is needed, breaks it, and puts it right again; `Trial.finish` follows.
        share: Of the rounds asked for, how many this fault gets.
    """

    bench: str
    inject: Callable[[Trial], None]
    share: float = 0.2


FAULTS: Mapping[str, Fault] = {
    "detector-killed": Fault(ONE, detectors.killed, share=1.0),
    "detector-paused": Fault(ONE, detectors.paused),
    "detectors-come-and-go": Fault(ONE, detectors.come_and_go),
    "detector-terminated": Fault(ONE, detectors.terminated),
    "generator-killed": Fault(ONE, generators.killed),
    "producer-queue-full": Fault(ONE, generators.queue_full),
    "random-bytes": Fault(ONE, messages.random_bytes),
    "poison-of-every-kind": Fault(ONE, poison.of_every_kind),
    "producers-dated-ahead": Fault(ONE, inputs.dated_ahead),
    "input-badly-keyed": Fault(ONE, inputs.badly_keyed),
    "restore-longer-than-poll": Fault(ONE, restores.longer_than_the_poll_interval),
    "offsets-expired": Fault(ONE, restores.offsets_expired),
    "redriven-then-killed": Fault(ONE, restores.redriven_then_killed),
    "killed-while-writing-state": Fault(ONE, state.killed_while_writing),
    "state-topic-deleted": Fault(ONE, state.topic_deleted),
    "state-topic-truncated": Fault(ONE, state.topic_truncated),
    "state-of-an-older-format": Fault(ONE, state.older_format),
    "registry-down-cold": Fault(ONE, registry.down_cold),
    "registry-down-warm": Fault(ONE, registry.down_warm),
    "registry-slow": Fault(ONE, registry.slow),
    "registry-answers-500": Fault(ONE, registry.answers_500),
    "network-cut": Fault(ONE, network.cut),
    "broker-killed": Fault(ONE, brokers.killed),
    "disk-full": Fault(SMALL_DISK, brokers.disk_full),
    "broker-lost": Fault(THREE, brokers.lost),
    "transaction-coordinator-moved": Fault(THREE, coordinators.of_transactions_moved),
    "group-coordinator-moved": Fault(THREE, coordinators.of_group_moved),
}
"""Faults by name; those of one bench follow each other."""
