"""Exact contributions of features to the sum of a row's leaf values: Shapley values of trees, path dependent.

A leaf's value is reached if each feature on its path allows it. A feature that is known allows it or not (1 or 0); of a
feature that is unknown the training rows say with what share it does. The Shapley value of feature i for a leaf is the
mean, over all orders in which features become known, of what knowing i changes: the integral over t from 0 to 1 of

    value * (allows_i - share_i) * product over the other features j of (t * allows_j + (1 - t) * share_j)

where t is the probability that another feature is known before i. It is a polynomial in t, so that Gauss-Legendre
quadrature with half as many points as it has factors gives it exactly, for all rows and leaves at once.

Source of the definition: Lundberg and others, Consistent Individualized Feature Attribution for Tree Ensembles (2018).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.rules.models.trees import Tree

Floats = NDArray[np.float64]
_ELEMENTS = 2_000_000
"""Numbers of an intermediate result: rows are taken in parts of fewer."""


@dataclass(frozen=True)
class _PathFeature:
    """A feature on the path to a leaf, its nodes taken together: values in (low, high] lead to the leaf.

    Attributes:
        feature: Number of the feature.
        low: Exclusive lower bound.
        high: Inclusive upper bound.
        missing: Whether a missing value leads there.
        share: Share of the training rows at its nodes that go on to the leaf.
    """

    feature: int
    low: float
    high: float
    missing: bool
    share: float


class ContributionEvaluator:
    """Contributions of features.

    Args:
        trees: The trees.
        features: The number of features.
    """

    def __init__(self, trees: Sequence[Tree], features: int) -> None:
        leaves = [leaf for tree in trees for leaf in _paths(tree)]
        longest = max((len(path) for _, path in leaves), default=0)
        # A path is filled up with features that every value and every training row passes: they change no product.
        neutral = _PathFeature(-1, -np.inf, np.inf, missing=True, share=1.0)
        paths = [[*path, *[neutral] * (longest - len(path))] for _, path in leaves]
        self._features = features
        self._values = np.array([value for value, _ in leaves])
        self._feature = np.array([[step.feature for step in path] for path in paths], np.intp)
        # Without a bound everything is above it, minus infinity as well: nothing is at most NaN.
        self._low = np.array([[np.nan if step.low == -np.inf else step.low for step in path] for path in paths])
        self._high = np.array([[step.high for step in path] for path in paths])
        self._missing = np.array([[step.missing for step in path] for path in paths], np.bool_)
        self._share = np.array([[step.share for step in path] for path in paths])
        points, weights = np.polynomial.legendre.leggauss(max(1, (longest + 1) // 2))
        self._points, self._weights = (points + 1) / 2, weights / 2
        self.expected = float((self._values * self._share.prod(axis=1)).sum()) if leaves else 0.0
        """Sum of leaf values that is expected where nothing is known of a row."""

    def contributions(self, columns: Sequence[Floats], rows: int) -> Floats:
        """Return what each feature adds to the expected sum: an array of rows by features.

        Args:
            columns: A column for each feature, by its number; NaN where a value is missing.
            rows: The number of rows.
        """
        result = np.zeros((rows, self._features))
        if not self._feature.size:
            return result
        # The last column is for the neutral feature, -1.
        matrix = np.stack([*columns, np.zeros(rows)], axis=1)
        step = max(1, _ELEMENTS // self._feature.size)
        for first in range(0, rows, step):
            result[first : first + step] = self._part(matrix[first : first + step])
        return result

    def _part(self, matrix: Floats) -> Floats:
        values = matrix[:, self._feature]
        allows = np.where(np.isnan(values), self._missing, ~(values <= self._low) & (values <= self._high)).astype(
            float
        )
        integral = np.zeros_like(allows)
        for point, weight in zip(self._points, self._weights, strict=True):
            factors = point * allows + (1 - point) * self._share
            integral += weight * factors.prod(axis=2, keepdims=True) / factors
        amounts = (integral * (allows - self._share) * self._values[:, None]).reshape(len(matrix), -1)
        result = np.zeros((len(matrix), self._features + 1))
        rows = np.arange(len(matrix))[:, None]
        np.add.at(result, (rows, self._feature.ravel()[None, :]), amounts)
        return result[:, :-1]


def _paths(tree: Tree) -> Iterator[tuple[float, list[_PathFeature]]]:
    """Yield the value of each leaf with the features on its path, each once."""
    counts = {~leaf: count for leaf, count in enumerate(tree.counts)}
    for node in reversed(_nodes_from_root(tree)):
        counts[node] = counts[tree.left[node]] + counts[tree.right[node]]
    stack: list[tuple[int, dict[int, _PathFeature]]] = [(0 if tree.features else ~0, {})]
    while stack:
        child, path = stack.pop()
        if child < 0:
            yield tree.values[~child], list(path.values())
            continue
        feature, threshold = tree.features[child], tree.thresholds[child]
        before = path.get(feature, _PathFeature(feature, -np.inf, np.inf, missing=True, share=1.0))
        for following, is_left in ((tree.left[child], True), (tree.right[child], False)):
            step = _PathFeature(
                feature,
                before.low if is_left else max(before.low, threshold),
                min(before.high, threshold) if is_left else before.high,
                before.missing and tree.missing_left[child] == is_left,
                before.share * counts[following] / counts[child],
            )
            stack.append((following, {**path, feature: step}))


def _nodes_from_root(tree: Tree) -> list[int]:
    """Return the nodes, each before those below it."""
    nodes, stack = [], [0] if tree.features else []
    while stack:
        node = stack.pop()
        nodes.append(node)
        stack += [child for child in (tree.left[node], tree.right[node]) if child >= 0]
    return nodes
