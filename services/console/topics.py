"""The topics of the console, and the operations that it needs on each."""

from collections.abc import Sequence
from dataclasses import dataclass

from services.console.settings import ConsoleSettings
from services.contracts import Contracts, TopicContract
from services.streaming.authorisation import DESCRIBE, READ, WRITE
from services.streaming.topics import TopicNeed


@dataclass(frozen=True)
class ConsoleTopics:
    """The contracts of the topics of the console, by their use."""

    alerts: TopicContract
    decisions: TopicContract
    labels: TopicContract
    legit: TopicContract
    fraud: TopicContract
    transactions: TopicContract

    @classmethod
    def of(cls, settings: ConsoleSettings, contracts: Contracts) -> "ConsoleTopics":
        """Return the topics that the settings name.

        Raises:
            ContractError: One has no contract.
        """
        return cls(
            contracts.topic(settings.alerts_topic),
            contracts.topic(settings.decisions_topic),
            contracts.topic(settings.labels_topic),
            contracts.topic(settings.legit_topic),
            contracts.topic(settings.fraud_topic),
            contracts.topic(settings.transactions_topic),
        )

    @property
    def needs(self) -> Sequence[TopicNeed]:
        """The operations needed on each topic."""
        return [
            TopicNeed(self.alerts.name, self.alerts.partitions, (READ,)),
            TopicNeed(self.decisions.name, self.decisions.partitions, (READ, WRITE)),
            TopicNeed(self.labels.name, self.labels.partitions, (READ, WRITE)),
            TopicNeed(self.legit.name, self.legit.partitions, (READ,)),
            TopicNeed(self.fraud.name, self.fraud.partitions, (READ,)),
            TopicNeed(self.transactions.name, self.transactions.partitions, (DESCRIBE,)),  # the lag there is shown
        ]
