"""Results in words: a line for each round, a table for each fault, or JSON."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import median

from rich.table import Table

from tools.chaos.results import Result, Tally


@dataclass(frozen=True)
class Summary:
    """Summary of the rounds of one fault; the counts are sums over them.

    Attributes:
        fault: Its name.
        rounds: Number of rounds tried.
        proven: In how many it is known that the fault happened.
        not_run: In how many it is not.
        violated: In how many a promise was broken.
        messages: Number of messages that went through.
        missing: See `Tally`.
        doubled: See `Tally`.
        misplaced: See `Tally`.
        disordered: See `Tally`.
        open_transactions: See `Tally`.
        alerts: See `Tally`.
        median_recovery: Seconds from the end of a fault to the first output; None where there is none to measure.
        worst_recovery: The longest of them.
    """

    fault: str
    rounds: int
    proven: int
    not_run: int
    violated: int
    messages: int
    missing: int
    doubled: int
    misplaced: int
    disordered: int
    open_transactions: int
    alerts: int
    median_recovery: float | None
    worst_recovery: float | None


def summarise(results: Sequence[Result]) -> list[Summary]:
    """One summary for each fault, in the order of their first rounds."""
    summaries = []
    for fault in dict.fromkeys(result.fault for result in results):
        mine = [result for result in results if result.fault == fault]
        tallies = [result.tally or Tally() for result in mine]
        verdicts = [result.verdict for result in mine]
        recoveries = [result.recovery for result in mine if result.recovery is not None]
        summaries.append(
            Summary(
                fault=fault,
                rounds=len(mine),
                proven=sum(bool(result.proof) for result in mine),
                not_run=verdicts.count("not run"),
                violated=verdicts.count("VIOLATED"),
                messages=sum(tally.messages for tally in tallies),
                missing=sum(tally.missing for tally in tallies),
                doubled=sum(tally.doubled for tally in tallies),
                misplaced=sum(tally.misplaced for tally in tallies),
                disordered=sum(tally.disordered for tally in tallies),
                open_transactions=sum(tally.open_transactions for tally in tallies),
                alerts=sum(tally.alerts for tally in tallies),
                median_recovery=median(recoveries) if recoveries else None,
                worst_recovery=max(recoveries, default=None),
            )
        )
    return summaries


def line(result: Result) -> str:
    """A round in one line."""
    about = result.proof or "-"
    if result.problem:
        about += f" | {' '.join(result.problem.split())[:400]}"
    if result.tally and not result.tally.holds:
        about += f" | {result.tally}"
    return (
        f"{result.fault} --seed {result.seed}: {result.verdict} | at {result.moment:.2f} s | {about} | "
        f"{result.seconds:.1f} s"
    )


def table(summaries: Sequence[Summary]) -> Table:
    """The summaries for people."""
    drawn = Table()
    drawn.add_column("fault")
    for heading in ("rounds", "proven", "not run", "violated", "messages", "missing", "doubled", "wrong\nverdict",
                    "out of order", "wrong\nalerts", "open", "recovery: median", "worst"):  # fmt: skip
        drawn.add_column(heading, justify="right")
    for summary in summaries:
        counts = [
            summary.rounds, summary.proven, summary.not_run, summary.violated, summary.messages, summary.missing,
            summary.doubled, summary.misplaced, summary.disordered, summary.alerts, summary.open_transactions,
        ]  # fmt: skip
        times = ["" if time is None else f"{time:.1f} s" for time in (summary.median_recovery, summary.worst_recovery)]
        drawn.add_row(summary.fault, *(f"{count:,}" for count in counts), *times)
    return drawn


def as_json(results: Sequence[Result], summaries: Sequence[Summary]) -> dict[str, object]:
    """Return everything as JSON data."""
    return {
        "faults": [asdict(summary) for summary in summaries],
        "rounds": [{**asdict(result), "verdict": result.verdict} for result in results],
        "violations": sum(summary.violated for summary in summaries),
    }
