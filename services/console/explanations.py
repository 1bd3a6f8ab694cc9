"""Explanations of transactions for the console's pages."""

from threading import BoundedSemaphore

from services.errors import Unavailable
from services.explanation import Explainer, TransactionExplanation

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
