"""The report of an evaluation, computed from an evaluated history."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from services.errors import UsageError
from services.history import History, Truth
from services.rules.model import Mode, Rule, Severity
from tools.evaluate.metrics import DAY_MS, Mask, Quality, Verdicts, delays, quality, thresholds

RANKS = {severity: rank for rank, severity in enumerate(Severity, 1)}
"""Severities as numbers, the lowest first."""

_RANK = 1000
"""Weight of a step of severity in a score: more than any number of rules."""


class NoLabels(UsageError):  # noqa: N818 - reads as the state that it reports
    """No transaction has a label, so that there is nothing to compare verdicts with."""


@dataclass(frozen=True)
class ScenarioFigures:
    """Quality of the live rules together on one kind of fraud.

    Attributes:
        name: The scenario.
        quality: Over its transactions and those that are no fraud; other fraud is left out.
        seconds: For each of its incidents that was found how long that took, ascending.
    """

    name: str
    quality: Quality
    seconds: tuple[float, ...]


@dataclass(frozen=True)
class RuleFigures:
    """Contribution of one rule.

    Attributes:
        name: The rule.
        severity: The rule's severity.
        mode: live or shadow.
        version: Of the rule.
        quality: As if it were the only rule.
        only_caught: Fraud that no (other) live rule fired on.
        only_false: Transactions that are no fraud, on which no (other) live rule fired.
        only_incidents: Incidents that no (other) live rule found.
        incidents: By scenario the share of its incidents that the rule found; of its transactions where it has no
            incidents.
        alerts: The number of alerts that it writes.
    """

    name: str
    severity: str
    mode: str
    version: str
    quality: Quality
    only_caught: int
    only_false: int
    only_incidents: int
    incidents: Mapping[str, float]
    alerts: int = 0


@dataclass(frozen=True)
class Step:
    """One threshold of the score.

    Attributes:
        severity: The lowest severity that matched.
        rules: The lowest number of rules that matched, where that severity did.
        recall: At this threshold.
        precision: At this threshold.
    """

    severity: str
    rules: int
    recall: float
    precision: float


@dataclass(frozen=True)
class Day:
    """One day of event time, in UTC.

    Attributes:
        start_ms: Its start, in milliseconds since 1970.
        transactions: Number of evaluated transactions.
        caught: Number of frauds that were called so.
        false: Number of other transactions that were called fraud.
        missed: Number of frauds that were not called so.
    """

    start_ms: int
    transactions: int
    caught: int
    false: int
    missed: int


@dataclass(frozen=True)
class Report:
    """All figures of an evaluation.

    Attributes:
        rules_file: The file of the rules.
        rules_version: Of all of them.
        source: The evaluated transactions, in words.
        days_of_data: Time from the first to the last transaction, in days of event time.
        seconds: Time of evaluation.
        late: Number of transactions that were later than the allowed lateness.
        total: All live rules on all transactions.
        scenarios: By name.
        rules: In the order of the file.
        steps: The thresholds of the score, highest first, without the one that calls everything fraud.
        days: The days, in order.
        notes: Remarks on the input.
    """

    rules_file: str
    rules_version: str
    source: str
    days_of_data: float
    seconds: float
    late: int
    total: Quality
    scenarios: tuple[ScenarioFigures, ...]
    rules: tuple[RuleFigures, ...]
    steps: tuple[Step, ...]
    days: tuple[Day, ...]
    notes: tuple[str, ...] = ()

    @property
    def times_real_time(self) -> float:
        """Seconds of event time evaluated per second; 0 where there is nothing to compare."""
        return self.days_of_data * DAY_MS / 1000 / self.seconds if self.seconds else 0.0


def report_on(
    history: History, *, rules_file: str, rules_version: str, source: str, notes: Sequence[str] = ()
) -> Report:
    """Take all figures of an evaluated history.

    Raises:
        UsageError: No transaction was evaluated.
        NoLabels: The truth is unknown.
    """
    if not len(history):
        raise UsageError(f"{source}: there are no transactions to evaluate")
    truth = history.truth
    if truth is None:
        raise NoLabels(
            f"{source}: no labels say which transactions are fraud; a topic needs labels (--labels-topic), a file a "
            "column with them (--map fraud=COLUMN); scripts/backtest needs neither"
        )
    unknown = history.unknown
    if unknown == len(history):
        raise NoLabels(f"{source}: no transaction has a label yet; scripts/backtest needs none")
    if unknown:
        notes = [
            *notes,
            f"{unknown:,} transactions have no label yet: they are in the windows, and not in these figures",
        ]
    history = history.of_known_truth()
    truth = history.truth or truth
    live = [index for index, rule in enumerate(history.rules) if rule.mode is Mode.LIVE]
    hits = np.zeros(len(history), np.int64)
    for index in live:
        hits[history.fired[index]] += 1
    verdicts = Verdicts(scores(history, live), truth.fraud, truth.incident, history.created_at)
    return Report(
        rules_file=rules_file,
        rules_version=rules_version,
        source=source,
        days_of_data=history.span_ms / DAY_MS,
        seconds=history.seconds,
        late=history.late,
        total=quality(verdicts),
        scenarios=tuple(_scenario(verdicts, truth, number) for number in range(len(truth.scenarios))),
        rules=tuple(
            replace(
                _rule(history.rules[index], history.fired[index], verdicts, hits, truth), alerts=history.alerts[index]
            )
            for index in sorted(range(len(history.rules)), key=lambda index: history.rules[index].line)
        ),
        steps=_steps(verdicts),
        days=_days(verdicts),
        notes=tuple(notes),
    )


def scores(history: History, rules: Sequence[int]) -> NDArray[np.int64]:
    """The score of each transaction: by the highest severity that fired, and among equals by how many rules fired."""
    rank = np.zeros(len(history), np.int64)
    count = np.zeros(len(history), np.int64)
    for index in rules:
        rows = history.fired[index]
        rank[rows] = np.maximum(rank[rows], RANKS[history.rules[index].severity])
        count[rows] += 1
    return rank * _RANK + np.minimum(count, _RANK - 1)


def score(severity: Severity | None, count: int) -> int:
    """The score of one transaction, given the highest severity that matched and the number of rules; 0 for none."""
    return 0 if severity is None else RANKS[severity] * _RANK + min(count, _RANK - 1)


def _scenario(verdicts: Verdicts, truth: Truth, number: int) -> ScenarioFigures:
    part = verdicts.at((truth.scenario == number) | ~truth.fraud)
    seconds = np.sort(delays(part)[1]) / 1000
    return ScenarioFigures(truth.scenarios[number], quality(part), tuple(seconds.tolist()))


def _rule(
    rule: Rule, fired: NDArray[np.int64], verdicts: Verdicts, hits: NDArray[np.int64], truth: Truth
) -> RuleFigures:
    own = np.zeros(len(hits), np.int64)
    own[fired] = 1
    alone = replace(verdicts, score=own)
    others = hits - own if rule.mode is Mode.LIVE else hits
    only = fired[others[fired] == 0]
    return RuleFigures(
        name=rule.name,
        severity=str(rule.severity),
        mode=str(rule.mode),
        version=rule.version,
        quality=quality(alone),
        only_caught=int(truth.fraud[only].sum()),
        only_false=int((~truth.fraud[only]).sum()),
        only_incidents=len(
            np.setdiff1d(_detected_incidents(alone), _detected_incidents(replace(verdicts, score=others)))
        ),
        incidents={name: _share(truth, number, own > 0) for number, name in enumerate(truth.scenarios)},
    )


def _detected_incidents(verdicts: Verdicts) -> NDArray[np.int32]:
    return np.unique(verdicts.incident[(verdicts.score > 0) & (verdicts.incident >= 0)])


def _share(truth: Truth, scenario: int, fired: Mask) -> float:
    rows = truth.scenario == scenario
    incidents = np.unique(truth.incident[rows & (truth.incident >= 0)])
    if len(incidents):
        return len(np.unique(truth.incident[rows & fired & (truth.incident >= 0)])) / len(incidents)
    return float(fired[rows].mean())


def _steps(verdicts: Verdicts) -> tuple[Step, ...]:
    levels, count, true = thresholds(verdicts.score, verdicts.fraud)
    fraud = int(verdicts.fraud.sum())
    severities = {rank: severity for severity, rank in RANKS.items()}
    return tuple(
        Step(str(severities[level // _RANK]), level % _RANK, caught / fraud, caught / called)
        for level, called, caught in zip(levels.tolist(), count.tolist(), true.tolist(), strict=True)
        if level and fraud
    )


def _days(verdicts: Verdicts) -> tuple[Day, ...]:
    day = verdicts.created_at // DAY_MS
    first = int(day.min())
    flagged = verdicts.score > 0
    parts = (
        np.ones(len(day), np.bool_),
        flagged & verdicts.fraud,
        flagged & ~verdicts.fraud,
        ~flagged & verdicts.fraud,
    )
    counts = np.array([np.bincount(day[part] - first, minlength=int(day.max()) - first + 1) for part in parts])
    return tuple(
        Day((first + number) * DAY_MS, *column) for number, column in enumerate(counts.T.tolist()) if column[0]
    )
