"""Decision trees as flat tuples, a value for each node; a child that is a leaf has a negative number."""

from collections.abc import Iterator
from dataclasses import dataclass

MAX_LEAVES = 64
"""Leaves of a tree: as many as a mask has bits."""


@dataclass(frozen=True)
class Tree:
    """A decision tree. A row goes left at a node where its value is at most the threshold.

    Node 0 is the root. A child ``c >= 0`` is a node, a child ``c < 0`` the leaf ``~c``. A tree without nodes has one
    leaf.

    Attributes:
        features: Number of the feature that each node looks at.
        thresholds: Highest value that goes left.
        left: Child for values up to the threshold.
        right: Child for values above it.
        missing_left: Whether a row without a value goes left.
        values: Value of each leaf, in log-odds.
        counts: Number of training rows in each leaf.
    """

    features: tuple[int, ...]
    thresholds: tuple[float, ...]
    left: tuple[int, ...]
    right: tuple[int, ...]
    missing_left: tuple[bool, ...]
    values: tuple[float, ...]
    counts: tuple[int, ...]

    def leaves_in_order(self, child: int | None = None) -> Iterator[int]:
        """Yield the leaves below a child from left to right; by default all."""
        stack = [(0 if self.features else ~0) if child is None else child]
        while stack:
            child = stack.pop()
            if child < 0:
                yield ~child
            else:
                stack += [self.right[child], self.left[child]]
