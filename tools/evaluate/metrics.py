"""Metrics of verdicts: arrays in, figures out.

Every verdict has a score, a whole number: the higher the more suspicious, 0 where nothing fired. A transaction is
called fraud when its score is above 0. Figures that mean nothing for lack of data are None, never 0.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]

DAY_MS = 86_400_000
PER_DAY = 100
"""Transactions that an analyst can look at in a day."""


@dataclass(frozen=True)
class Verdicts:
    """Transactions, what was said about them, and the truth, a row each.

    Attributes:
        score: The suspicion; 0 for none.
        fraud: The truth.
        incident: The occurrence of a fraud that it belongs to; negative for none.
        created_at: Event time in milliseconds since 1970.
    """

    score: Ints
    fraud: Mask
    incident: NDArray[np.int32]
    created_at: Ints

    def at(self, rows: Mask) -> "Verdicts":
        """Return the values of some rows."""
        return Verdicts(self.score[rows], self.fraud[rows], self.incident[rows], self.created_at[rows])


@dataclass(frozen=True)
class Detection:
    """Time to detection of incidents.

    Attributes:
        incidents: Number of incidents.
        found: Number of incidents with a transaction that was called fraud.
        seconds_p50: From the first transaction of an incident to the first of it that was called fraud, in event
            time: the median of the incidents that were found.
        seconds_p90: The same, the 90th percentile.
        before_p50: How many transactions of an incident came before that one: the median.
    """

    incidents: int
    found: int
    seconds_p50: float | None
    seconds_p90: float | None
    before_p50: float | None


@dataclass(frozen=True)
class Quality:
    """Quality of verdicts.

    Attributes:
        transactions: Number of evaluated transactions.
        fraud: Number of them that are fraud.
        flagged: Number of transactions called fraud.
        caught: Number of these that are fraud.
        precision: The share of what was called fraud that is.
        recall: The share of the fraud that was called so.
        average_precision: The precision at each score, weighted by the recall gained there.
        precision_at_100: The precision of the 100 highest scores of each day.
        detection: The time to detection.
    """

    transactions: int
    fraud: int
    flagged: int
    caught: int
    precision: float | None
    recall: float | None
    average_precision: float | None
    precision_at_100: float | None
    detection: Detection


def quality(verdicts: Verdicts) -> Quality:
    """All figures at once."""
    flagged = verdicts.score > 0
    caught = int((flagged & verdicts.fraud).sum())
    fraud, called = int(verdicts.fraud.sum()), int(flagged.sum())
    return Quality(
        transactions=len(flagged),
        fraud=fraud,
        flagged=called,
        caught=caught,
        precision=caught / called if called else None,
        recall=caught / fraud if fraud else None,
        average_precision=average_precision(verdicts.score, verdicts.fraud),
        precision_at_100=precision_at(verdicts),
        detection=detection(verdicts),
    )


def thresholds(score: Ints, fraud: Mask) -> tuple[Ints, Ints, Ints]:
    """The distinct scores, highest first; how many rows have at least that score; how many of these are fraud."""
    levels, where = np.unique(score, return_inverse=True)
    count = np.bincount(where, minlength=len(levels))
    true = np.bincount(where[fraud], minlength=len(levels))
    return levels[::-1], np.cumsum(count[::-1]), np.cumsum(true[::-1])


def average_precision(score: Ints, fraud: Mask) -> float | None:
    """Sum over the distinct scores, highest first, of (recall there - recall before) * precision there.

    Rows of one score are one step: there is no order among them. No interpolation. The score 0 is a step as well, so
    that fraud on which nothing fired counts with the share of fraud among all. None without fraud.

    Source: `sklearn.metrics.average_precision_score` has this definition.
    """
    if not fraud.any():
        return None
    _, count, true = thresholds(score, fraud)
    gained = np.diff(true, prepend=0)
    return float((gained * (true / count)).sum() / true[-1])


def precision_at(verdicts: Verdicts, per_day: int = PER_DAY) -> float | None:
    """Precision of the `per_day` transactions with the highest scores of each day.

    For each day (UTC, by event time) on which anything was called fraud: the share of fraud among the `per_day`
    highest scores above 0, or among all of them where there are fewer; then the mean over these days. Where several
    transactions of one score compete for the last places, the expected value of a random choice is taken. None if
    nothing was called fraud.

    Source: the Fraud Detection Handbook's precision top-k, chapter 4.4, which divides by k on days with fewer, too.
    """
    rows = np.flatnonzero(verdicts.score > 0)
    if not len(rows):
        return None
    day, score, fraud = verdicts.created_at[rows] // DAY_MS, verdicts.score[rows], verdicts.fraud[rows]
    order = np.lexsort((-score, day))
    day, score, fraud = day[order], score[order], fraud[order]
    begins = np.flatnonzero(np.concatenate([[True], (np.diff(day) != 0) | (np.diff(score) != 0)]))
    count = np.diff(begins, append=len(day))
    true = np.add.reduceat(fraud.astype(np.int64), begins)
    first = np.concatenate([[True], np.diff(day[begins]) != 0])
    number = np.cumsum(first) - 1
    before = np.cumsum(count) - count
    before -= before[first][number]
    taken = np.clip(per_day - before, 0, count)
    caught = np.bincount(number, true * taken / count)
    return float((caught / np.bincount(number, taken)).mean())


def delays(verdicts: Verdicts) -> tuple[Ints, Ints, Ints]:
    """Return each detected incident: its number, the milliseconds until then, and its transactions before that."""
    rows = np.flatnonzero(verdicts.incident >= 0)
    order = np.lexsort((rows, verdicts.created_at[rows], verdicts.incident[rows]))
    rows = rows[order]
    if not len(rows):
        nothing = np.zeros(0, np.int64)
        return nothing, nothing, nothing
    incident, created_at = verdicts.incident[rows].astype(np.int64), verdicts.created_at[rows]
    begins = np.flatnonzero(np.concatenate([[True], np.diff(incident) != 0]))
    place = np.arange(len(rows))
    hit = np.minimum.reduceat(np.where(verdicts.score[rows] > 0, place, len(rows)), begins)
    is_detected = hit < len(rows)
    begins, hit = begins[is_detected], hit[is_detected]
    return incident[begins], created_at[hit] - created_at[begins], hit - begins


def detection(verdicts: Verdicts) -> Detection:
    """Time to detection of incidents."""
    incidents = len(np.unique(verdicts.incident[verdicts.incident >= 0]))
    _, milliseconds, before = delays(verdicts)
    if not len(milliseconds):
        return Detection(incidents, 0, None, None, None)
    p50, p90 = np.percentile(milliseconds, (50, 90)) / 1000
    return Detection(incidents, len(milliseconds), float(p50), float(p90), float(np.median(before)))
