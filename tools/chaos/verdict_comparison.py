"""Compares the contents of topics with the expected verdicts of rules over time."""

import itertools
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from confluent_kafka import Message

from services.streaming.dead_letter_format import origin_of
from services.streaming.positions import MessagePosition
from tools.chaos.results import Tally
from tools.topics.batches import place

Place = MessagePosition
"""A topic, a partition of it, and an offset; of a transaction in a batch the row as well."""

Firings = Mapping[str, Collection[tuple[str, str]]]
"""Matching rules by transaction id, each with the value of its key."""


@dataclass(frozen=True)
class TopicContents:
    """Contents of a pipeline's topics, each partition in its order.

    Attributes:
        inputs: The input topic.
        stages: The repartition topics, in the order that transactions go through them.
        legit: The output of transactions on which nothing fired.
        fraud: The output of the others.
        dead: The dead-letter topic.
        alerts: The topic of alerts.
    """

    inputs: Sequence[Message]
    stages: Sequence[Sequence[Message]]
    legit: Sequence[Message]
    fraud: Sequence[Message]
    dead: Sequence[Message]
    alerts: Sequence[Message]


def compare_verdicts(
    contents: TopicContents,
    dead: Collection[Place],
    dead_later: Collection[bytes],
    expected: Firings,
    read: Callable[[bytes], Mapping[str, Any]],
) -> Tally:
    """Compares every message, verdict and alert with what it must be.

    Args:
        contents: The content of the topics.
        dead: The places in the input of what must be dead letters.
        dead_later: The values of what passes the first stage, and must be dead letters of the last one.
        expected: The rules that fire.
        read: Decodes an alert.
    """
    good = [message for message in contents.inputs if place(message) not in dead]
    outputs = [*contents.legit, *contents.fraud]
    values = Counter(content(message) for message in good)
    judged = Counter({value: count for value, count in values.items() if value not in dead_later})
    missing, doubled = 0, sum(count - 1 for count in values.values())
    for expected_values, messages in (*((values, stage) for stage in contents.stages), (judged, outputs)):
        there = Counter(content(message) for message in messages)
        missing, doubled = missing + (expected_values - there).total(), doubled + (there - expected_values).total()
    origins = Counter(_origin(message) for message in contents.dead)
    places = Counter([*dead, *(place(message) for message in contents.stages[-1] if content(message) in dead_later)])
    return Tally(
        messages=len(contents.inputs),
        missing=missing + (places - origins).total(),
        doubled=doubled + (origins - places).total(),
        misplaced=_wrong_verdicts(contents, expected),
        disordered=_disordered([good, *contents.stages, outputs]),
        alerts=_different_alerts(contents.alerts, expected, read),
    )


def content(message: Message) -> bytes:
    """The value of a message; nothing for a tombstone."""
    return message.value() or b""


def headers(message: Message) -> dict[str, bytes]:
    """The headers of a message; of those with the same name the last one."""
    return dict(cast("list[tuple[str, bytes]]", message.headers() or []))


def transaction_id(message: Message) -> str:
    """The id of a framed transaction: its first field, of 36 characters."""
    return content(message)[6:42].decode()


def _origin(dead_letter: Message) -> Place:
    origin = origin_of(dead_letter.headers() or [])  # type: ignore[arg-type]
    if origin is None:
        raise ValueError(f"no dead letter: {dead_letter.headers()}")
    return origin


def _wrong_verdicts(contents: TopicContents, expected: Firings) -> int:
    """Number of messages in another topic, or with other rules, than expected."""
    wrong = 0
    for is_fraud, messages in ((False, contents.legit), (True, contents.fraud)):
        for message in messages:
            names = {rule[0] for rule in expected.get(transaction_id(message), ())}
            fired = headers(message).get("rules.fired", b"").decode()
            wrong += bool(names) != is_fraud or set(filter(None, fired.split(","))) != names
    return wrong


def _different_alerts(alerts: Sequence[Message], expected: Firings, read: Callable[[bytes], Mapping[str, Any]]) -> int:
    """Number of alerts that are missing, doubled, or of a rule that did not fire."""
    records = [read(content(message)) for message in alerts]
    there = Counter((str(record["rule"]), str(record["transaction"]["id"])) for record in records)
    expected_values = Counter((rule[0], transaction) for transaction, rules in expected.items() for rule in rules)
    return (expected_values - there).total() + (there - expected_values).total()


def _disordered(hops: Sequence[Sequence[Message]]) -> int:
    """Number of messages that overtook another of their partition on the way."""
    wrong = 0
    for before, after in itertools.pairwise(hops):
        places = {content(message): place(message) for message in before}
        newest: dict[tuple[str, int, str, int], tuple[int, ...]] = {}
        for message in after:
            topic, number, *offset = places.get(content(message), ("", 0, 0))
            stream = (topic, number, *place(message)[:2])
            wrong += newest.get(stream, ()) > tuple(offset)
            newest[stream] = max(tuple(offset), newest.get(stream, ()))
    return wrong
