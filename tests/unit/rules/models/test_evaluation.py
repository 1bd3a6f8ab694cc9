"""Scores and contributions are those of the trees' definition."""

import math

import numpy as np
import pytest

from services.rules.models.bit_masks import BitMaskEvaluator
from services.rules.models.contributions import ContributionEvaluator
from services.rules.models.trees import Tree
from tests.support.models import random_columns, random_model, random_trees, shapley_values, walked_sum

STUMP = Tree((0,), (1.0,), (~0,), (~1,), (False,), (-2.0, 3.0), (30, 10))


@pytest.mark.parametrize(
    ("trees", "leaves"), [(1, 1), (3, 2), (50, 8), (20, 9), (20, 16), (20, 17), (10, 32), (10, 33), (70, 64)]
)
def test_sums_are_those_of_a_walk_through_each_tree(trees: int, leaves: int) -> None:
    random = np.random.default_rng(trees * leaves)
    forest = random_trees(random, trees, leaves, features=4)
    columns = random_columns(random, 1100, 4)
    sums = BitMaskEvaluator(forest).sums(columns, 1100)
    assert sums.tolist() == [walked_sum(forest, row) for row in zip(*columns, strict=True)]


def test_a_value_on_the_threshold_goes_left_and_a_missing_one_where_the_node_says() -> None:
    values = np.array([1.0, np.nextafter(1.0, 2), -math.inf, math.inf, math.nan])
    assert BitMaskEvaluator([STUMP]).sums([values], 5).tolist() == [-2.0, 3.0, -2.0, 3.0, 3.0]
    other = Tree(*STUMP.__dict__.values()).__class__(**{**STUMP.__dict__, "missing_left": (True,)})
    assert BitMaskEvaluator([other]).sums([values], 5).tolist() == [-2.0, 3.0, -2.0, 3.0, -2.0]


def test_no_rows_have_no_sums() -> None:
    assert BitMaskEvaluator([STUMP]).sums([np.array([])], 0).tolist() == []
    assert ContributionEvaluator([STUMP], 1).contributions([np.array([])], 0).shape == (0, 1)


@pytest.mark.parametrize("leaves", [1, 2, 5, 8, 20, 64])
def test_contributions_are_the_mean_over_all_orders_of_features(leaves: int) -> None:
    random = np.random.default_rng(leaves)
    forest = random_trees(random, 4, leaves, features=4)
    columns = random_columns(random, 12, 4)
    evaluator = ContributionEvaluator(forest, 4)
    contributions = evaluator.contributions(columns, 12)
    for row, values in enumerate(zip(*columns, strict=True)):
        assert contributions[row].tolist() == pytest.approx(shapley_values(forest, values), abs=1e-12)
        assert contributions[row].sum() + evaluator.expected == pytest.approx(walked_sum(forest, values), abs=1e-12)


def test_contributions_do_not_depend_on_how_many_rows_are_taken_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(5)
    evaluator = ContributionEvaluator(random_trees(random, 4, 8, features=3), 3)
    columns = random_columns(random, 50, 3)
    together = evaluator.contributions(columns, 50)
    monkeypatch.setattr("services.rules.models.contributions._ELEMENTS", 1)
    assert evaluator.contributions(columns, 50).tolist() == together.tolist()


def test_a_score_is_the_probability_of_the_log_odds() -> None:
    model = random_model()
    columns = random_columns(np.random.default_rng(2), 20, 3)
    expected = [1 / (1 + math.exp(-walked_sum(model.trees, row))) for row in zip(*columns, strict=True)]
    assert model.scores(columns, 20).tolist() == pytest.approx(expected, rel=1e-14)


def test_a_budget_is_the_threshold_that_had_so_many_alerts_a_day() -> None:
    model = random_model()
    assert model.threshold_for(10) == 0.6
    assert model.threshold_for(55) == pytest.approx(0.35)
    assert model.threshold_for(0.5) == 0.9
    assert model.threshold_for(101) is None
