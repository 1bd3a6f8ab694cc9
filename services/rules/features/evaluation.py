"""Makes a column of each feature: from the columns of fields and of other features, and from the results of windows."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.rules.features.feature import Feature
from services.rules.model import FEATURE, Columns, Mask, Measure, Window, feature_column
from services.rules.numeric_expressions import Numbers
from services.rules.rule_match import AggregateValue

DERIVED = (Measure.COUNT, Measure.SUM, Measure.AVERAGE)
"""Measures whose result without the evaluated transaction follows from the result with it."""

Counts = NDArray[np.int64]


@dataclass(frozen=True)
class WindowResults:
    """The results of a window for each row.

    Attributes:
        values: With the evaluated row; None where no feature needs them.
        past: Without it, of a measure that is not in `DERIVED`; None where no feature needs them.
        counted: Mask of the rows that are in their own window; None for all.
        sums_and_counts: Of an average, in place of values, the sums and the counts.
    """

    values: Sequence[AggregateValue] | Counts | None
    past: Sequence[AggregateValue] | None = None
    counted: Mask | None = None
    sums_and_counts: tuple[Sequence[int], Counts] | None = None

    def aggregates(self) -> list[AggregateValue]:
        """Return the results with the evaluated row."""
        if self.sums_and_counts is not None:
            sums, counts = self.sums_and_counts
            return [(total, count) if count else None for total, count in zip(sums, counts.tolist(), strict=True)]
        return self.values.tolist() if isinstance(self.values, np.ndarray) else list(self.values or ())


def add_features(
    columns: Columns, rows: int, features: Iterable[Feature], results: Mapping[Window, WindowResults] | None = None
) -> Columns:
    """Return columns with one for each feature beside them, named by `feature_column`; NaN where there is no value.

    Args:
        columns: The fields that they need, and features that were computed before: those are left as they are.
        rows: The number of rows.
        features: The features, each after those that it is computed from.
        results: The results of their windows; a window that is missing has none.
    """
    extended = dict(columns)
    for feature in features:
        column = feature_column(feature.name)
        if column in extended:
            continue
        if feature.aggregation is not None:
            of_window = (results or {}).get(feature.aggregation.window)
            extended[column] = (
                np.full(rows, np.nan) if of_window is None else window_numbers(feature, of_window, extended)
            )
        elif feature.expression is not None:
            numbers = feature.expression.numbers(extended, rows)
            extended[column] = np.where(np.isfinite(numbers), numbers, np.nan)
    return extended


def features_of(columns: Columns, names: Iterable[str]) -> dict[str, Numbers]:
    """Return the columns of features by their names."""
    return {name: columns[feature_column(name)] for name in names}


def feature_names(columns: Columns) -> list[str]:
    """Return the names of the features that have a column."""
    return [name.removeprefix(FEATURE) for name in columns if name.startswith(FEATURE)]


def window_numbers(feature: Feature, results: WindowResults, columns: Columns) -> Numbers:
    """Return the results of a feature's window, in its unit; NaN where there is none."""
    window = feature.aggregation.window if feature.aggregation else None
    if window is None:
        raise ValueError(f"{feature.name} has no window")
    if feature.is_past and window.measure in DERIVED:
        return _without_own(feature, window, results, columns)
    is_past = feature.is_past and window.measure is not Measure.INACTIVITY
    if window.measure is Measure.AVERAGE:
        return _quotients(*_sums_and_counts(results), feature.unit)
    numbers = np.array(results.past if is_past else results.values, np.float64)
    return numbers if feature.unit == 1 else numbers / feature.unit


def _without_own(feature: Feature, window: Window, results: WindowResults, columns: Columns) -> Numbers:
    """Return results without the evaluated row, from those with it."""
    own: Any = 1.0 if results.counted is None else results.counted.astype(np.float64)
    if window.measure is Measure.AVERAGE:
        sums, counts = _sums_and_counts(results)
        return _quotients(sums - own * _floats(columns[str(window.field)]), counts - own, feature.unit)
    if window.measure is Measure.SUM:
        own = own * _floats(columns[str(window.field)])
    return _floats(np.array(results.values, np.float64) - own) / feature.unit


def _floats(column: Any) -> Numbers:
    floats: Numbers = column.astype(np.float64)
    return floats


def _sums_and_counts(results: WindowResults) -> tuple[Numbers, Numbers]:
    if results.sums_and_counts is not None:
        sums, counts = results.sums_and_counts
        return np.array(sums, np.float64), counts.astype(np.float64)
    values: Iterable[Any] = results.values if results.values is not None else ()
    pairs = np.array([(0, 0) if value is None else value for value in values], np.float64).reshape(-1, 2)
    return pairs[:, 0], pairs[:, 1]


def _quotients(sums: Numbers, counts: Numbers, unit: int) -> Numbers:
    """Return averages, rounded once; NaN of nothing."""
    with np.errstate(invalid="ignore"):
        quotients: Numbers = sums / np.where(counts > 0, counts * unit, np.nan)
    return quotients
