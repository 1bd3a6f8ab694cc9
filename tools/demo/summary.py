"""What a run comes to: counts from the topics themselves, and whether every transaction was judged exactly once."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tools.demo.latency import LatencyHistogram

Ids = npt.NDArray[np.bytes_]
"""UUIDs as text, an ``S36`` array."""


@dataclass(frozen=True)
class Counted:
    """What one topic holds of a run.

    Attributes:
        messages: How many there are.
        ids: The ids of those that could be decoded, in any order.
    """

    messages: int
    ids: Ids


@dataclass(frozen=True)
class Summary:
    """A run in figures.

    Attributes:
        generated: Messages on the input topic.
        legit: Messages on the legit topic.
        fraud: Messages on the fraud topic.
        dead_letter: Messages on the dead-letter topic.
        duplicates: Ids that are on the three output topics more than once.
        missing: Ids that were generated and are on none of them.
        unexpected: Ids that are on one of them and were not generated in this run.
        seconds: From the creation of the first transaction to that of the last.
        rate: Transactions generated per second; 0 for fewer than two.
        fraud_percent: Share of fraud in what was judged.
        latency_ms_p50: Median of the time from a transaction's creation until an independent reader had the verdict.
        latency_ms_p99: 99th percentile of the same.
        lag_max: The most messages that were seen waiting for the detector.
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

    @property
    def judged(self) -> int:
        """Messages on the output topics."""
        return self.legit + self.fraud + self.dead_letter

    @property
    def exactly_once(self) -> bool:
        """Whether every transaction was judged, and none twice."""
        return not (self.duplicates or self.missing or self.unexpected) and self.generated == self.judged


def summarise(
    generated: Counted,
    legit: Counted,
    fraud: Counted,
    dead_letter: Counted,
    *,
    seconds: float,
    latency: LatencyHistogram,
    lag_max: int,
) -> Summary:
    """Compare what went in with what came out.

    Args:
        generated: The input topic.
        legit: The legit topic.
        fraud: The fraud topic.
        dead_letter: The dead-letter topic.
        seconds: From the creation of the first transaction to that of the last.
        latency: Of every transaction that was judged.
        lag_max: The most messages that were seen waiting.
    """
    came_out, times = np.unique(np.concatenate([legit.ids, fraud.ids, dead_letter.ids]), return_counts=True)
    went_in = np.unique(generated.ids)
    verdicts = legit.messages + fraud.messages
    return Summary(
        generated=generated.messages,
        legit=legit.messages,
        fraud=fraud.messages,
        dead_letter=dead_letter.messages,
        duplicates=int(np.count_nonzero(times > 1)),
        missing=len(np.setdiff1d(went_in, came_out, assume_unique=True)),
        unexpected=len(np.setdiff1d(came_out, went_in, assume_unique=True)),
        seconds=round(seconds, 3),
        rate=round(generated.messages / seconds, 1) if seconds else 0.0,
        fraud_percent=round(100 * fraud.messages / verdicts, 2) if verdicts else 0.0,
        latency_ms_p50=latency.percentile(50),
        latency_ms_p99=latency.percentile(99),
        lag_max=lag_max,
    )
