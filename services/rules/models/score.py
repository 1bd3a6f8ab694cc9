"""The score of a model as a number about each transaction, beside the features that it is computed from."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from services.rules.model import Columns, Mode, feature_column
from services.rules.models.explanation import explain
from services.rules.models.scoring_model import ScoringModel


@dataclass(frozen=True)
class ModelScore:
    """A model as a rules file declares it; a numeric expression over its features.

    Attributes:
        name: Its name in the rules file.
        digest: Digest of the model's file.
        threshold: The score from which on a rule that asks for the threshold matches.
        mode: Whether rules with it decide.
        model: The model.
        budget: Alerts a day that the threshold was set for; None where it was set itself.
    """

    name: str
    digest: str
    threshold: float
    mode: Mode
    model: ScoringModel = field(compare=False, repr=False)
    budget: int | None = field(default=None, compare=False)

    @property
    def text(self) -> str:
        """The definition: another file is another expression."""
        return f"model {self.digest}"

    @cached_property
    def fields(self) -> frozenset[str]:
        """The columns of the features that it needs."""
        return frozenset(map(feature_column, self.model.features))

    def numbers(self, columns: Columns, rows: int) -> NDArray[np.float64]:
        """Return the score of each transaction."""
        return self.model.scores([columns[feature_column(name)] for name in self.model.features], rows)

    def reasons(self, values: Mapping[str, float]) -> str:
        """Return the features that raise a score most, in words; empty where none stands out.

        Args:
            values: The value of each feature of the model by name; NaN where it is missing.
        """
        columns = [np.array([values[name]]) for name in self.model.features]
        return "; ".join(part.words for part in explain(self.model, columns, 1)[0])
