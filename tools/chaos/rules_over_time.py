"""Rounds whose rules look at windows: the rules, and what they must have said of everything that was written.

Each verdict and each alert is compared with a recomputation from the topics; nothing of the detector's engine is used.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

from confluent_kafka import Message

from tools.chaos.results import Tally
from tools.chaos.traffic import ACCOUNTS
from tools.chaos.verdict_comparison import TopicContents, compare_verdicts, content
from tools.harness.reference_windows import Sliding, bounded_time, fired
from tools.topics.batches import place

if TYPE_CHECKING:
    from tools.chaos.trial import Trial

SIMPLE, LARGE = "large-amount", Decimal(995)
LONG_MS = 600_000
RULES = """
[rules.large-amount]
severity = "low"
when = "amount >= 995"
reason = "{{amount}} in one payment of {{currency}}"

[rules.many-senders]
severity = "high"
reason = "{{senders}} senders"
windows.senders = {{ measure = "distinct source", by = ["target"], over = "2s", at_least = 12 }}

[rules.busy-receiver]
severity = "high"
reason = "{{payments}} payments"
windows.payments = {{ measure = "count", by = ["target"], over = "10m", at_least = {busy}, at_most = {most} }}

[rules.rapid-fire]
severity = "high"
reason = "{{payments}} payments"
windows.payments = {{ measure = "count", by = ["source"], over = "1s", at_least = 8 }}

[rules.many-large]
severity = "high"
reason = "{{total}}"
windows.total = {{ measure = "sum amount", by = ["source"], over = "3s", where = "amount >= 500", at_least = 7000 }}

[rules.busy-sender]
severity = "high"
reason = "{{payments}} payments"
windows.payments = {{ measure = "count", by = ["source"], over = "10m", at_least = {busy}, at_most = {most} }}
"""
"""The windows of ten minutes reach back to the beginning of a round: a restore that loses anything is seen. They match
a few payments of an account, not all that follow, as each match is an alert."""

FEW = 10


class RulesOverTime:
    """The rules of a round, and its reference.

    Args:
        trial: The round.
        count: About how many payments will be written: says when an account is busy.
        lateness: Seconds that a transaction may be late and find its windows whole.
        repartition: Whether the input is not keyed by the account that receives, and goes through a topic that is.

    Attributes:
        environment: The detector's environment variables.
        is_dead: Whether a message of the input must be a dead letter; by default none must.
        dead_later: The values that pass the first stage, and are dead letters of a later one.
    """

    def __init__(self, trial: "Trial", count: int, *, lateness: int = 60, repartition: bool = False) -> None:
        mean = count / ACCOUNTS
        self._busy = math.ceil(mean + 1.7 * math.sqrt(mean))
        self._trial = trial
        self._pipeline = trial.pipeline
        self._reader = trial.reader
        self._lateness_ms = lateness * 1000
        rules = trial.pipeline.directory / "rules-over-time.toml"
        rules.write_text(RULES.format(busy=self._busy, most=self._busy + FEW))
        self.environment = {"RULES_FILE": str(rules), "ALLOWED_LATENESS": str(lateness)}
        self.repartition = repartition
        if repartition:
            topics = {"target": trial.pipeline.by_target, "source": trial.pipeline.by_source}
            repartition_topics = ",".join(f"{field}={topic}" for field, topic in topics.items())
            self.environment |= {"INPUT_KEYED": "repartition", "REPARTITION_TOPICS": repartition_topics}
        self.is_dead: Callable[[Message], bool] = lambda _message: False
        self.dead_later: Collection[bytes] = ()
        self._written: int | None = None
        trial.reference = self

    def left(self) -> int:
        """Number of input messages without a verdict and without a dead letter."""
        if self._written is None:
            self._written = len(self._pipeline.read(self._pipeline.input))
        return self._written - self._trial.watch.total

    def tally(self) -> Tally:
        """Compares everything that the topics hold with the recomputation."""
        pipeline = self._pipeline
        topics = [pipeline.by_target, pipeline.by_source] if self.repartition else [pipeline.by_source]
        contents = TopicContents(
            pipeline.read(pipeline.input),
            [pipeline.read(topic) for topic in topics],
            *(pipeline.read(topic) for topic in (pipeline.legit, pipeline.fraud, pipeline.dead, pipeline.alerts)),
        )
        dead = {place(message) for message in contents.inputs if self.is_dead(message)}
        good = [message for message in contents.inputs if place(message) not in dead]
        expected = self.expected(good, contents.stages)
        firings = sum(name != SIMPLE for rules in expected.values() for name, _ in rules)
        self._trial.prove(firings, f"rules over time fired {firings} times")
        return compare_verdicts(contents, dead, self.dead_later, expected, self._reader.record)

    def expected(
        self,
        good: Sequence[Message],
        stages: Sequence[Sequence[Message]],
        clock: Callable[[Message, int], int] = bounded_time,
    ) -> dict[str, set[tuple[str, str]]]:
        """Return by transaction the rules that match it, each with the value of its key.

        Args:
            good: The messages of the input that are no dead letters.
            stages: The messages of the repartition topics.
            clock: See `fired`.
        """
        reader = self._reader
        by_target, by_source = self._sliding()
        first = [(message, reader.record(content(message))) for message in good]
        log = [(message, reader.record(content(message))) for message in stages[-1]
               if content(message) not in self.dead_later]  # fmt: skip
        keyed = [(message, reader.record(content(message))) for message in stages[0]] if self.repartition else first
        rules: dict[str, set[tuple[str, str]]] = defaultdict(set)
        for _message, record in first:
            if record["amount"] >= LARGE:
                rules[str(record["id"])].add((SIMPLE, ""))
        for entries, sliding in ((keyed, by_target), (log, by_source)):
            for transaction, names in fired(entries, sliding, self._lateness_ms, clock).items():
                rules[transaction] |= names
        return rules

    def _sliding(self) -> tuple[list[Sliding], list[Sliding]]:
        """The rules by the account that receives, and those by the one that pays."""
        return [
            Sliding("many-senders", "target", 2000, lambda rows: len({row["source"] for row in rows}), 12),
            Sliding("busy-receiver", "target", LONG_MS, len, self._busy, at_most=self._busy + FEW),
        ], [
            Sliding("rapid-fire", "source", 1000, len, 8),
            Sliding("many-large", "source", 3000, lambda rows: sum(row["amount"] for row in rows), Decimal(7000),
                    lambda row: bool(row["amount"] >= 500)),
            Sliding("busy-sender", "source", LONG_MS, len, self._busy, at_most=self._busy + FEW),
        ]  # fmt: skip
