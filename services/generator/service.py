"""The generator's loop: draws transactions and publishes each when it is due."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from threading import Event
from typing import Generic, Protocol, TypeVar

import numpy as np
import numpy.typing as npt
import structlog

from services.generator.encoding import CURRENCY, TransactionEncoder
from services.generator.labels import Labels
from services.generator.metrics import GeneratorMetrics
from services.generator.pacing import SECOND, Schedule
from services.generator.publisher import DeliveryCounts, Publisher
from services.generator.transactions import BLOCK, Times, Transactions
from services.streaming.progress import Progress

log = structlog.get_logger()

Rows = TypeVar("Rows", bound=Transactions)
Rows_co = TypeVar("Rows_co", bound=Transactions, covariant=True)

# Without a schedule a batch has one creation time: publishing it must not take long.
_UNPACED_BATCH = 1000
# The shortest pause, in seconds: transactions that fall due meanwhile are sent together.
_TICK = 0.002
_REPORT_EVERY = 10 * SECOND


class Traffic(Protocol[Rows_co]):
    """Source of transactions."""

    def take(self, limit: int, times: Times) -> Rows_co:
        """Return the next transactions: at least one and at most ``limit``."""


class Generator(Generic[Rows]):
    """Publishing of transactions at a rate, until a limit or a stop.

    Args:
        traffic: Source of the transactions.
        encoder: Encodes them.
        publisher: Sends them.
        metrics: Metrics of the generator.
        stop: Ends the loop when set.
        progress: Records each step.
        rate: Transactions a second; 0 is as fast as possible.
        limit: Number of transactions; 0 is without end.
        log_transactions: Log a line for each.
        label: Encodes their labels, if there are any.
    """

    def __init__(
        self,
        traffic: Traffic[Rows],
        encoder: TransactionEncoder,
        publisher: Publisher,
        metrics: GeneratorMetrics,
        stop: Event,
        *,
        progress: Progress,
        rate: int,
        limit: int,
        log_transactions: bool,
        label: Callable[[Rows, list[bytes]], Labels] | None = None,
    ) -> None:
        self._traffic = traffic
        self._encoder = encoder
        self._publisher = publisher
        self._metrics = metrics
        self._stop = stop
        self._progress = progress
        self._rate = rate
        self._limit = limit
        self._log_transactions = log_transactions
        self._label = label
        self._labelled = 0
        self._reported = 0

    def run(self) -> DeliveryCounts:
        """Run to the limit or a stop, then wait until all messages are delivered.

        Raises:
            DeliveryFailed: Some messages were not delivered.
        """
        started = time.monotonic_ns()
        schedule = Schedule(self._rate, time.time_ns() // 1_000_000) if self._rate else None
        times = schedule.created_at if schedule else _now
        sent = 0
        while not self._stop.is_set() and not (self._limit and sent >= self._limit):
            size = BLOCK if schedule else _UNPACED_BATCH
            rows = self._traffic.take(min(size, self._limit - sent) if self._limit else size, times)
            # Encoded ahead of time, so that only sending remains when they are due.
            values, keys = self._encoder.encode(rows), rows.targets.tolist()
            labels = self._label(rows, values) if self._label else None
            done = 0
            while done < len(rows) and not self._stop.is_set():
                self._progress.step()
                elapsed = time.monotonic_ns() - started
                due = len(rows) if schedule is None else min(schedule.due(elapsed) - sent, len(rows))
                if due > done:
                    published = done + self._publisher.send(values[done:due], keys[done:due])
                    if labels:
                        self._send_labels(*labels.between(done, published))
                    self._log(rows[done:published])
                    late = 0 if schedule is None else elapsed - schedule.offset(sent + done)
                    self._report(elapsed, late)
                    done = due
                elif schedule:
                    pause = (schedule.offset(sent + done) - elapsed) / SECOND
                    self._stop.wait(max(pause, _TICK))
            sent += len(rows)
        counts = self._publisher.flush()
        log.info("ended", **self._delivered(counts), seconds=round((time.monotonic_ns() - started) / SECOND, 1))
        return counts

    def _report(self, elapsed: int, late: int) -> None:
        """Update the metrics, and log the state every 10 s."""
        self._metrics.lateness.set(late / SECOND)
        if elapsed - self._reported < _REPORT_EVERY:
            return
        self._reported = elapsed
        counts = self._publisher.counts
        deliveries = {**self._delivered(counts), "outstanding": counts.outstanding}
        if late > SECOND:
            log.warning("behind schedule", seconds=round(late / SECOND, 1), rate=self._rate, **deliveries)
        else:
            log.info("generating", **deliveries)

    def _send_labels(self, values: list[bytes], keys: list[bytes]) -> None:
        self._publisher.send_labels(values, keys)
        self._labelled += len(values)

    def _delivered(self, counts: DeliveryCounts) -> dict[str, int]:
        """Return the numbers of delivered transactions, and of labels if there are any."""
        if self._label is None:
            return {"delivered": counts.delivered}
        return {"delivered": counts.delivered - self._labelled, "labels": self._labelled}

    def _log(self, rows: Transactions) -> None:
        if not self._log_transactions:
            return
        columns = (rows.ids.tolist(), rows.sources.tolist(), rows.targets.tolist(), rows.cents.tolist())
        for identifier, source, target, cents, created in zip(*columns, rows.created_at.tolist(), strict=True):
            log.info(
                "transaction",
                id=identifier.decode(),
                source=source.decode(),
                target=target.decode(),
                amount=f"{cents // 100}.{cents % 100:02}",
                currency=CURRENCY.decode(),
                created_at=datetime.fromtimestamp(created / 1000, UTC).isoformat(timespec="milliseconds"),
            )


def _now(_first: int, count: int) -> npt.NDArray[np.int64]:
    return np.full(count, time.time_ns() // 1_000_000)
