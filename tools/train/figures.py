"""Figures of a ranking: scores and the truth in, numbers out.

Scores are any numbers; only their order counts, except for calibration. Figures that mean nothing for lack of data are
None.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tools.evaluate.metrics import average_precision, thresholds
from tools.train.feature_table import FeatureTable, Floats, Ints, Mask
from tools.train.time_split import DAY_MS


@dataclass(frozen=True)
class Ranking:
    """Figures of a ranking.

    Attributes:
        auc: Probability that a fraud has a higher score than another transaction (ROC AUC).
        average_precision: Mean precision over the recall.
        precision_at: Share of fraud among the transactions of highest score of each day, averaged over the days.
        card_precision_at: Share of payers with fraud among the payers of highest score of each day; a payer that was
            found is not looked at again. The Handbook's CP@k.
    """

    auc: float | None
    average_precision: float | None
    precision_at: float | None
    card_precision_at: float | None


@dataclass(frozen=True)
class CalibrationBin:
    """Transactions of similar scores.

    Attributes:
        score: Mean of the scores.
        fraud: Share of fraud.
        rows: Number of transactions.
    """

    score: float
    fraud: float
    rows: int


def ranking(scores: Floats, table: FeatureTable, per_day: int) -> Ranking:
    """Return all figures of scores.

    Args:
        scores: Score of each row of the table.
        table: The transactions.
        per_day: Transactions, or payers, that are looked at in a day.
    """
    order = ranks(scores)
    return Ranking(
        auc(order, table.fraud),
        average_precision(order, table.fraud),
        precision_at(order, table, per_day),
        card_precision_at(order, table, per_day),
    )


def ranks(scores: Floats) -> Ints:
    """Return whole numbers in the order of scores, the same for equal scores."""
    return np.unique(scores, return_inverse=True)[1].astype(np.int64)


def auc(scores: Ints, fraud: Mask) -> float | None:
    """Return the area below the curve of recall over false alarms; a tie counts half. None without both classes."""
    if fraud.all() or not fraud.any():
        return None
    _, count, true = thresholds(scores, fraud)
    false = count - true
    area = np.trapezoid(np.concatenate([[0], true]), np.concatenate([[0], false]))
    return float(area / (true[-1] * false[-1]))


def precision_at(scores: Ints, table: FeatureTable, per_day: int) -> float | None:
    """Return the share of fraud among the `per_day` highest scores of each day, averaged over the days."""
    shares = []
    for rows in _days(table):
        best = _best(scores[rows], per_day)
        shares.append(float(table.fraud[rows][best].sum() / per_day))
    return float(np.mean(shares)) if shares else None


def card_precision_at(scores: Ints, table: FeatureTable, per_day: int) -> float | None:
    """Return the share of payers with fraud on the day among the `per_day` payers of highest score, averaged over days.

    A payer's score is the highest of its transactions on the day. A payer with fraud that was among them is not looked
    at on the days after.

    Source: the Handbook's card precision top-k, chapter 4.4.
    """
    found = np.zeros(int(table.payer.max(initial=-1)) + 1, np.bool_)
    shares = []
    for of_day in _days(table):
        rows = of_day[~found[table.payer[of_day]]]
        payers, number = np.unique(table.payer[rows], return_inverse=True)
        highest = np.full(len(payers), -1)
        np.maximum.at(highest, number, scores[rows])
        compromised = np.zeros(len(payers), np.bool_)
        compromised[number[table.fraud[rows]]] = True
        best = _best(highest, per_day)
        found[payers[best][compromised[best]]] = True
        shares.append(float(compromised[best].sum() / per_day))
    return float(np.mean(shares)) if shares else None


def calibration(scores: Floats, fraud: Mask, edges: Sequence[float]) -> list[CalibrationBin]:
    """Return the mean score and the share of fraud of the scores between edges."""
    places = np.searchsorted(np.array(edges), scores, side="right")
    return [
        CalibrationBin(float(scores[rows].mean()), float(fraud[rows].mean()), int(rows.sum()))
        for place in range(len(edges) + 1)
        if (rows := places == place).any()
    ]


def precision_recall(scores: Floats, fraud: Mask, points: int = 200) -> list[tuple[float, float]]:
    """Return recall and precision at about so many thresholds, from the highest score down."""
    if not fraud.any():
        return []
    _, count, true = thresholds(ranks(scores), fraud)
    recall, precision = true / true[-1], true / count
    chosen = np.unique(np.searchsorted(recall, np.linspace(0, 1, points), side="left").clip(0, len(recall) - 1))
    return [(float(recall[place]), float(precision[place])) for place in chosen]


def _days(table: FeatureTable) -> list[NDArray[np.intp]]:
    """Return the rows of each day (UTC) that has any."""
    day = table.created_at // DAY_MS
    return [np.flatnonzero(day == number) for number in np.unique(day)]


def _best(scores: NDArray[np.int64], count: int) -> NDArray[np.intp]:
    """Return the places of the highest scores; among equal ones the first."""
    return np.argsort(-scores, kind="stable")[:count]
