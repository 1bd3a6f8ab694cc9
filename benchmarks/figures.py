"""Figures of a run, computed from its samples."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

# The part of a run that is timed. Before it, caches fill and just-in-time compilers warm up; after it, what is left is
# too little for full batches, and the last transaction waits for its interval to end.
TIMED_FROM, TIMED_TO = 0.2, 0.97


@dataclass(frozen=True)
class Sample:
    """Progress of a run at one moment.

    Attributes:
        seconds: Since the input was there.
        visible: Messages that readers of committed messages could see in the outputs.
        cpu: Processor seconds, user and system, that the contender's processes had used.
        broker_cpu: The same of the broker.
        rss_mb: Resident memory of the contender's processes, in MB.
    """

    seconds: float
    visible: float
    cpu: float
    broker_cpu: float
    rss_mb: float = 0


@dataclass(frozen=True)
class Pace:
    """Rate of a run between two moments at which outputs had just become visible.

    Attributes:
        rate: Messages a second.
        cpu_us: The contender's processor time for a message, in microseconds.
        broker_us: The broker's.
        share: Share of all messages that this was taken from.
    """

    rate: float
    cpu_us: float
    broker_us: float
    share: float


def pace(samples: Sequence[Sample]) -> Pace:
    """The pace of a run's timed part.

    Outputs become visible in steps, a transaction at a time: both ends are samples that saw a step. Where a run has no
    two such samples inside the timed part, the whole run counts.

    Args:
        samples: In order of time: the start, then one for each time that more had become visible, up to all of them.
    """
    total = samples[-1].visible
    steps = samples[1:]
    inside = [step for step in steps if TIMED_FROM * total <= step.visible <= TIMED_TO * total]
    first, last = (inside[0], inside[-1]) if len(inside) > 1 else (samples[0], steps[-1])
    messages = last.visible - first.visible
    return Pace(
        rate=messages / (last.seconds - first.seconds),
        cpu_us=(last.cpu - first.cpu) / messages * 1e6,
        broker_us=(last.broker_cpu - first.broker_cpu) / messages * 1e6,
        share=messages / total,
    )


@dataclass(frozen=True)
class Spread:
    """Several rounds' figures in one."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Iterable[float]) -> "Spread":
        """The spread of at least one value."""
        numbers = list(values)
        return cls(median(numbers), min(numbers), max(numbers))


def ratios(ours: Sequence[float], theirs: Sequence[float]) -> Spread:
    """Ratios round by round: what slowed both down in a round cancels out."""
    return Spread.of(own / other for own, other in zip(ours, theirs, strict=True))
