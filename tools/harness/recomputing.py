"""What rules over time must have said, recomputed from the topics alone: no line of the engine is used."""

from bisect import bisect_right
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
        at_least: From which figure on it fires.
        where: Which transactions count.
    """

    name: str
    key: str
    over_ms: int
    figure: Callable[[Sequence[Record]], Any]
    at_least: Any
    where: Callable[[Record], bool] = field(default=lambda _record: True)


def records(pipeline: Pipeline, messages: Iterable[Message]) -> list[tuple[Message, Record]]:
    """What messages say, by the field."""
    schema = pipeline.contracts.topic(pipeline.input).required_schema.json
    decoder = RecordDecoder(schema)
    return [(message, decoder.decode((message.value() or b"")[HEADER_SIZE:])) for message in messages]


def fired(
    log: Sequence[tuple[Message, Record]], rules: Sequence[Sliding], lateness_ms: int
) -> dict[str, set[tuple[str, str]]]:
    """By transaction id the rules that fire on it, each with the value of its key.

    Args:
        log: The messages of one topic; each partition's in the order of its log.
        rules: Those that run on it.
        lateness_ms: How long what is too old is kept all the same.
    """
    found: dict[str, set[tuple[str, str]]] = defaultdict(set)
    seen: dict[tuple[str, str], list[tuple[int, int, Record]]] = defaultdict(list)
    clocks: dict[int, int] = {}
    for order, (message, record) in enumerate(log):
        at = round(record["created_at"].timestamp() * 1000)
        partition = int(message.partition() or 0)
        clock = clocks[partition] = max(clocks.get(partition, 0), min(at, message.timestamp()[1]))
        for rule in rules:
            entries = seen[rule.name, record[rule.key]]
            if rule.where(record):
                entries.insert(bisect_right(entries, (at, order)), (at, order, record))
            oldest = max(at - rule.over_ms, clock - rule.over_ms - lateness_ms)
            within = [one for time, _, one in entries if oldest < time <= at]
            if rule.figure(within) >= rule.at_least:
                found[str(record["id"])].add((rule.name, record[rule.key]))
    return found
