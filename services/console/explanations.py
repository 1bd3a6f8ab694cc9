"""Explanations of transactions for the console's pages."""

from threading import BoundedSemaphore

from services.console.settings import ConsoleSettings
from services.contracts import Contracts, Registry, RegistrySettings
from services.detection.settings import DetectorSettings
from services.detection.topics import DetectorTopics
from services.errors import Unavailable
from services.explanation import Explainer, TransactionExplanation
from services.streaming.clients import KafkaClients
from services.streaming.settings import load_settings

AT_ONCE = 2
"""Explanations that are made at once: each reads topics, and holds what it read of a key in memory."""


class Explanations:
    """Explains transactions.

    Args:
        explainer: Explains one.
    """

    def __init__(self, explainer: Explainer) -> None:
        self._explainer = explainer
        self._free = BoundedSemaphore(AT_ONCE)

    @classmethod
    def of(cls, contracts: Contracts, clients: KafkaClients, registry: Registry) -> "Explanations":
        """Return explanations by the detectors' settings, as far as the console's environment has them.

        Raises:
            UsageError: One of the settings is wrong.
        """
        settings = load_settings(DetectorSettings, RegistrySettings, ConsoleSettings)
        return cls(Explainer(settings, DetectorTopics.of(settings, contracts), clients, registry))

    def __call__(self, identity: str, since_ms: int) -> TransactionExplanation:
        """Explain a transaction.

        Args:
            identity: Its id.
            since_ms: Timestamp of the first record to look at, in milliseconds since the epoch.

        Raises:
            ContractError: It is not there, or its rules can't be had.
            Unavailable: Brokers or registry don't answer, or other explanations are being made.
        """
        if not self._free.acquire(timeout=20):
            raise Unavailable("others are being explained now: try again in a moment")
        try:
            return self._explainer.explain(identity, since_ms)
        finally:
            self._free.release()
