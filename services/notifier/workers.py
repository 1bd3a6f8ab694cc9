"""The threads that send: one for each receiver, so that a slow one delays no other."""

import time
from collections.abc import Callable, Mapping
from queue import Empty, SimpleQueue
from threading import Thread
from uuid import UUID

import structlog

from services.errors import ExpectedError
from services.notifier.metrics import NotifierMetrics
from services.notifier.model import Receiver
from services.notifier.notification import Answer, Message, Result
from services.notifier.receivers import Sender
from services.notifier.steps import Send
from services.notifier.traces import AttemptTraces

log = structlog.get_logger()

Completed = tuple[UUID, int, Result]
"""Id of a notification, number of the attempt, and its result."""


class Workers:
    """Threads that make attempts; their results are collected by `results`.

    They outlive Kafka clients: a result that comes while these are replaced is not lost.

    Args:
        make_sender: Makes the sender of a receiver.
        metrics: Counts attempts.
        traces: Traces those about sampled alerts; None where traces are off.
    """

    def __init__(
        self,
        make_sender: Callable[[Receiver], Sender],
        metrics: NotifierMetrics,
        traces: AttemptTraces | None = None,
    ) -> None:
        self._make_sender = make_sender
        self._metrics = metrics
        self._traces = traces
        self._queues: dict[Receiver, SimpleQueue[Message | None]] = {}
        self._results: SimpleQueue[Completed] = SimpleQueue()
        self._under_way: set[tuple[UUID, int]] = set()

    def use(self, receivers: Mapping[str, Receiver]) -> None:
        """Make threads for receivers, and end those of others.

        Raises:
            UsageError: A receiver can't be used, as a secret or an optional package is missing.
        """
        senders = {
            receiver: self._make_sender(receiver) for receiver in receivers.values() if receiver not in self._queues
        }
        for receiver in self._queues.keys() - set(receivers.values()):
            self._queues.pop(receiver).put(None)
        for receiver, sender in senders.items():
            queue: SimpleQueue[Message | None] = SimpleQueue()
            self._queues[receiver] = queue
            Thread(target=self._run, args=(receiver, sender, queue), name=receiver.name, daemon=True).start()

    def submit(self, send: Send) -> None:
        """Make an attempt soon."""
        self._under_way.add((send.message.id, send.message.attempt))
        self._queues[send.receiver].put(send.message)

    @property
    def busy(self) -> bool:
        """True while attempts are under way."""
        return bool(self._under_way)

    def results(self) -> list[Completed]:
        """Return the results since the last call."""
        results: list[Completed] = []
        while True:
            try:
                result = self._results.get_nowait()
            except Empty:
                return results
            self._under_way.discard(result[:2])
            results.append(result)

    def drain(self, seconds: float) -> list[Completed]:
        """Wait for the attempts under way, for a limited time, and return their results."""
        deadline, results = time.monotonic() + seconds, self.results()
        while self._under_way and time.monotonic() < deadline:
            time.sleep(0.02)
            results += self.results()
        return results

    def _run(self, receiver: Receiver, sender: Sender, queue: "SimpleQueue[Message | None]") -> None:
        while (message := queue.get()) is not None:
            started, started_ns = time.monotonic(), time.time_ns()
            result = _attempt(receiver, sender, message)
            self._metrics.attempts.labels(receiver=receiver.name, answer=str(result.answer)).inc()
            self._metrics.attempt_seconds.labels(receiver=receiver.name).observe(time.monotonic() - started)
            if self._traces:
                self._traces.ended(receiver, message, result, started_ns)
            self._results.put((message.id, message.attempt, result))


def _attempt(receiver: Receiver, sender: Sender, message: Message) -> Result:
    try:
        return sender.send(message)
    except ExpectedError as error:  # a secret that is gone, a topic that the report can't read: it may come back
        return Result(Answer.RETRY, str(error))
    except Exception as error:
        log.exception("attempt failed", receiver=receiver.name, notification=str(message.id))
        # It is not known how far the attempt had come.
        return Result(Answer.UNKNOWN, f"the notifier failed: {type(error).__name__}: {error}")
