"""Traces of attempts: a span for each, in the trace of the first sampled alert that it tells of."""

from services.notifier.model import Receiver
from services.notifier.notification import Answer, Message, Result
from services.streaming.tracing import Tracer


class AttemptTraces:
    """Spans of attempts to send.

    Args:
        tracer: Starts the spans.
    """

    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer

    def ended(self, receiver: Receiver, message: Message, result: Result, started_ns: int) -> None:
        """Record an attempt that tells of sampled alerts; one that tells of none leaves no trace.

        Args:
            receiver: The receiver.
            message: The message.
            result: Its result.
            started_ns: When it began, in nanoseconds since the epoch.
        """
        sampled = list(dict.fromkeys(alert.trace for alert in message.alerts if alert.trace))
        if not sampled:
            return
        span = self._tracer.start(
            f"notify {receiver.name}", "CLIENT", parent=sampled[0], links=sampled[1:], started_ns=started_ns,
            attributes={"fraud.notification.id": str(message.id), "fraud.notification.attempt": message.attempt,
                        "fraud.notification.answer": str(result.answer), "fraud.alerts": len(message.alerts)},
        )  # fmt: skip
        if result.answer is not Answer.DELIVERED:
            span.failure = result.reason
        self._tracer.end(span)
