"""A model: trees with everything that says what they may be used for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.rules.models.bit_masks import BitMaskEvaluator
from services.rules.models.contributions import ContributionEvaluator
from services.rules.models.distribution import Distribution
from services.rules.models.trees import Tree

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class TrainedOn:
    """The data that a model was trained or tested on.

    Attributes:
        begin_ms: Event time of the earliest row, in milliseconds since 1970.
        end_ms: Event time of the latest row.
        rows: Number of rows.
        fraud: Number of them that are fraud.
    """

    begin_ms: int
    end_ms: int
    rows: int
    fraud: int


@dataclass(frozen=True)
class AlertRate:
    """Number of transactions a day with at least some score, in the test data.

    Attributes:
        threshold: The score.
        per_day: The number, on average.
    """

    threshold: float
    per_day: float


@dataclass(frozen=True)
class CheckedRow:
    """A row with its score, by which a loaded model is checked.

    Attributes:
        row: Value of each feature; NaN where it is missing.
        score: The score.
    """

    row: tuple[float, ...]
    score: float


@dataclass(frozen=True)
class ScoringModel:
    """A model that scores transactions: from 0 for no suspicion to 1.

    Attributes:
        name: Its name where it was trained; a rules file may give it another.
        features: Names of the features, in the order of columns.
        features_digest: Digest of their definitions.
        contract_fingerprint: Fingerprint of the transactions' schema that the training data had.
        distributions: Distribution of each feature in the training data.
        score_distribution: Distribution of the score in the test data.
        alert_rates: Alerts a day by threshold, strictest first.
        training: The training data.
        test: The test data.
        settings: Parameters of training, with its seed and the program that trained.
        metrics: Figures of the test.
        trees: The trees.
        checks: Rows with their scores.
        digest: Digest of the file.
    """

    name: str
    features: tuple[str, ...]
    features_digest: str
    contract_fingerprint: str
    distributions: tuple[Distribution, ...]
    score_distribution: Distribution
    alert_rates: tuple[AlertRate, ...]
    training: TrainedOn
    test: TrainedOn
    settings: Mapping[str, Any]
    metrics: Mapping[str, Any]
    trees: tuple[Tree, ...]
    checks: tuple[CheckedRow, ...] = ()
    digest: str = field(default="", compare=False)

    def scores(self, columns: Sequence[Floats], rows: int) -> Floats:
        """Return the score of each row.

        Args:
            columns: A column for each feature, in their order; NaN where a value is missing.
            rows: The number of rows.
        """
        sums = self._evaluator.sums(columns, rows)
        return 1 / (1 + np.exp(-sums))

    def contributions(self, columns: Sequence[Floats], rows: int) -> Floats:
        """Return what each feature adds to the log-odds of each row's score: an array of rows by features.

        Args:
            columns: A column for each feature, in their order; NaN where a value is missing.
            rows: The number of rows.
        """
        return self._contributions.contributions(columns, rows)

    def threshold_for(self, per_day: float) -> float | None:
        """Return the score that so many transactions a day had in the test data; None where it had fewer in all.

        Between two numbers of the file's table the score is interpolated.
        """
        rates = [rate.per_day for rate in self.alert_rates]
        if not rates or per_day > rates[-1]:
            return None
        return float(np.interp(per_day, rates, [rate.threshold for rate in self.alert_rates]))

    @cached_property
    def _evaluator(self) -> BitMaskEvaluator:
        return BitMaskEvaluator(self.trees)

    @cached_property
    def _contributions(self) -> ContributionEvaluator:
        return ContributionEvaluator(self.trees, len(self.features))
