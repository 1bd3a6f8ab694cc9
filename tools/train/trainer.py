"""Trains trees with LightGBM: the same trees for the same data, settings and version."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import numpy as np

from services.errors import UsageError
from services.rules.models.trees import Tree
from tools.train.feature_table import FeatureTable
from tools.train.lightgbm_trees import trees_of

_LEAST_FRAUD = 10


@dataclass(frozen=True)
class TrainingSettings:
    """Settings of training.

    Attributes:
        trees: Number of trees.
        leaves: Most leaves of a tree.
        learning_rate: Share of each tree's correction that is taken.
        least_rows: Fewest training rows of a leaf.
        seed: Seed of all random numbers.
    """

    trees: int = 50
    leaves: int = 8
    learning_rate: float = 0.1
    least_rows: int = 20
    seed: int = 1


def train_trees(table: FeatureTable, settings: TrainingSettings) -> tuple[Tree, ...]:
    """Return trees that tell fraud from other transactions.

    Args:
        table: The training data.
        settings: The settings.

    Raises:
        UsageError: LightGBM or what it takes is not installed, or the data are of too little fraud.
    """
    fraud = int(table.fraud.sum())
    if fraud < _LEAST_FRAUD or len(table) - fraud < _LEAST_FRAUD:
        raise UsageError(
            f"the training data have {fraud:,} frauds in {len(table):,} transactions with a known label: a model needs "
            f"{_LEAST_FRAUD} and as many others; train on a longer time, or add labels"
        )
    lightgbm = _lightgbm()
    # With few frauds a leaf of sure rows has almost no weight, and without these two limits its value is out of bounds.
    weights = {"min_sum_hessian_in_leaf": 1.0, "lambda_l2": 1.0}
    # One thread and rows at once: sums in histograms have the same order on every machine.
    parameters = {
        "objective": "binary",
        "num_leaves": settings.leaves,
        "learning_rate": settings.learning_rate,
        "min_data_in_leaf": settings.least_rows,
        "seed": settings.seed,
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": 1,
        "verbosity": -1,
        **weights,
    }
    data = lightgbm.Dataset(np.column_stack(table.columns), table.fraud, feature_name=list(table.names))
    booster = lightgbm.train(parameters, data, num_boost_round=settings.trees)
    return trees_of(booster.dump_model())


def importance(trees: tuple[Tree, ...], table: FeatureTable, contributions: Any) -> Mapping[str, float]:
    """Return for each feature the mean of how far it moves the log-odds of a row, the largest first.

    Args:
        trees: The trees; features that none of them looks at are left out.
        table: Any rows.
        contributions: What each feature adds to each of these rows.
    """
    used = {feature for tree in trees for feature in tree.features}
    means = np.abs(contributions).mean(axis=0)
    return {table.names[number]: float(means[number]) for number in np.argsort(-means).tolist() if number in used}


def trainer_version() -> str:
    """Return the program that trains, with its version."""
    return f"lightgbm {version('lightgbm')}"


def _lightgbm() -> Any:
    try:
        import lightgbm  # noqa: PLC0415
    except ImportError:
        raise UsageError("training takes LightGBM; install it: scripts/install --training") from None
    except OSError as error:  # its wheel leaves the OpenMP runtime to the system
        raise UsageError(
            f"LightGBM can't be loaded: {error}; install the OpenMP runtime (Debian: apt-get install libgomp1, "
            "Fedora: dnf install libgomp, macOS: brew install libomp)"
        ) from None
    return lightgbm
