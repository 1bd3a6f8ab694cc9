"""The summary of a run: counts from the topics, and whether every transaction was evaluated exactly once."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tools.harness.latency_histogram import LatencyHistogram

Ids = npt.NDArray[np.bytes_]
"""UUIDs as text, an ``S36`` array."""


class TopicTotals:
    """Messages of one run on one topic."""

    def __init__(self) -> None:
        self.messages = 0
        self._ids: list[Ids] = [np.empty(0, "S36")]
        self._first_ms, self._last_ms = np.iinfo(np.int64).max, 0

    def add(self, messages: int, ids: Ids, created_ms: npt.NDArray[np.int64]) -> None:
        """Count messages; ids and creation times are of those that are transactions."""
        self.messages += messages
        self._ids.append(ids)
        self._first_ms = int(created_ms.min(initial=self._first_ms))
        self._last_ms = int(created_ms.max(initial=self._last_ms))

    @property
    def ids(self) -> Ids:
        """The ids, in any order."""
        return np.concatenate(self._ids)

    @property
    def seconds(self) -> float:
        """Time from the creation of the first to that of the last transaction; 0 for fewer than two."""
        return max(0, self._last_ms - self._first_ms) / 1000


@dataclass(frozen=True)
class Summary:
    """The counts and measurements of a run; its fields are the keys of `--json`.

    Attributes:
        generated: Messages on the input topic.
        legit: Messages on the legit topic.
        fraud: Messages on the fraud topic.
        dead_letter: Messages on the dead-letter topic.
        duplicates: Ids that are on the three output topics more than once.
        missing: Ids that were generated and are on none of them.
        unexpected: Ids that are on one of them and were not generated in this run.
        seconds: Time from the creation of the first transaction to that of the last.
        rate: Transactions generated per second; 0 for fewer than two.
        fraud_percent: Share of fraud among the evaluated transactions.
        latency_ms_p50: Median of the time from a transaction's creation until an independent reader had the verdict.
        latency_ms_p99: 99th percentile of the same.
        lag_max: The most messages that were seen waiting for the detector.
        refused: Who tried to get in without the right to, and was refused; with `--secure`.
    """

    generated: int
    legit: int
    fraud: int
    dead_letter: int
    duplicates: int
    missing: int
    unexpected: int
    seconds: float
    rate: float
    fraud_percent: float
    latency_ms_p50: int | None
    latency_ms_p99: int | None
    lag_max: int
    refused: tuple[str, ...] = ()

    @property
    def evaluated(self) -> int:
        """Messages on the output topics."""
        return self.legit + self.fraud + self.dead_letter

    @property
    def exactly_once(self) -> bool:
        """Return whether every transaction was evaluated, and none twice."""
        return not (self.duplicates or self.missing or self.unexpected) and self.generated == self.evaluated


def summarise(
    generated: TopicTotals,
    legit: TopicTotals,
    fraud: TopicTotals,
    dead_letter: TopicTotals,
    *,
    latency: LatencyHistogram,
    lag_max: int,
) -> Summary:
    """Compare the input topic with the three output topics."""
    evaluated, times = np.unique(np.concatenate([legit.ids, fraud.ids, dead_letter.ids]), return_counts=True)
    expected = np.unique(generated.ids)
    verdicts = legit.messages + fraud.messages
    seconds = generated.seconds
    return Summary(
        generated=generated.messages,
        legit=legit.messages,
        fraud=fraud.messages,
        dead_letter=dead_letter.messages,
        duplicates=int(np.count_nonzero(times > 1)),
        missing=len(np.setdiff1d(expected, evaluated, assume_unique=True)),
        unexpected=len(np.setdiff1d(evaluated, expected, assume_unique=True)),
        seconds=round(seconds, 3),
        rate=round(generated.messages / seconds, 1) if seconds else 0.0,
        fraud_percent=round(100 * fraud.messages / verdicts, 2) if verdicts else 0.0,
        latency_ms_p50=latency.percentile(50),
        latency_ms_p99=latency.percentile(99),
        lag_max=lag_max,
    )
