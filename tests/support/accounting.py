"""Destination of each record of an input topic, from the topics alone."""

import hashlib
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from confluent_kafka import Message

from services.streaming.dead_letter_format import origin_of, split_headers
from services.streaming.positions import MessagePosition
from services.streaming.record_size import Header
from tools.harness.pipeline import Pipeline
from tools.topics.batches import place as place_of

Place = MessagePosition
Canonical = Callable[[bytes], bytes]
"""Gives the value that a transaction has in an output topic."""


@dataclass(frozen=True)
class Outcome:
    """The records of a pipeline's topics.

    Attributes:
        given: The messages of the input.
        staged: The messages of the repartition topic by source.
        legit: Verdicts.
        fraud: Verdicts.
        dead: Dead letters, by where they come from.
    """

    given: Sequence[Message]
    staged: Sequence[Message]
    legit: Sequence[Message]
    fraud: Sequence[Message]
    dead: dict[Place, Message]


def headers_of(message: Message) -> list[Header]:
    headers = message.headers()
    return headers if isinstance(headers, list) else []  # consumed messages have a list, or none


def outcome_of(pipeline: Pipeline) -> Outcome:
    """Read all topics; each dead letter names another origin."""
    dead: dict[Place, Message] = {}
    for message in pipeline.read(pipeline.dead):
        origin = origin_of(headers_of(message))
        assert origin, headers_of(message)
        assert origin not in dead, f"{origin} is in the dead-letter topic twice"
        dead[origin] = message
    return Outcome(
        given=pipeline.read(pipeline.input),
        staged=pipeline.read(pipeline.by_source),
        legit=pipeline.read(pipeline.legit),
        fraud=pipeline.read(pipeline.fraud),
        dead=dead,
    )


def require_one_place_each(outcome: Outcome, canonical: Canonical = bytes, unread: Collection[Place] = ()) -> None:
    """Require that every record of the input is passed on once or is a dead letter once, with the value that it had.

    Args:
        outcome: The content of the topics.
        canonical: Returns the value as it is passed on.
        unread: Records whose value could not be read by the detector: nothing was known of it.
    """
    passed_on = _without_dead(outcome.given, outcome.dead)
    staged = Counter(message.value() for message in outcome.staged)
    assert Counter(canonical(value or b"") for value in passed_on.elements()) == staged
    judged = Counter(message.value() for message in [*outcome.legit, *outcome.fraud])
    assert _without_dead(outcome.staged, outcome.dead) == judged
    originals = {place_of(message): message for message in [*outcome.given, *outcome.staged]}
    assert outcome.dead.keys() <= originals.keys()
    for origin, message in outcome.dead.items():
        parts = split_headers(headers_of(message))
        assert parts
        value = originals[origin].value() if origin not in unread else b""
        if "value" not in parts.omitted:
            assert message.value() == value
        else:
            assert parts.details["value.sha256"].decode() == hashlib.sha256(value or b"").hexdigest()
            assert parts.details["value.size"] == str(len(value or b"")).encode()
        if "key" not in parts.omitted:
            assert message.key() == originals[origin].key()


def _without_dead(messages: Sequence[Message], dead: dict[Place, Message]) -> Counter[bytes | None]:
    return Counter(message.value() for message in messages if place_of(message) not in dead)
