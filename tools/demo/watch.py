"""The pipeline at work, watched from outside: reads the output topics all the time, and takes a sample a second."""

import time

from services.errors import Unavailable
from tools.demo.meter import Meter
from tools.demo.observer import Observer
from tools.demo.offsets import GroupWatch, Offsets
from tools.demo.presenting import Presenter
from tools.demo.view import Figures

SAMPLE_SECONDS = 1.0


class Watch:
    """Watches one run.

    Args:
        presenter: Shown every sample.
        observer: Reads the output topics.
        group: Asked how far generator and detector are.
        starts: Where this run begins in each partition of the input topic.
        topics: The legit, the fraud and the dead-letter topic.
    """

    def __init__(
        self, presenter: Presenter, observer: Observer, group: GroupWatch, starts: Offsets, topics: tuple[str, str, str]
    ) -> None:
        self._presenter = presenter
        self._observer = observer
        self._group = group
        self._starts = starts
        self._topics = topics
        self._next_sample = float("inf")
        self.meter = Meter(time.monotonic())

    def begin(self) -> None:
        """Count time from now on: the first transaction is there."""
        self.meter = Meter(time.monotonic())
        self._next_sample = self.meter.began + SAMPLE_SECONDS

    def observe(self, timeout: float) -> None:
        """Take in verdicts, after waiting up to ``timeout`` seconds for some; and a sample when one is due."""
        self._observer.step(timeout)
        if time.monotonic() >= self._next_sample:
            self._next_sample = max(self._next_sample + SAMPLE_SECONDS, time.monotonic())
            self.sample()

    def has_begun(self) -> bool:
        """Whether the first transaction is there."""
        return self._generated(self._group.ends(self._starts)) > 0

    def sample(self) -> None:
        """Show how the pipeline is now; a broker that doesn't answer just now is asked again a second later."""
        try:
            ends = self._group.ends(self._starts)
            lag = self._group.lag(ends)
        except Unavailable:
            return
        now = time.monotonic()
        self.meter.read(now, self._generated(ends), lag, self._observer.latency)
        legit, fraud, dead_letter = (self._observer.topics[topic].messages for topic in self._topics)
        self._presenter.figures(
            Figures(
                seconds=now - self.meter.began,
                generated=self._generated(ends),
                legit=legit,
                fraud=fraud,
                dead_letter=dead_letter,
                history=tuple(self.meter.history),
                suspicious=self._observer.latest_suspicious(),
            )
        )

    def _generated(self, ends: Offsets) -> int:
        return sum(end - self._starts[partition] for partition, end in ends.items())
