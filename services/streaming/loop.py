"""Consume, handle, produce: exactly once, one Kafka transaction per commit interval.

The loop owns the clients and the transaction; a handler processes the messages. The records that a handler writes, its
dead letters, and the offsets of its input are committed together or not at all (KIP-98, KIP-447):

    consume ─▶ handler ─▶ sink ─▶ ... until the interval is over ─▶ offsets ─▶ commit
                  │                                                    │
                  └─ RetryableError, abortable error ─▶ abort ─▶ rewind to the committed offsets

Reactions to failures:

    the handler raises RetryableError     abort, rewind, wait with backoff, read the same messages again
    the handler raises PoisonRecords      abort, rewind; these records go to the dead-letter topic, the others
                                            are read again
    another exception, or the broker      abort, rewind, and halve the batch, a transaction each, until the record is
      refuses a record                      alone; it goes to the dead-letter topic
    an abortable error (delivery failed,  abort, rewind, continue
      coordinator moved, group generation over)
    partitions are revoked                commit the open transaction before another member gets them
    partitions are lost                   abort: another member has them already
    a fatal error (fenced, timed out      new clients: the new producer's epoch fences the old one, and
      while paused)                         a new member joins the group; the open transaction is aborted
    nothing committed for `retry_timeout` s    give up with the last error, for the orchestrator to see
"""

from collections.abc import Callable
from threading import Event

import structlog
from confluent_kafka import Consumer, KafkaException, Producer

from services.streaming.batch_limit import BatchLimit
from services.streaming.failures import RetryBudget, raise_if_refused, reason
from services.streaming.handler import Handler, LoopSettings
from services.streaming.metrics import LoopMetrics
from services.streaming.poison_search import PoisonSearch
from services.streaming.progress import LoopProgress
from services.streaming.session import Session

log = structlog.get_logger()


class TransactionalLoop:
    """Processing of topics by a handler, exactly once.

    Args:
        settings: Topics and pace.
        make_consumer: Makes a consumer of the group; called again after a fatal error.
        make_producer: Makes a producer with a transactional.id; called again after a fatal error.
        handler: Processes the messages.
        metrics: Metrics of the loop.
        progress: Progress of the loop, for probes.
        stop: Ends the loop after the open transaction when set.
    """

    def __init__(
        self,
        settings: LoopSettings,
        *,
        make_consumer: Callable[[], Consumer],
        make_producer: Callable[[], Producer],
        handler: Handler,
        metrics: LoopMetrics,
        progress: LoopProgress,
        stop: Event,
    ) -> None:
        self._settings = settings
        self._make_consumer = make_consumer
        self._make_producer = make_producer
        self._handler = handler
        self._metrics = metrics
        self._progress = progress
        self._stop = stop

    def run(self) -> None:
        """Run until `stop` is set.

        Raises:
            RetryableError: nothing could be committed for `retry_timeout` seconds.
            NotAuthorised: the brokers refuse access.
        """
        retry_budget = RetryBudget(self._settings.retry_timeout)
        search = PoisonSearch(self._settings.batch_size)
        batch_limit = BatchLimit(self._settings.batch_size)
        while not self._stop.is_set():
            session = Session(
                self._settings,
                consumer=self._make_consumer(),
                producer=self._make_producer(),
                handler=self._handler,
                metrics=self._metrics,
                progress=self._progress,
                retry_budget=retry_budget,
                search=search,
                batch_limit=batch_limit,
                stop=self._stop,
            )
            try:
                session.run()
            except KafkaException as error:
                raise_if_refused(error)
                pause = retry_budget.failed(error)
                self._metrics.restarts.inc()
                self._progress.waiting(reason(error))
                log.warning("replacing Kafka clients", reason=reason(error), pause=pause)
                self._stop.wait(pause)
            finally:
                session.close()
