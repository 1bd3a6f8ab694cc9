"""Distributions of numbers over bins, and the population stability index between two of them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]

BINS = 10
_LEAST_SHARE = 1e-4
"""Share that stands for an empty bin, as the index has a logarithm of it."""


@dataclass(frozen=True)
class Distribution:
    """Shares of values by bin.

    Attributes:
        edges: Upper limits of all bins but the last, inclusive and ascending.
        shares: Share of all values in each bin; one more than edges.
        missing: Share of missing values. With the shares it is 1.
    """

    edges: tuple[float, ...]
    shares: tuple[float, ...]
    missing: float

    def counts(self, values: Floats) -> Counts:
        """Return how many values are in each bin, those that are missing last."""
        # NaN comes after every number, so that infinity as the last edge keeps it apart.
        places = np.searchsorted(np.array([*self.edges, np.inf]), values)
        return np.bincount(places, minlength=len(self.edges) + 2)

    def stability(self, counts: Counts | Floats) -> float:
        """Return the population stability index of counted values: 0 where their shares are those of the distribution.

        The sum over all bins of (share now - share then) * ln(share now / share then). By convention of credit scoring
        less than 0.1 is no change and more than 0.25 a large one.

        Args:
            counts: Values in each bin, as `counts` returns them, of at least one value.
        """
        now = np.maximum(counts / counts.sum(), _LEAST_SHARE)
        then = np.maximum(np.array([*self.shares, self.missing]), _LEAST_SHARE)
        return float(((now - then) * np.log(now / then)).sum())

    def standing(self, value: float) -> float:
        """Return the share of the distribution's known values in bins below that of a value."""
        known = sum(self.shares)
        below = sum(self.shares[: int(np.searchsorted(np.array(self.edges), value))])
        return below / known if known else 0.0


def distribution_of(values: Floats, quantiles: Sequence[float] = ()) -> Distribution:
    """Return the distribution of values over bins that have about the same share each.

    Args:
        values: The values; NaN where one is missing.
        quantiles: The quantiles that are edges; by default those of `BINS` equal shares.
    """
    known = values[~np.isnan(values)]
    steps = quantiles or [number / BINS for number in range(1, BINS)]
    # A value that many rows share is one edge. Edges are values, not means of two: bins of whole numbers stay whole.
    edges = np.unique(np.quantile(known, steps, method="lower")) if len(known) else np.array([])
    edges = edges[np.isfinite(edges)]
    bare = Distribution(tuple(edges.tolist()), (), 0.0)
    shares = bare.counts(values) / max(len(values), 1)
    return Distribution(bare.edges, tuple(shares[:-1].tolist()), float(shares[-1]))
