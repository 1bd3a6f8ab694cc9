"""Evaluates trees on batches by bit masks.

A tree's leaves are numbered from left to right, a bit each. A node whose test fails rules out the leaves of its left
subtree; the first leaf that no node ruled out is where the row ends. The nodes of a feature that fail are those with a
threshold below the value, so one binary search in the sorted thresholds of a feature finds the combined masks of all
its nodes in all trees: a batch costs a search and an AND for each feature, whatever the depth of the trees.

Source: Lucchese and others, QuickScorer (SIGIR 2015). The tables of combined masks are what numpy needs instead of a
loop over nodes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.rules.models.trees import Tree

_ROWS = 1024
"""Rows at once: their intermediate results fit into a processor's second-level cache."""
_TREES = 64
"""Trees whose masks share a table: a table has a row for each threshold, and a mask for each tree."""
_MASKS = ((8, np.uint8), (16, np.uint16), (32, np.uint32), (64, np.uint64))

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class _MaskTable:
    """Combined masks of a feature's nodes in a group of trees.

    Attributes:
        feature: Number of the feature.
        thresholds: Distinct thresholds, ascending; infinity last, so that only missing values come after it.
        masks: The masks by number of thresholds below the value; those of a missing value last.
    """

    feature: int
    thresholds: Floats
    masks: NDArray[Any]


class _TreeGroup:
    """Some trees, evaluated together.

    Args:
        trees: The trees.
    """

    def __init__(self, trees: Sequence[Tree]) -> None:
        leaves = max(len(tree.values) for tree in trees)
        self._bits, self._type = next((bits, kind) for bits, kind in _MASKS if leaves <= bits)
        self._tables = _mask_tables(trees, self._type)
        self._all = np.array([(1 << len(tree.values)) - 1 for tree in trees], np.uint64).astype(self._type)
        ordered = [np.array(tree.values)[list(tree.leaves_in_order())] for tree in trees]
        # By mask where there are few masks, so that the first bit need not be looked for.
        if self._bits == 8:
            first_bit = [(mask & -mask).bit_length() - 1 for mask in range(256)]
            self._values = np.array([values[np.clip(first_bit, 0, len(values) - 1)] for values in ordered])
        else:
            self._values = np.zeros((len(trees), self._bits))
            for row, values in zip(self._values, ordered, strict=True):
                row[: len(values)] = values
        self._offsets = np.arange(len(trees))[:, None] * self._values.shape[1]

    def add_to(self, totals: Floats, columns: Sequence[Floats]) -> None:
        """Add the leaf values of each row, tree after tree: floating-point sums depend on the order."""
        masks = np.repeat(self._all[None, :], len(totals), axis=0)
        for table in self._tables:
            masks &= table.masks[np.searchsorted(table.thresholds, columns[table.feature])]
        remaining = np.ascontiguousarray(masks.T)
        if self._bits != 8:
            one = self._type(1)
            remaining = np.bitwise_count((remaining - one) & ~remaining)
        for values in self._values.ravel()[remaining + self._offsets]:
            totals += values


class BitMaskEvaluator:
    """Sums of the leaf values of trees, in the order of the trees.

    Args:
        trees: Trees of at most `MAX_LEAVES` leaves.
    """

    def __init__(self, trees: Sequence[Tree]) -> None:
        self._groups = [_TreeGroup(trees[first : first + _TREES]) for first in range(0, len(trees), _TREES)]

    def sums(self, columns: Sequence[Floats], rows: int) -> Floats:
        """Return the sum of each row.

        Args:
            columns: A column for each feature, by its number; NaN where a value is missing.
            rows: The number of rows.
        """
        totals = np.zeros(rows)
        for first in range(0, rows, _ROWS):
            part = slice(first, first + _ROWS)
            chunk = [column[part] for column in columns]
            for group in self._groups:
                group.add_to(totals[part], chunk)
        return totals


def _mask_tables(trees: Sequence[Tree], kind: Any) -> list[_MaskTable]:
    nodes: dict[int, list[tuple[float, int, int, bool]]] = {}
    for number, tree in enumerate(trees):
        for node, ruled_out in enumerate(_left_leaves(tree)):
            entry = (tree.thresholds[node], number, ruled_out, tree.missing_left[node])
            nodes.setdefault(tree.features[node], []).append(entry)
    return [_mask_table(feature, entries, len(trees), kind) for feature, entries in sorted(nodes.items())]


def _mask_table(feature: int, nodes: Sequence[tuple[float, int, int, bool]], trees: int, kind: Any) -> _MaskTable:
    thresholds = sorted({node[0] for node in nodes})
    everything = int(np.iinfo(kind).max)
    masks = [[everything] * trees for _ in range(len(thresholds) + 2)]
    place = {threshold: number for number, threshold in enumerate(thresholds, 1)}
    for threshold, tree, ruled_out, missing_left in nodes:
        masks[place[threshold]][tree] &= everything ^ ruled_out
        if not missing_left:
            masks[-1][tree] &= everything ^ ruled_out
    table = np.array(masks, np.uint64).astype(kind)
    table[:-1] = np.bitwise_and.accumulate(table[:-1], axis=0)
    return _MaskTable(feature, np.array([*thresholds, np.inf]), table)


def _left_leaves(tree: Tree) -> list[int]:
    """Return for each node the mask of the leaves in its left subtree."""
    place = {leaf: number for number, leaf in enumerate(tree.leaves_in_order())}
    return [sum(1 << place[leaf] for leaf in tree.leaves_in_order(child)) for child in tree.left]
