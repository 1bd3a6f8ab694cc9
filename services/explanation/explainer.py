"""Explains a transaction: finds it, and evaluates it again from the logs of all stages."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from confluent_kafka import Message

from services.contracts import MessageRecords, Registry
from services.detection.headers import FIRED, VERSION
from services.detection.settings import TOPIC_OFF, DetectorSettings
from services.detection.topics import DetectorTopics
from services.errors import ContractError, PoisonError
from services.explanation.record_place import RecordPlace, place_of
from services.explanation.rules_history import RulesHistory
from services.explanation.stage_logs import StageLogs
from services.explanation.transaction_logs import TransactionLogs, TransactionNotFoundError
from services.rules.explanation import Explanation, explain
from services.rules.fields import fields_of_schema
from services.rules.loading import constants_of, load_rules
from services.rules.model import ID, RuleSet
from services.rules.models.loading import beside
from services.rules.topology import Topology, build_topology
from services.streaming.clients import KafkaClients
from services.streaming.record_headers import read_headers
from services.streaming.topic_reader import TopicReader

_GROUP = "explain"
"""The group id of consumers, which they need and never join."""


@dataclass(frozen=True)
class TransactionExplanation:
    """A transaction, its records, and why its verdict is what it is.

    Attributes:
        transaction: Its fields.
        input: Its record on the input topic.
        stages: The position of its row in each further stage's topic, as text.
        output: Its record on the legit or fraud topic; None where there is none yet.
        verdict: The verdict that was written: `legit` or `fraud`; None where none is.
        version: The version of the rules that wrote it.
        fired: The rules that matched, as they were written.
        explanation: The verdict, evaluated again.
        is_what_if: Whether it was evaluated by other rules than those that were in force.
    """

    transaction: Mapping[str, Any]
    input: RecordPlace
    stages: Sequence[str]
    output: RecordPlace | None
    verdict: str | None
    version: str
    fired: tuple[str, ...]
    explanation: Explanation
    is_what_if: bool = False

    @property
    def agrees(self) -> bool | None:
        """True where the explanation equals the written verdict; None without a verdict, or for other rules."""
        if self.verdict is None or self.is_what_if:
            return None
        return (self.verdict, self.fired) == (self.explanation.verdict, self.explanation.fired)


class Explainer:
    """Explains transactions of a cluster.

    Args:
        settings: Those of the detectors.
        topics: The topics that these name.
        clients: Makes Kafka clients.
        registry: The schema registry.
    """

    def __init__(
        self, settings: DetectorSettings, topics: DetectorTopics, clients: KafkaClients, registry: Registry
    ) -> None:
        self._settings = settings
        self._topics = topics
        self._registry = registry
        self._reader = TopicReader(lambda **config: clients.consumer(_GROUP, **config))
        self.logs = StageLogs(
            lambda **config: clients.consumer(_GROUP, fetch_wait_max_ms=50, **config),
            registry,
            topics.schema,
            topics.dead_letters.name,
        )
        self._records = MessageRecords(registry, topics.schema)

    @cached_property
    def lateness_ms(self) -> int:
        """The allowed lateness of the detectors."""
        return round(self._settings.allowed_lateness * 1000)

    def history(self) -> RulesHistory:
        """Return the versions of the rules that detectors wrote."""
        topic = self._topics.rules
        if topic is None:
            return RulesHistory(TOPIC_OFF, {})
        return RulesHistory.read(self._reader, topic.name, self._registry, topic.required_schema)

    def current_rules(self) -> RuleSet:
        """Return the rules file as it is now.

        Raises:
            RulesError: It has faults.
        """
        constants = constants_of(self._settings.suspicious_amount)
        return load_rules(self._settings.rules_file, self._topics.schema, constants)

    def rules(self, version: str) -> RuleSet:
        """Return a version of the rules.

        Raises:
            ContractError: It can't be had.
        """
        read_file = beside(self._settings.rules_file)
        return self.history().rules(version, self._topics.schema, read_file, self.current_rules())

    def topology(self, rules: RuleSet) -> Topology:
        """Return rules by stage, as detectors have them."""
        return build_topology(rules, self._topics.stages, [model.name for model in rules.models])

    def explain(self, identity: str, since_ms: int = 0, rules: RuleSet | None = None) -> TransactionExplanation:
        """Explain a transaction.

        Args:
            identity: Its id.
            since_ms: Timestamp of the first record to look at, in milliseconds since the epoch.
            rules: The rules to evaluate it by, instead of those that were in force.

        Raises:
            TransactionNotFoundError: No record has it, or it did not come through all stages yet.
            ContractError: The rules that were in force can't be had.
            Unavailable: Brokers or registry don't answer.
        """
        message = self._find([self._topics.input], identity, since_ms)
        if message is None:
            raise TransactionNotFoundError(
                f"no transaction {identity} is on {self._topics.input}: expected the id of one that is still kept there"
            )
        verdicts = {self._settings.legit_topic: "legit", self._settings.fraud_topic: "fraud"}
        written = self._find(list(verdicts), identity, message.timestamp()[1])
        headers = dict(read_headers(written) or ()) if written is not None else {}
        version, fired = (_text(headers.get(name)) for name in (VERSION, FIRED))
        chosen = rules or (self.rules(version) if version else self.current_rules())
        topology = self.topology(chosen)
        transaction = self._record(message)
        logs = TransactionLogs(self.logs, topology, message, transaction, self.lateness_ms)
        explanation = explain(topology, logs.of, fields_of_schema(self._topics.schema), self.lateness_ms)
        return TransactionExplanation(
            transaction=transaction,
            input=place_of(message, self._registry),
            stages=logs.positions,
            output=None if written is None else place_of(written, self._registry),
            verdict=None if written is None else verdicts[written.topic() or ""],
            version=version,
            fired=tuple(fired.split(",")) if fired else (),
            explanation=explanation,
            is_what_if=rules is not None and rules.version != version,
        )

    def _find(self, topics: Sequence[str], identity: str, since_ms: int) -> Message | None:
        """Return the first record with a transaction."""
        needle = identity.encode()
        of_topics = [self.logs.ranges(topic, range(self.logs.partitions(topic)), since_ms) for topic in topics]
        ranges = {partition: limits for of_topic in of_topics for partition, limits in of_topic.items()}
        for messages in self.logs.messages(ranges):
            for message in messages:
                value = message.value()
                if value is not None and needle in value and self._is(message, identity):
                    return message
        return None

    def _is(self, message: Message, identity: str) -> bool:
        """Return whether a record is that of a transaction: another field may have the same text."""
        try:
            return str(self._record(message)[ID]) == identity
        except (ContractError, PoisonError):
            return False

    def _record(self, message: Message) -> Mapping[str, Any]:
        record: Mapping[str, Any] = self._records.decode(message.value(), read_headers(message))
        return record


def _text(value: str | bytes | None) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value or ""
