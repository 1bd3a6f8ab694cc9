"""Watches models: how far scores and features of recent transactions are from those that the models were trained on."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.detection.metrics import DetectorMetrics
from services.rules.models.distribution import Distribution
from services.rules.models.score import ModelScore

SAMPLE = 256
"""Rows of a batch that are looked at: some thousand tell a shift, and all would cost as much as the model."""
HALF_LIFE = 10_000
"""Sampled rows after which a row counts half."""
LEAST = 2_000
"""Sampled rows before figures are shown: of few rows an index is large by chance."""

Numbers = NDArray[np.float64]


@dataclass
class _Shift:
    """Recent values of one number, by the bins of its distribution in training."""

    expected: Distribution
    counts: NDArray[np.float64]

    def add(self, values: Numbers) -> None:
        self.counts *= 0.5 ** (len(values) / HALF_LIFE)
        self.counts += self.expected.counts(values)


class ModelWatch:
    """Keeps what is seen of each model, and shows it as metrics.

    Args:
        metrics: Shows the figures.
    """

    def __init__(self, metrics: DetectorMetrics) -> None:
        self._metrics = metrics
        self._shifts: dict[ModelScore, dict[str, _Shift]] = {}
        self._rows: dict[ModelScore, int] = {}

    def note(
        self, models: Iterable[ModelScore], columns: Mapping[str, Numbers]
    ) -> Iterator[tuple[tuple[str, str], int]]:
        """Add scored transactions; yield what to count of them once they are committed, by kind and model.

        Args:
            models: The models.
            columns: Their scores and features by name.
        """
        for model in models:
            scores = columns[model.name]
            yield ("scored", model.name), len(scores)
            yield ("above_threshold", model.name), int(np.count_nonzero(scores >= model.threshold))
            shifts = self._shifts.setdefault(model, self._new(model))
            step = max(1, -(-len(scores) // SAMPLE))
            for name, shift in shifts.items():
                shift.add(columns[name][::step])
            self._rows[model] = self._rows.get(model, 0) + len(scores[::step])

    def show(self, models: Iterable[ModelScore]) -> None:
        """Show the figures of the models in use, and forget the others."""
        models = tuple(models)
        for model in self._shifts.keys() - set(models):
            del self._shifts[model], self._rows[model]
        for model in models:
            if self._rows.get(model, 0) >= LEAST:
                for name, shift in self._shifts[model].items():
                    index = shift.expected.stability(shift.counts)
                    missing = float(shift.counts[-1] / shift.counts.sum())
                    self._metrics.note_model(model.name, "" if name == model.name else name, index, missing)

    @staticmethod
    def _new(model: ModelScore) -> dict[str, _Shift]:
        expected = dict(zip(model.model.features, model.model.distributions, strict=True))
        expected[model.name] = model.model.score_distribution
        return {name: _Shift(each, np.zeros(len(each.shares) + 1)) for name, each in expected.items()}
