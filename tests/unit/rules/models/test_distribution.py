"""Distributions, their stability index, and explanations of scores in words."""

import math

import numpy as np
import pytest

from services.rules.models.distribution import Distribution, distribution_of
from services.rules.models.explanation import describe, explain, sentence
from tests.support.models import random_columns, random_model


def test_each_bin_has_about_the_same_share() -> None:
    distribution = distribution_of(np.array([*range(1, 101), *[math.nan] * 25], float))
    assert distribution.edges == tuple(float(edge) for edge in range(10, 100, 10))
    assert distribution.shares == pytest.approx([0.08] * 10)
    assert distribution.missing == 0.2
    assert distribution.counts(np.array([10.0, 10.5, 1e9, -math.inf, math.inf, math.nan])).tolist() == [
        2, 1, 0, 0, 0, 0, 0, 0, 0, 2, 1
    ]  # fmt: skip


@pytest.mark.parametrize("values", [[], [math.nan, math.nan], [7.0, 7.0], [-math.inf, 1.0, math.inf]])
def test_values_that_are_few_missing_or_equal_have_a_distribution(values: list[float]) -> None:
    distribution = distribution_of(np.array(values))
    assert len(distribution.shares) == len(distribution.edges) + 1
    assert sum(distribution.shares) + distribution.missing == pytest.approx(1 if values else 0)


def test_the_stability_index_is_that_of_its_definition() -> None:
    distribution = Distribution((1.0,), (0.5, 0.3), 0.2)
    assert distribution.stability(np.array([50, 30, 20])) == 0
    expected = (0.8 - 0.5) * math.log(0.8 / 0.5) + (0.1 - 0.3) * math.log(0.1 / 0.3) + (0.1 - 0.2) * math.log(0.1 / 0.2)
    assert distribution.stability(np.array([80, 10, 10])) == pytest.approx(expected)
    assert 5 < distribution.stability(np.array([0, 100, 0])) < 10


def test_an_amount_in_cents_by_mistake_is_a_large_change() -> None:
    amounts = np.random.default_rng(1).lognormal(3, 1, 5000)
    distribution = distribution_of(amounts[:4000])
    assert distribution.stability(distribution.counts(amounts[4000:])) < 0.1
    assert distribution.stability(distribution.counts(amounts[4000:] * 100)) > 1


def test_a_value_is_described_by_its_place_in_the_training_data() -> None:
    distribution = distribution_of(np.array([*range(1, 101), math.nan], float))
    assert describe(95.25, distribution) == "95.2, above 90 % of the training data"
    assert describe(1234567.0, distribution) == "1234567, above 90 % of the training data"
    assert describe(3.0, distribution) == "3, below 90 % of the training data"
    assert describe(math.nan, distribution) == "unknown, as in less than 1 % of the training data"
    assert describe(5.0, distribution_of(np.full(9, 5.0))) == "5"


def test_an_explanation_names_what_raises_the_score_strongest_first() -> None:
    model = random_model(3, trees=20)
    columns = random_columns(np.random.default_rng(3), 40, 3)
    contributions = model.contributions(columns, 40)
    explanations = explain(model, columns, 40)
    assert any(len(parts) > 1 for parts in explanations)
    for row, parts in enumerate(explanations):
        amounts = [part.log_odds for part in parts]
        assert amounts == [amount for amount in sorted(contributions[row].tolist(), reverse=True) if amount >= 0.1]
        for part in parts:
            assert part.words.startswith(f"{part.feature} ")


def test_a_sentence_has_score_threshold_and_reasons() -> None:
    model = random_model(3, trees=20)
    columns = random_columns(np.random.default_rng(3), 1, 3)
    (parts,) = explain(model, columns, 1)
    text = sentence("cards", 0.75, 0.5, parts)
    assert text == f"model cards scores 0.750, threshold 0.500: {'; '.join(part.words for part in parts)}"
    assert sentence("cards", 0.75, 0.5, ()).endswith("no single feature stands out")
