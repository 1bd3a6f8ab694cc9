"""Measurements of the pipeline, a sample each second."""

from collections import deque
from dataclasses import dataclass

from tools.harness.latency_histogram import LatencyHistogram

SAMPLES = 120
RECENT = 5  # samples that the latency shown is taken over


@dataclass(frozen=True)
class Sample:
    """The pipeline at one moment of the run.

    Attributes:
        seconds: Since the first transaction.
        generated: Messages on the input topic.
        legit: Messages seen on the legit topic.
        fraud: Messages seen on the fraud topic.
        dead_letter: Messages seen on the dead-letter topic.
        rate: Transactions generated per second.
        lag: Messages that the detector has not committed.
        p50: Median latency of the last seconds in ms; None without verdicts.
        p99: 99th percentile of the same.
    """

    seconds: float
    generated: int
    legit: int
    fraud: int
    dead_letter: int
    rate: float
    lag: int
    p50: int | None
    p99: int | None

    def share(self, part: int) -> float:
        """A part of the verdicts in percent; 0 where there are none yet."""
        verdicts = self.legit + self.fraud
        return 100 * part / verdicts if verdicts else 0.0


class Meter:
    """Turns totals, read about once a second, into samples.

    Args:
        began: Time of the first transaction, in seconds of the clock that `read` gets.
    """

    def __init__(self, began: float) -> None:
        self.began = began
        self.lag_max = 0
        self.samples: deque[Sample] = deque(maxlen=SAMPLES)
        self._last = (began, 0)
        self._latencies = deque([LatencyHistogram()], maxlen=RECENT)

    def read(
        self, now: float, generated: int, outputs: tuple[int, int, int], lag: int, latency: LatencyHistogram
    ) -> None:
        """Add a sample.

        Args:
            now: Seconds of the clock.
            generated: Transactions since the beginning.
            outputs: Legit, fraudulent and dead-letter messages since the beginning.
            lag: Messages that the detector has not committed.
            latency: Of all verdicts since the beginning.
        """
        read_at, before = self._last
        rate = (generated - before) / (now - read_at) if now > read_at else 0.0
        recent = latency.since(self._latencies[0])
        p50, p99 = recent.percentile(50), recent.percentile(99)
        self.samples.append(Sample(now - self.began, generated, *outputs, rate, lag, p50, p99))
        self.lag_max = max(self.lag_max, lag)
        self._last = (now, generated)
        self._latencies.append(latency.copy())
