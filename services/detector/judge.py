"""The detector's work on one batch: decode, judge, route. Kafka is the loop's business, meaning is the rules'."""

import time
from collections import Counter
from collections.abc import Sequence

import numpy as np
import structlog
from confluent_kafka import Message
from numpy.typing import NDArray

from services.contracts import HEADER_SIZE, split
from services.detector.metrics import DetectorMetrics
from services.detector.rules import Mask, Rule, suspicious
from services.detector.writers import Writer, Writers
from services.errors import PoisonError
from services.streaming.sink import Sink

log = structlog.get_logger()

VERDICTS = ("legit", "fraud")
EVENT_TIME = "created_at"  # milliseconds since the epoch; read to report how old the newest verdict is


class Judge:
    """Judges batches of transactions for the transactional loop.

    Args:
        rules: What makes a transaction suspicious.
        writers: How to read each schema id.
        topics: Where legit and suspicious transactions go, in this order.
        metrics: Counts verdicts once they are committed.
        log_transactions: Log one line per transaction.
    """

    def __init__(
        self,
        rules: Sequence[Rule],
        writers: Writers,
        topics: tuple[str, str],
        metrics: DetectorMetrics,
        *,
        log_transactions: bool = False,
    ) -> None:
        self._rules = rules
        self._writers = writers
        self._topics = topics
        self._metrics = metrics
        self._log_transactions = log_transactions
        self._verdicts: Counter[str] = Counter()
        self._newest_ms = 0

    def handle(self, messages: Sequence[Message], sink: Sink) -> None:
        """Routes each message to legit, fraud or the dead-letter topic; each topic keeps the order of reading.

        Raises:
            Unavailable: a schema id is new and the registry can't be asked about it now.
        """
        values = [message.value() for message in messages]
        parts = split(values)
        failures = dict(parts.failures)
        fraud = np.zeros(len(values), dtype=np.bool_)
        for schema_id, rows in parts.groups.items():
            try:
                writer = self._writers[schema_id]
            except PoisonError as error:
                failures.update(dict.fromkeys(rows.tolist(), error))
                continue
            everything = len(rows) == len(values)
            group = [value for value in values if value is not None] if everything else [values[row] for row in rows]
            columns = writer.columns.decode(group, prefix=HEADER_SIZE)
            verdict = suspicious(self._rules, columns.columns, len(group))
            failures.update((int(rows[index]), error) for index, error in columns.failures.items())
            fraud[rows] = verdict
            self._newest_ms = max(self._newest_ms, int(columns.columns[EVENT_TIME].max()))
            if writer.governed.issuperset(self._topics) and not self._log_transactions:
                continue
            self._one_by_one(writer, rows, values, verdict, failures)
        self._send(messages, values, fraud, failures, sink)

    def committed(self) -> None:
        """Counts what is committed now."""
        for verdict, count in self._verdicts.items():
            self._metrics.verdicts.labels(verdict=verdict).inc(count)
        if self._newest_ms:
            self._metrics.age.set(max(0.0, time.time() - self._newest_ms / 1000))
        self._writers.committed()
        self.aborted()

    def aborted(self) -> None:
        """Forgets what was judged since the last commit."""
        self._verdicts.clear()
        self._newest_ms = 0

    def _one_by_one(
        self,
        writer: Writer,
        rows: NDArray[np.int64],
        values: list[bytes | None],
        verdict: Mask,
        failures: dict[int, PoisonError],
    ) -> None:
        """What the columns can't do: re-encode for an output that the writer's schema is foreign to, and log."""
        for row, is_fraud in zip(rows.tolist(), verdict.tolist(), strict=True):
            value = values[row]
            if row in failures or value is None:
                continue
            topic = self._topics[is_fraud]
            try:
                if self._log_transactions:
                    record = writer.records.decode(value[HEADER_SIZE:])
                    log.info("transaction", verdict=VERDICTS[is_fraud], **{k: str(v) for k, v in record.items()})
                if topic not in writer.governed:
                    values[row] = self._writers.reencode(writer, value[HEADER_SIZE:], topic)
            except PoisonError as error:
                failures[row] = error

    def _send(
        self,
        messages: Sequence[Message],
        values: list[bytes | None],
        fraud: Mask,
        failures: dict[int, PoisonError],
        sink: Sink,
    ) -> None:
        if failures:
            good = np.ones(len(values), dtype=np.bool_)
            good[list(failures)] = False
            for row, error in sorted(failures.items()):
                sink.dead_letter(messages[row], error)
            kept = np.flatnonzero(good).tolist()
            messages = [messages[row] for row in kept]
            values = [values[row] for row in kept]
            fraud = fraud[good]
        sink.forward(messages, values, [self._topics[is_fraud] for is_fraud in fraud.tolist()])
        suspects = int(fraud.sum())
        self._verdicts["fraud"] += suspects
        self._verdicts["legit"] += len(messages) - suspects
