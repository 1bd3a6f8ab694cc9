"""Explanations of scores in words: the features that moved a score most, their values and how usual these are."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.rules.models.distribution import Distribution
from services.rules.models.scoring_model import ScoringModel

MOST = 3
"""Features that an explanation names."""
_LEAST = 0.1
"""Contribution in log-odds that is worth naming: it changes odds by a tenth."""


@dataclass(frozen=True)
class FeatureContribution:
    """A feature's part in a score.

    Attributes:
        feature: Its name.
        value: Its value; NaN where it is missing.
        log_odds: What it adds to the log-odds of fraud, compared with not knowing it.
        words: The value, and how usual it is in the training data.
    """

    feature: str
    value: float
    log_odds: float
    words: str


def explain(
    model: ScoringModel, columns: Sequence[NDArray[np.float64]], rows: int, most: int = MOST
) -> list[tuple[FeatureContribution, ...]]:
    """Return for each row the features that raise its score most, the strongest first.

    Args:
        model: The model.
        columns: A column for each feature of the model, in their order; NaN where a value is missing.
        rows: The number of rows.
        most: The highest number of features to return.
    """
    contributions = model.contributions(columns, rows)
    explanations = []
    for row, order in enumerate(np.argsort(-contributions, axis=1, kind="stable")[:, :most].tolist()):
        parts = [
            FeatureContribution(
                model.features[number],
                value := float(columns[number][row]),
                amount,
                f"{model.features[number]} {describe(value, model.distributions[number])}",
            )
            for number in order
            if (amount := float(contributions[row, number])) >= _LEAST
        ]
        explanations.append(tuple(parts))
    return explanations


def describe(value: float, distribution: Distribution) -> str:
    """Return a value in words: ``512.4, above 90 % of the training data``."""
    if math.isnan(value):
        return f"unknown, as in {_percent(distribution.missing)} of the training data"
    shown = f"{value:.0f}" if abs(value) >= 1000 or value == int(value) else f"{value:.3g}"
    below = distribution.standing(value)
    if below >= 0.5:
        return f"{shown}, above {_percent(below)} of the training data"
    known = sum(distribution.shares)
    place = int(np.searchsorted(np.array(distribution.edges), value))
    above = 1 - below - (distribution.shares[place] / known if known else 0)
    return f"{shown}, below {_percent(above)} of the training data" if above > 0.5 else shown


def sentence(name: str, score: float, threshold: float, parts: Sequence[FeatureContribution]) -> str:
    """Return why a model calls a transaction suspicious."""
    reasons = "; ".join(part.words for part in parts) or "no single feature stands out"
    return f"model {name} scores {score:.3f}, threshold {threshold:.3f}: {reasons}"


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %" if share >= 0.01 or share == 0 else "less than 1 %"
