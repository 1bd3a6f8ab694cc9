"""Results of chaos rounds."""

from dataclasses import dataclass

from services.errors import ExpectedError


class NotRun(ExpectedError):  # noqa: N818 - reads as what happened
    """The fault can't be had on this machine, or did not happen: the round says nothing about it."""


class Broken(ExpectedError):  # noqa: N818 - reads as what happened
    """A promise was broken other than by a message that is missing, doubled or in the wrong place."""


@dataclass(frozen=True)
class Tally:
    """Counts of an independent reader.

    Attributes:
        messages: Number of messages of the input topic.
        missing: In no output and not among the dead letters.
        doubled: Number of duplicates, in the outputs and of ids in the input.
        misplaced: In another topic, or with other rules, than a plain recomputation says.
        disordered: Behind one that came later in the same partition.
        open_transactions: Output partitions whose last stable offset is not the end of the log.
        alerts: Alerts that are missing, doubled, or of something that did not fire.
    """

    messages: int = 0
    missing: int = 0
    doubled: int = 0
    misplaced: int = 0
    disordered: int = 0
    open_transactions: int = 0
    alerts: int = 0

    @property
    def holds(self) -> bool:
        """Return whether every message is in exactly the one right place, and no transaction is left open."""
        return not (self.missing or self.doubled or self.misplaced or self.disordered or self.open_transactions
                    or self.alerts)  # fmt: skip


@dataclass(frozen=True)
class Result:
    """One round.

    Attributes:
        fault: Its name.
        seed: Repeats it: `--only FAULT --seed SEED --rounds 1`.
        moment: Seconds from the first output to the fault.
        proof: Proof that the fault happened; empty when it isn't, or when the tool itself failed.
        tally: Result of the independent reader; None where it did not run.
        problem: The further fault, or the reason why it was not run.
        recovery: Seconds from the end of the fault to the first output after it; None where outputs never stopped.
        seconds: Duration of the round.
    """

    fault: str
    seed: int
    moment: float
    proof: str
    tally: Tally | None
    problem: str
    recovery: float | None
    seconds: float

    @property
    def verdict(self) -> str:
        """`ok`, `VIOLATED`, or `not run`."""
        if self.tally is not None and not self.tally.holds:
            return "VIOLATED"
        if not self.proof:
            return "not run"
        return "VIOLATED" if self.problem else "ok"
