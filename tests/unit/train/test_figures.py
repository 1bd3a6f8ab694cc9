"""Figures of a ranking are those of their definitions, recomputed by other means."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from services.errors import UsageError
from tests.support.feature_tables import feature_columns, table_of
from tools.train.feature_table import FeatureTable
from tools.train.figures import auc, calibration, card_precision_at, precision_at, precision_recall, ranking, ranks
from tools.train.time_split import DAY_MS, rows_to_test, rows_to_train, split_times
from tools.train.training import rule_probabilities


@pytest.fixture
def table(tmp_path: Path) -> FeatureTable:
    return table_of(tmp_path, feature_columns(400, days=6))


def test_auc_is_the_probability_that_a_fraud_ranks_higher() -> None:
    random = np.random.default_rng(1)
    scores, fraud = random.integers(0, 8, 60), random.random(60) < 0.3
    pairs = [(a, b) for a in scores[fraud] for b in scores[~fraud]]
    expected = np.mean([1.0 if a > b else 0.5 if a == b else 0.0 for a, b in pairs])
    assert auc(scores, fraud) == pytest.approx(expected)
    assert auc(scores, np.zeros(60, bool)) is None


def test_card_precision_counts_each_payer_once_until_it_is_found(table: FeatureTable) -> None:
    scores = ranks(np.random.default_rng(2).random(len(table)) + 0.5 * table.fraud)
    found: set[int] = set()
    shares = []
    day = table.created_at // DAY_MS
    for number in np.unique(day):
        best: dict[int, int] = {}
        bad = set()
        for row in np.flatnonzero(day == number).tolist():
            payer = int(table.payer[row])
            if payer not in found:
                best[payer] = max(best.get(payer, -1), int(scores[row]))
                bad |= {payer} if table.fraud[row] else set()
        looked_at = sorted(best, key=lambda payer: -best[payer])[:3]
        shares.append(len(bad.intersection(looked_at)) / 3)
        found |= bad.intersection(looked_at)
    assert card_precision_at(scores, table, 3) == pytest.approx(np.mean(shares))


def test_a_perfect_ranking_has_the_ceiling(table: FeatureTable) -> None:
    perfect = ranking(table.fraud.astype(float), table, 100)
    assert (perfect.auc, perfect.average_precision) == (1.0, 1.0)
    per_day = np.bincount((table.created_at // DAY_MS - table.created_at[0] // DAY_MS)[table.fraud]) / 100
    assert perfect.precision_at == pytest.approx(per_day.mean())
    assert precision_at(ranks(np.zeros(len(table))), table, 5) < per_day.mean() * 100 / 5


def test_calibration_and_curve() -> None:
    scores, fraud = np.array([0.1, 0.15, 0.9, 0.8]), np.array([False, True, True, True])
    low, high = calibration(scores, fraud, (0.5, 0.95))
    assert (low.score, low.fraud, low.rows, high.fraud) == (pytest.approx(0.125), 0.5, 2, 1.0)
    assert precision_recall(scores, fraud)[-1] == (1.0, 1.0)
    assert precision_recall(scores, np.zeros(4, bool)) == []


def test_training_ends_a_delay_before_the_test(table: FeatureTable) -> None:
    split = split_times(table.created_at, test_begin=None, test_days=2, delay_days=1, train_days=None)
    begin = int(table.created_at[0] // DAY_MS * DAY_MS)
    assert (split.train_end, split.test_begin, split.test_end) == tuple(begin + days * DAY_MS for days in (3, 4, 6))
    unlabelled = replace(table, labelled=np.arange(len(table)) != 5)
    rows = rows_to_train(unlabelled, split)
    assert rows.sum() == (table.created_at < split.train_end).sum() - 1
    with pytest.raises(UsageError, match="no room for training from .* choose other times"):
        split_times(table.created_at, test_begin=None, test_days=2, delay_days=7, train_days=None)


def test_payers_whose_fraud_is_known_are_not_tested(table: FeatureTable) -> None:
    split = split_times(table.created_at, test_begin=None, test_days=2, delay_days=1, train_days=None)
    tested = rows_to_test(table, split, known_days=30)
    day = table.created_at // DAY_MS
    for row in np.flatnonzero(table.created_at >= split.test_begin).tolist():
        known = table.fraud & (table.payer == table.payer[row]) & (day < day[row] - 1)
        assert tested[row] == (not known.any())
    assert rows_to_test(table, split, known_days=None).sum() == (table.created_at >= split.test_begin).sum()


def test_the_score_of_rules_becomes_the_share_of_fraud_it_had() -> None:
    known, fraud = np.array([0, 0, 0, 5, 5, 9]), np.array([0, 0, 1, 1, 1, 0], bool)
    probabilities = rule_probabilities(known, fraud, np.array([0, 5, 7, 9]))
    assert probabilities.tolist() == pytest.approx([1.5 / 4, 2.5 / 3, 2.5 / 3, 0.5 / 2])
