"""The pipeline under observation: reads the output topics all the time, and shows a sample every second."""

import time
from collections.abc import Callable
from functools import partial

from services.errors import FatalError, Unavailable
from tools.demo.display import Display
from tools.demo.observer import Observer
from tools.demo.samples import Meter
from tools.harness.waiting import wait_for
from tools.topics.consumer_group import ConsumerGroup
from tools.topics.reader import Offsets

SAMPLE_SECONDS = 1.0
END_SECONDS = 30.0


class Watch:
    """Watches one run.

    Args:
        display: Shows the samples.
        observer: Reads the output topics: legit, fraud and dead letters.
        group: Gives the ends of topics and the detector's lag.
        starts: The offset of each partition of the input topic at which this run begins.
    """

    def __init__(self, display: Display, observer: Observer, group: ConsumerGroup, starts: Offsets) -> None:
        self._display = display
        self._observer = observer
        self._group = group
        self._starts = starts
        self._next_sample = float("inf")
        self.meter = Meter(time.monotonic())

    def has_begun(self) -> bool:
        """Return whether the first transaction is there; time counts from then on."""
        if not self._generated(self._group.ends(self._starts)):
            return False
        self.meter = Meter(time.monotonic())
        self._next_sample = self.meter.began + SAMPLE_SECONDS
        return True

    def observe(self, timeout: float) -> None:
        """Take in verdicts, after waiting up to `timeout` seconds for some; show a sample when it is due."""
        self._observer.step(timeout)
        if time.monotonic() >= self._next_sample:
            self._next_sample = max(self._next_sample + SAMPLE_SECONDS, time.monotonic())
            self.sample()

    def run(self, duration: float | None, is_over: Callable[[], bool]) -> None:
        """Observe until the time is up or the user ends it.

        Args:
            duration: Seconds; None for no limit.
            is_over: Called all the time: whether to end before; raises an error where the pipeline can't go on.
        """
        end = float("inf") if duration is None else self.meter.began + duration
        while (left := end - time.monotonic()) > 0 and not is_over():
            self.observe(min(0.1, left))

    def read_to(self, ends: Offsets) -> None:
        """Take in the last verdicts.

        Raises:
            FatalError: They don't become readable.
        """
        wait_for(
            lambda: self._observer.reader.has_reached(ends),
            "the output topics can't be read to their ends: a transaction on them was left open",
            END_SECONDS,
            pause=partial(self.observe, 0.1),
            error=FatalError,
        )

    def sample(self) -> None:
        """Show the pipeline as it is now; brokers that don't answer are asked again a second later."""
        try:
            ends = self._group.ends(self._starts)
            lag = self._group.lag(ends)
        except Unavailable:
            return
        legit, fraud, dead_letter = (totals.messages for totals in self._observer.totals.values())
        outputs, latency = (legit, fraud, dead_letter), self._observer.latency
        self.meter.read(time.monotonic(), self._generated(ends), outputs, lag, latency)
        self._display.show_samples(self.meter.samples, self._observer.alerts())

    def _generated(self, ends: Offsets) -> int:
        return sum(end - self._starts[partition] for partition, end in ends.items())
