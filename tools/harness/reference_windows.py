"""A reference for rules over time, computed from the topics alone: no line of the engine is used."""

from bisect import bisect_right, insort
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from confluent_kafka import Message

from services.contracts import HEADER_SIZE, RecordDecoder
from tools.harness.pipeline import Pipeline

Record = dict[str, Any]


@dataclass(frozen=True)
class Sliding:
    """A rule with one window, as plain functions.

    Attributes:
        name: As in the rules file.
        key: The field that it is kept by.
        over_ms: The length of its interval.
        figure: Of the transactions in the interval.
        at_least: The lowest result that matches.
        where: The condition on transactions that count.
        at_most: The highest result that matches; None for any.
    """

    name: str
    key: str
    over_ms: int
    figure: Callable[[Sequence[Record]], Any]
    at_least: Any
    where: Callable[[Record], bool] = field(default=lambda _record: True)
    at_most: Any = None


def records(pipeline: Pipeline, messages: Iterable[Message]) -> list[tuple[Message, Record]]:
    """The records of messages, by field."""
    schema = pipeline.contracts.topic(pipeline.input).required_schema.json
    decoder = RecordDecoder(schema)
    return [(message, decoder.decode((message.value() or b"")[HEADER_SIZE:])) for message in messages]


def bounded_time(message: Message, at_ms: int) -> int:
    """An event time, but no later than the record's timestamp: what windows forget by."""
    return min(at_ms, int(message.timestamp()[1]))


def fired(
    log: Sequence[tuple[Message, Record]],
    rules: Sequence[Sliding],
    lateness_ms: int,
    clock: Callable[[Message, int], int] = bounded_time,
) -> dict[str, set[tuple[str, str]]]:
    """Return by transaction the rules that match it, each with the value of its key.

    Args:
        log: The messages of one topic; each partition's in the order of its log.
        rules: The rules that run on it.
        lateness_ms: Allowed lateness: how much longer old entries are kept.
        clock: Gives the time that windows forget by, of a message and its event time.
    """
    matches: dict[str, set[tuple[str, str]]] = defaultdict(set)
    seen: dict[tuple[str, str], list[tuple[int, int, Record]]] = defaultdict(list)
    clocks: dict[int, int] = {}
    for order, (message, record) in enumerate(log):
        at = round(record["created_at"].timestamp() * 1000)
        partition = int(message.partition() or 0)
        now = clocks[partition] = max(clocks.get(partition, 0), clock(message, at))
        for rule in rules:
            entries = seen[rule.name, record[rule.key]]
            if rule.where(record):
                insort(entries, (at, order, record))
            oldest = max(at - rule.over_ms, now - rule.over_ms - lateness_ms)
            # The positions behind all entries of these two times: an entry is (time, order, record).
            begin, end = (bisect_right(entries, time, key=lambda entry: entry[0]) for time in (oldest, at))
            result = rule.figure([entry[2] for entry in entries[begin:end]])
            if result >= rule.at_least and (rule.at_most is None or result <= rule.at_most):
                matches[str(record["id"])].add((rule.name, record[rule.key]))
    return matches
