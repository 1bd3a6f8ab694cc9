"""Turns what is read off the pipeline now and then into samples: rates, and the latency of the last seconds."""

from collections import deque

from tools.demo.latency import LatencyHistogram
from tools.demo.view import Sample

HISTORY = 120
LATENCY_SAMPLES = 5


class Meter:
    """Keeps what a sample needs of the ones before it.

    Args:
        began: When the first transaction was generated, in seconds of the clock that samples are taken by.
    """

    def __init__(self, began: float) -> None:
        self.began = began
        self.lag_max = 0
        self.history: deque[Sample] = deque(maxlen=HISTORY)
        self._read_at = began
        self._generated = 0
        self._latencies = deque([LatencyHistogram()], maxlen=LATENCY_SAMPLES)

    def read(self, now: float, generated: int, lag: int, latency: LatencyHistogram) -> None:
        """Add a sample.

        Args:
            now: Seconds of the clock.
            generated: Transactions generated since the beginning.
            lag: Messages waiting for the detector.
            latency: Of all verdicts since the beginning; what it has more than at one of the last samples is shown.
        """
        elapsed = now - self._read_at
        rate = (generated - self._generated) / elapsed if elapsed > 0 else 0.0
        recent = latency.since(self._latencies[0])
        self.history.append(Sample(rate, lag, recent.percentile(50), recent.percentile(99)))
        self.lag_max = max(self.lag_max, lag)
        self._read_at, self._generated = now, generated
        self._latencies.append(latency.copy())
