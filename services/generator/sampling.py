"""Samples transactions for traces: each sampled one begins a trace."""

import math
from random import Random

from services.streaming.record_headers import Headers
from services.streaming.tracing import TRACEPARENT, Tracer


class TraceSampler:
    """Chooses transactions at random, and begins a trace for each: its cost is that of the chosen ones.

    Args:
        tracer: Starts the spans.
        ratio: Share of the transactions that are traced, above 0 and up to 1.
        topic: Topic of the transactions.
        random: Chooses them.
    """

    def __init__(self, tracer: Tracer, ratio: float, topic: str, random: Random | None = None) -> None:
        self._tracer = tracer
        self._ratio = ratio
        self._topic = topic
        self._random = random or Random()  # noqa: S311 - no secret
        self._skip = self._gap()

    def headers(self, count: int) -> dict[int, Headers]:
        """Return by index the headers of the sampled ones among the next messages.

        Args:
            count: Number of the next messages.
        """
        sampled: dict[int, Headers] = {}
        while self._skip < count:
            span = self._tracer.start(
                f"create {self._topic}", "PRODUCER",
                attributes={"messaging.system": "kafka", "messaging.operation.type": "create",
                            "messaging.destination.name": self._topic},
            )  # fmt: skip
            sampled[self._skip] = [(TRACEPARENT, span.traceparent)]
            self._tracer.end(span)
            self._skip += 1 + self._gap()
        self._skip -= count
        return sampled

    def _gap(self) -> int:
        """Return the number of messages until the next sampled one: geometrically distributed."""
        if self._ratio >= 1:
            return 0
        return int(math.log(1 - self._random.random()) / math.log(1 - self._ratio))
