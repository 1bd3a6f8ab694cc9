"""The versions of the rules that detectors evaluated by, from the topic of rules."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from services.contracts import MessageRecords, Registry, Schema
from services.detection.rules_log import rules_of
from services.errors import ContractError, PoisonError
from services.rules.model import RuleSet
from services.rules.models.loading import ReadFile
from services.streaming.record_headers import read_headers
from services.streaming.topic_reader import TopicReader


class UnknownVersionError(ContractError):
    """The text of a version of the rules is not there any more."""


@dataclass(frozen=True)
class RulesHistory:
    """Versions of the rules.

    Attributes:
        topic: The topic that they are from.
        records: The first record of each version, in the order of the log.
    """

    topic: str
    records: Mapping[str, Mapping[str, Any]]

    @classmethod
    def read(cls, reader: TopicReader, topic: str, registry: Registry, schema: Schema) -> "RulesHistory":
        """Read the topic of rules.

        Raises:
            ContractError: The topic does not exist.
            Unavailable: Brokers or registry don't answer.
        """
        decoder = MessageRecords(registry, schema)
        records: dict[str, Mapping[str, Any]] = {}
        for messages in reader.read(topic):
            for message in messages:
                try:
                    record = decoder.decode(message.value(), read_headers(message))
                except PoisonError:
                    continue  # no record of a detector
                records.setdefault(record["version"], record)
        return cls(topic, records)

    def rules(self, version: str, schema: Schema, read_file: ReadFile, current: RuleSet | None = None) -> RuleSet:
        """Return a version of the rules.

        Args:
            version: The version.
            schema: The schema of transactions.
            read_file: Reads the model files that the rules name.
            current: The rules file as it is now, which may be this version.

        Raises:
            UnknownVersionError: It is neither in the topic nor the current one.
            RulesError: It does not fit the schema any more, or a model file is not there.
        """
        if current is not None and current.version == version:
            return current
        record = self.records.get(version)
        if record is None:
            raise UnknownVersionError(
                f"version {version} of the rules is not on {self.topic}: give its file with --rules, and set "
                "RULES_TOPIC on the detectors so that the next ones are kept"
            )
        rules = rules_of(record, schema, read_file)
        if rules.version != version:
            raise UnknownVersionError(
                f"{record['source']}: its text is that of version {version} and reads as {rules.version} now: put the "
                "model files that it names back beside RULES_FILE"
            )
        return rules

    def activated_at(self, version: str) -> datetime | None:
        """Return when a version was activated first; None where that is not known."""
        record = self.records.get(version)
        return record["activated_at"] if record else None
