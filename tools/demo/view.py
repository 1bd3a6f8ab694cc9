"""What the demo shows, as plain data: the screen and the plain lines are functions of it."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import Enum


class State(Enum):
    """How far a step is."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"


@dataclass(frozen=True)
class Step:
    """One step towards a running pipeline, or of its end.

    Attributes:
        name: A word or two.
        state: How far it is.
        detail: What it does now, or what came of it.
        seconds: How long it took; 0 until it is done.
    """

    name: str
    state: State = State.WAITING
    detail: str = ""
    seconds: float = 0.0


@dataclass(frozen=True)
class Download:
    """A download on its way: bytes that have come, and bytes in total."""

    name: str
    done: int
    total: int


@dataclass(frozen=True)
class Suspicious:
    """A transaction on the fraud topic, as the screen shows it."""

    created_at: datetime
    source: str
    target: str
    amount: Decimal
    currency: str


@dataclass(frozen=True)
class Sample:
    """A second of the run.

    Attributes:
        rate: Transactions generated per second.
        lag: Messages waiting for the detector.
        p50: Median latency of the last seconds in ms; None where there were no verdicts.
        p99: 99th percentile of the same.
    """

    rate: float
    lag: int
    p50: int | None
    p99: int | None


@dataclass(frozen=True)
class Figures:
    """The pipeline at a moment of the run.

    Attributes:
        seconds: Since the first transaction.
        generated: Messages on the input topic.
        legit: Verdicts seen on the legit topic.
        fraud: Verdicts seen on the fraud topic.
        dead_letter: Messages seen on the dead-letter topic.
        history: A sample per second, oldest first; at least one.
        suspicious: The latest suspicious transactions, latest first.
    """

    seconds: float
    generated: int
    legit: int
    fraud: int
    dead_letter: int
    history: tuple[Sample, ...]
    suspicious: tuple[Suspicious, ...]

    @property
    def now(self) -> Sample:
        """The latest sample."""
        return self.history[-1]

    def share(self, part: int) -> float:
        """A part of the verdicts in percent; 0 where there are none yet."""
        judged = self.legit + self.fraud
        return 100 * part / judged if judged else 0.0


@dataclass(frozen=True)
class View:
    """Everything on the screen.

    Attributes:
        steps: Those to a running pipeline, in their order.
        ending: Those to the end of the run, in theirs.
        downloads: Those on their way.
        duration: Seconds that the run shall take; None: until Ctrl-C.
        figures: The pipeline at work; None before it is.
    """

    steps: tuple[Step, ...]
    duration: float | None
    ending: tuple[Step, ...] = ()
    downloads: tuple[Download, ...] = ()
    figures: Figures | None = None
