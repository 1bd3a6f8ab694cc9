"""The access of redriving to Kafka."""

from collections.abc import Iterable

from services.streaming.access import Access
from services.streaming.authorisation import CREATE, READ, WRITE
from services.streaming.topics import TopicNeed

LEDGER = ".redriven"
"""Suffix of the ledger's name, after the name of the dead-letter topic."""


def access_of(topic: str, inputs: Iterable[str]) -> Access:
    """Return what redriving does on Kafka.

    Args:
        topic: The dead-letter topic.
        inputs: Topics that its dead letters came from; what did not fit into a dead letter is read there.
    """
    return Access(
        "redrive",
        [
            TopicNeed(topic, 1, (READ,)),
            *(TopicNeed(name, 1, (READ, WRITE)) for name in inputs),
            TopicNeed(topic + LEDGER, 1, (CREATE, READ, WRITE)),
        ],
        transactional_id=transactional_id(topic),
    )


def transactional_id(topic: str) -> str:
    """Return the transactional id of a run for a dead-letter topic: a new run fences an older one."""
    return f"redrive.{topic}"
