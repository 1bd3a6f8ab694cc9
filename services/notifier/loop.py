"""The loop of the notifier: sessions, one after the other, until it is stopped."""

from collections.abc import Callable
from threading import Event

import structlog
from confluent_kafka import KafkaException

from services.errors import RetryableError
from services.notifier.session import Session
from services.notifier.workers import Completed, Workers
from services.streaming.failures import RetryBudget, raise_if_refused, reason
from services.streaming.metrics import LoopMetrics
from services.streaming.progress import LoopProgress

log = structlog.get_logger()


class NotifierLoop:
    """Sessions with new clients after each failure: what the last one had begun is restored from the topics.

    Args:
        make_session: Makes a session; is handed the results that the last one did not commit.
        workers: Make the attempts.
        retry_timeout: Seconds of consecutive failures after which the loop gives up.
        metrics: Counts replaced clients.
        progress: Progress of the loop, for probes.
        stop: Ends the loop when set.
    """

    def __init__(
        self,
        make_session: Callable[[list[Completed]], Session],
        *,
        workers: Workers,
        retry_timeout: float,
        metrics: LoopMetrics,
        progress: LoopProgress,
        stop: Event,
    ) -> None:
        self._make_session = make_session
        self._workers = workers
        self._budget = RetryBudget(retry_timeout)
        self._metrics = metrics
        self._progress = progress
        self._stop = stop
        self.session: Session | None = None

    def run(self) -> None:
        """Run until `stop` is set.

        Raises:
            RetryableError: Nothing worked for `retry_timeout` seconds.
            NotAuthorised: The brokers refuse access.
        """
        known: list[Completed] = []
        while not self._stop.is_set():
            session = self.session = self._make_session(known)
            try:
                session.run()
            except (KafkaException, RetryableError) as error:
                if isinstance(error, KafkaException):
                    raise_if_refused(error)
                if session.has_committed:
                    self._budget.succeeded()
                pause = self._budget.failed(error)
                self._metrics.restarts.inc()
                self._progress.waiting(reason(error))
                log.warning("replacing Kafka clients", reason=reason(error), pause=pause)
                self._stop.wait(pause)
            finally:
                session.close()
