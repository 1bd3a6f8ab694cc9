"""Verdicts of a run in which rules, model, schema and processes are changed, compared with what they must be.

Each verdict is compared with a recomputation from the topics by the version of the rules in its header. Only the
arithmetic of the model is the detector's own.
"""

from bisect import bisect_right, insort
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np
from confluent_kafka import Consumer, Message

from services.contracts import HEADER_SIZE, RecordDecoder, load_contracts
from services.rules.models import read_model
from services.rules.models.scoring_model import ScoringModel
from tools.harness.pipeline import Pipeline
from tools.harness.reference_windows import bounded_time
from tools.topics.batches import SingleTransactions
from tools.topics.reader import TopicReader

OVER_MS = 10_000
LATENESS_MS = 60_000
SCORED_FROM = 900  # as in the rule
RULES = """
[features]
paid = "amount"
payments = {{ measure = "count", by = ["source"], over = "10s" }}

[models.cards]
file = "cards.json"
mode = "live"
threshold = {threshold}

[rules.scored]
severity = "high"
when = "cards >= threshold and amount >= 900"
reason = "score {{cards}}"

[rules.large-amount]
severity = "low"
when = "amount >= {large}"
reason = "{{amount}} in one payment"

[rules.busy-receiver]
severity = "high"
reason = "{{payments}} payments"
windows.payments = {{ measure = "count", by = ["target"], over = "10s", at_least = {busy} }}

[rules.busy-sender]
severity = "high"
reason = "{{payments}} payments"
windows.payments = {{ measure = "count", by = ["source"], over = "10s", at_least = {busy} }}
"""
FEATURES = ("paid", "payments")


@dataclass(frozen=True)
class Version:
    """A version of the rules.

    Attributes:
        large: From this amount on a payment is large.
        busy: From so many payments within ten seconds on an account is busy.
        threshold: From this score on.
        model: The model file, which no later version overwrites.
    """

    large: int
    busy: int
    threshold: float
    model: Path

    def text(self) -> str:
        """Return the rules file."""
        return RULES.format(large=self.large, busy=self.busy, threshold=self.threshold)


class Entry(NamedTuple):
    """The fields of a transaction that the rules need, in one topic."""

    id: bytes
    source: str
    target: str
    amount: float
    at: int
    partition: int
    clock: int


@dataclass(frozen=True)
class Comparison:
    """Figures of a run.

    Attributes:
        transactions: Number of transactions in the input.
        lost: Those without a verdict.
        doubled: Verdicts too many, and dead letters.
        wrong: Verdicts by other rules than expected.
        by_version: Verdicts by the version in their header.
        matches: Expected matches by rule.
    """

    transactions: int
    lost: int
    doubled: int
    wrong: int
    by_version: Mapping[str, int]
    matches: Mapping[str, int]


def compare(pipeline: Pipeline, schemas: Mapping[int, Path], versions: Mapping[str, Version]) -> Comparison:
    """Compare every verdict with what it must be.

    Args:
        pipeline: Whose topics.
        schemas: The directory of the contracts of each schema id.
        versions: The versions of the rules by what `rules.version` says.
    """
    decode = _decoder(pipeline, schemas)
    inputs = [decode(message) for message in _messages(pipeline, pipeline.input)]
    staged = [decode(message) for message in _messages(pipeline, pipeline.by_source)]
    received = dict(zip((each.id for each in inputs), _counts(inputs, "target"), strict=True))
    paid = dict(zip((each.id for each in staged), _counts(staged, "source"), strict=True))
    scores = {name: _scores(read_model(version.model), inputs, paid) for name, version in versions.items()}
    amounts = {each.id: each.amount for each in inputs}
    verdicts: Counter[bytes] = Counter()
    by_version: Counter[str] = Counter()
    matches: Counter[str] = Counter()
    wrong = 0
    for topic in (pipeline.legit, pipeline.fraud):
        for message in _messages(pipeline, topic):
            identity = (message.value() or b"")[6:42]
            headers = dict(cast("list[tuple[str, bytes]]", message.headers()))
            name = headers["rules.version"].decode()
            version = versions[name]
            expected = {
                rule
                for rule, matched in {
                    "scored": scores[name].get(identity, 0.0) >= version.threshold and amounts[identity] >= SCORED_FROM,
                    "large-amount": amounts.get(identity, 0.0) >= version.large,
                    "busy-receiver": received.get(identity, 0) >= version.busy,
                    "busy-sender": paid.get(identity, 0) >= version.busy,
                }.items()
                if matched
            }
            actual = set(filter(None, headers.get("rules.fired", b"").decode().split(",")))
            wrong += actual != expected or bool(expected) != (topic == pipeline.fraud)
            verdicts[identity] += 1
            by_version[name] += 1
            matches.update(expected)
    written = Counter(each.id for each in inputs)
    dead = sum(1 for _ in _messages(pipeline, pipeline.dead))
    return Comparison(
        transactions=len(inputs),
        lost=(written - verdicts).total(),
        doubled=(verdicts - written).total() + dead,
        wrong=wrong,
        by_version=by_version,
        matches=matches,
    )


def _messages(pipeline: Pipeline, topic: str) -> Iterator[Message]:
    """Read a topic, of a repartition topic the transactions in its batches, without holding all of it in memory."""
    consumer = Consumer({"bootstrap.servers": pipeline.cluster.bootstrap_servers, "group.id": "reader",
                         "isolation.level": "read_committed", "enable.auto.commit": False,
                         "enable.partition.eof": True})  # fmt: skip
    with closing(consumer), pipeline.registry as registry:
        partitions = consumer.list_topics(topic, 10).topics[topic].partitions
        reader = TopicReader(consumer, dict.fromkeys(((topic, number) for number in partitions), 0))
        single = SingleTransactions(registry)
        for batch in reader.batches():
            yield from single.of(batch) if topic == pipeline.by_source else batch


def _decoder(pipeline: Pipeline, schemas: Mapping[int, Path]) -> Callable[[Message], Entry]:
    decoders = {
        identifier: RecordDecoder(load_contracts(path / "contracts.toml").topic(pipeline.input).required_schema.json)
        for identifier, path in schemas.items()
    }

    def decode(message: Message) -> Entry:
        value = message.value() or b""
        record: dict[str, Any] = decoders[int.from_bytes(value[1:5], "big")].decode(value[HEADER_SIZE:])
        at = round(record["created_at"].timestamp() * 1000)
        return Entry(
            str(record["id"]).encode(), record["source"], record["target"], float(record["amount"]), at,
            int(message.partition() or 0), bounded_time(message, at),
        )  # fmt: skip

    return decode


def _counts(log: list[Entry], key: str) -> Iterator[int]:
    """Yield for each entry the number of entries of its key within the interval up to it."""
    seen: dict[str, list[int]] = defaultdict(list)
    clocks: dict[int, int] = defaultdict(int)
    for entry in log:
        now = clocks[entry.partition] = max(clocks[entry.partition], entry.clock)
        times = seen[getattr(entry, key)]
        insort(times, entry.at)
        oldest = max(entry.at - OVER_MS, now - OVER_MS - LATENESS_MS)
        yield bisect_right(times, entry.at) - bisect_right(times, oldest)


def _scores(model: ScoringModel, entries: list[Entry], paid: Mapping[bytes, int]) -> dict[bytes, float]:
    columns = [
        np.array([entry.amount for entry in entries]),
        np.array([paid.get(entry.id, 0) for entry in entries], dtype=np.float64),
    ]
    return dict(zip((entry.id for entry in entries), model.scores(columns, len(entries)).tolist(), strict=True))
