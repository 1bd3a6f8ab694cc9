"""Makes transactions and sends each when it is due."""

import time
from datetime import UTC, datetime
from threading import Event

import numpy as np
import numpy.typing as npt
import structlog

from services.generator.encoding import CURRENCY, TransactionEncoder
from services.generator.metrics import GeneratorMetrics
from services.generator.outbox import Account, Outbox
from services.generator.pacing import SECOND, Schedule
from services.generator.transactions import BLOCK, Source, Transactions

log = structlog.get_logger()

# Where there is no schedule, all of a batch are created at the same moment: it must not take long.
_UNPACED_BATCH = 1000
# The shortest pause, in seconds: what falls due meanwhile is sent together.
_TICK = 0.002
_REPORT_EVERY = 10 * SECOND


class Generator:
    """Sends transactions at a rate until it is told to stop.

    Args:
        source: What the transactions are.
        encoder: Makes messages of them.
        outbox: Where they go.
        metrics: Told what happens.
        stop: Ends it when set.
        rate: Transactions a second; 0 is as fast as it can.
        limit: How many to send; 0 is without end.
        log_transactions: Log a line for each.
    """

    def __init__(
        self,
        source: Source,
        encoder: TransactionEncoder,
        outbox: Outbox,
        metrics: GeneratorMetrics,
        stop: Event,
        *,
        rate: int,
        limit: int,
        log_transactions: bool,
    ) -> None:
        self._source = source
        self._encoder = encoder
        self._outbox = outbox
        self._metrics = metrics
        self._stop = stop
        self._rate = rate
        self._limit = limit
        self._log_transactions = log_transactions
        self._reported = 0

    def run(self) -> Account:
        """Run to the limit or until told to stop; then wait until everything is delivered.

        Raises:
            DeliveryFailed: If not everything was delivered.
        """
        started = time.monotonic_ns()
        schedule = Schedule(self._rate, time.time_ns() // 1_000_000) if self._rate else None
        sent = 0
        while not self._stop.is_set() and not (self._limit and sent >= self._limit):
            most = BLOCK if schedule else _UNPACED_BATCH
            rows = self._source.take(min(most, self._limit - sent) if self._limit else most)
            if schedule:
                created_at = schedule.created_at(sent, len(rows))
            else:
                created_at = np.full(len(rows), time.time_ns() // 1_000_000)
            # Made ahead of time, so that nothing but sending remains to be done when they are due.
            values, keys = self._encoder.encode(rows, created_at), rows.targets.tolist()
            done = 0
            while done < len(rows) and not self._stop.is_set():
                elapsed = time.monotonic_ns() - started
                due = len(rows) if schedule is None else min(schedule.due(elapsed) - sent, len(rows))
                if due > done:
                    handed = done + self._outbox.send(values[done:due], keys[done:due])
                    self._note(rows[done:handed], created_at[done:handed])
                    late = 0 if schedule is None else elapsed - schedule.offset(sent + done)
                    self._report(elapsed, late)
                    done = due
                elif schedule:
                    pause = (schedule.offset(sent + done) - elapsed) / SECOND
                    self._stop.wait(max(pause, _TICK))
            sent += len(rows)
        account = self._outbox.finish(patiently=True)
        log.info("ended", delivered=account.delivered, seconds=round((time.monotonic_ns() - started) / SECOND, 1))
        return account

    def _report(self, elapsed: int, late: int) -> None:
        """Keep the metrics, and say now and then how it goes."""
        self._metrics.lateness.set(late / SECOND)
        if elapsed - self._reported < _REPORT_EVERY:
            return
        self._reported = elapsed
        account = self._outbox.account
        figures = {"delivered": account.delivered, "outstanding": account.outstanding}
        if late > SECOND:
            log.warning("behind schedule", seconds=round(late / SECOND, 1), rate=self._rate, **figures)
        else:
            log.info("generating", **figures)

    def _note(self, rows: Transactions, created_at: npt.NDArray[np.int64]) -> None:
        if not self._log_transactions:
            return
        columns = (rows.ids.tolist(), rows.sources.tolist(), rows.targets.tolist(), rows.cents.tolist())
        for one, source, target, cents, created in zip(*columns, created_at.tolist(), strict=True):
            log.info(
                "transaction",
                id=one.decode(),
                source=source.decode(),
                target=target.decode(),
                amount=f"{cents // 100}.{cents % 100:02}",
                currency=CURRENCY.decode(),
                created_at=datetime.fromtimestamp(created / 1000, UTC).isoformat(timespec="milliseconds"),
            )
