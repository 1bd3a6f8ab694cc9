"""Scores and contributions equal those of LightGBM, for random data, parameters and rows.

`LIGHTGBM_MODELS=10000` compares so many models, each on 100 rows; some minutes.
"""

import math
import os
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from services.errors import UsageError
from services.rules.models.bit_masks import BitMaskEvaluator
from services.rules.models.contributions import ContributionEvaluator
from tests.support.lightgbm import import_lightgbm
from tools.train.lightgbm_trees import trees_of

lightgbm = import_lightgbm()

MODELS = int(os.environ.get("LIGHTGBM_MODELS", "40"))
ROWS = 100


def random_data(random: np.random.Generator, features: int) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return rows of continuous, whole, constant and partly missing features, and labels that depend on them."""
    rows = int(random.integers(50, 400))
    data = random.normal(size=(rows, features))
    for column in range(features):
        match random.integers(5):
            case 0:
                data[:, column] = np.round(data[:, column] * 2)
            case 1:
                data[random.random(rows) < random.random(), column] = math.nan
            case 2:
                data[:, column] = random.integers(3)
            case 3:
                data[:, column] = np.exp(3 * data[:, column])
    labels = np.nan_to_num(data).sum(axis=1) + random.normal(size=rows) > np.log1p(features)
    return data, labels


def random_booster(random: np.random.Generator, features: int) -> Any:
    data, labels = random_data(random, features)
    parameters = {
        "objective": "binary",
        "num_leaves": int(random.integers(2, 65)),
        "min_data_in_leaf": int(random.integers(1, 20)),
        "learning_rate": float(random.choice([0.05, 0.1, 0.5])),
        "boost_from_average": bool(random.integers(2)),
        "use_missing": bool(random.integers(4)),
        "num_threads": 1,
        "deterministic": True,
        "verbosity": -1,
    }
    return lightgbm.train(parameters, lightgbm.Dataset(data, labels), num_boost_round=int(random.integers(1, 12)))


def rows_to_score(random: np.random.Generator, booster: Any, features: int) -> NDArray[np.float64]:
    """Return rows of which many values are thresholds, their neighbours, missing or huge."""
    rows = random.normal(0, 2, (ROWS, features))
    thresholds = [node for tree in trees_of(booster.dump_model()) for node in tree.thresholds] or [0.0]
    picked = random.choice(thresholds, rows.shape)
    picked = np.where(random.random(rows.shape) < 0.5, picked, np.nextafter(picked, random.choice([-9e9, 9e9])))
    special = random.choice([math.nan, 0.0, -0.0, 1e300, -1e300], rows.shape)
    kind = random.random(rows.shape)
    chosen = np.where(kind < 0.4, rows, np.where(kind < 0.8, picked, special))
    # LightGBM reads values within its kZeroThreshold of 0 as 0, and writes an infinite threshold as 1e300. Features are
    # finite or missing, and none is so near to 0.
    chosen[np.abs(chosen) < 2e-35] = 0
    return chosen


def test_scores_and_contributions_equal_those_of_lightgbm() -> None:
    compared = 0
    for number in range(MODELS):
        random = np.random.default_rng(number)
        features = int(random.integers(1, 12))
        booster = random_booster(random, features)
        rows = rows_to_score(random, booster, features)
        columns = [np.ascontiguousarray(column) for column in rows.T]
        trees = trees_of(booster.dump_model())
        sums = BitMaskEvaluator(trees).sums(columns, ROWS)
        expected = booster.predict(rows, raw_score=True, num_threads=1)
        assert np.abs(sums - expected).max() <= 1e-9, f"model {number}"
        evaluator = ContributionEvaluator(trees, features)
        contributions = np.column_stack([evaluator.contributions(columns, ROWS), np.full(ROWS, evaluator.expected)])
        expected = booster.predict(rows, pred_contrib=True, num_threads=1)
        assert np.abs(contributions - expected).max() <= 1e-9, f"model {number}"
        compared += len(rows)
    assert compared == MODELS * ROWS


def test_what_the_format_does_not_have_is_refused() -> None:
    node = {"split_feature": 2, "threshold": 1.0, "default_left": True, "left_child": {"leaf_value": 1}}
    dump = {"tree_info": [{"tree_structure": {**node, "right_child": {"leaf_value": 2}, "missing_type": "NaN"}}]}
    root = dump["tree_info"][0]["tree_structure"]
    root["decision_type"] = "=="
    with pytest.raises(UsageError, match="feature 2: LightGBM split it by categories"):
        trees_of(dump)
    root |= {"decision_type": "<=", "missing_type": "Zero"}
    with pytest.raises(UsageError, match="feature 2: LightGBM took zero for a missing value"):
        trees_of(dump)
