"""Trains a model, and measures it beside the rules on transactions that came later."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np

from services.errors import UsageError
from services.rules.models.distribution import Distribution, distribution_of
from services.rules.models.scoring_model import AlertRate, CheckedRow, ScoringModel, TrainedOn
from services.rules.models.trees import Tree
from tools.train.feature_table import FeatureTable, Floats, Ints, Mask
from tools.train.figures import CalibrationBin, Ranking, calibration, precision_recall, ranking
from tools.train.time_split import DAY_MS, TimeSplit, rows_to_test, rows_to_train
from tools.train.trainer import TrainingSettings, importance, train_trees, trainer_version

_RATES = tuple(float(factor * 10**power) for power in range(6) for factor in (1, 2, 5))
"""Alerts a day whose thresholds a model file has."""
_SCORE_QUANTILES = (0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999)
"""Edges of the score's distribution: most scores are low, and the high ones matter."""
_CALIBRATION_EDGES = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8)
_CHECKS = 20
_EXPLAINED = 5000
"""Rows whose contributions the importance of features is taken from."""


@dataclass(frozen=True)
class Contender:
    """Ranking of the transactions of the test: by the model, the rules, or both.

    Attributes:
        name: Its name.
        all: Figures of all transactions.
        scenarios: Figures by kind of fraud, each with the transactions that are no fraud.
        curve: Recall and precision, from the highest score down.
    """

    name: str
    all: Ranking
    scenarios: Mapping[str, Ranking]
    curve: Sequence[tuple[float, float]]


@dataclass(frozen=True)
class TrainingReport:
    """A trained model with all figures of its test.

    Attributes:
        model: The model.
        source: The file of features.
        split: Times of training and test.
        per_day: Transactions, or payers, that are looked at in a day.
        contenders: The model first; rules alone and both where verdicts of rules were given.
        ceiling: Figures of a ranking that has all fraud first.
        scenario_rows: Number of test transactions by kind of fraud.
        calibration: Transactions of similar scores, lowest first.
        importance: Mean change of the log-odds by feature, the largest first.
        left_out: Test transactions of payers that were known, which were left out.
    """

    model: ScoringModel
    source: str
    split: TimeSplit
    per_day: int
    contenders: Sequence[Contender]
    ceiling: Ranking
    scenario_rows: Mapping[str, int]
    calibration: Sequence[CalibrationBin]
    importance: Mapping[str, float]
    left_out: int


@dataclass(frozen=True)
class Protocol:
    """Settings of training and test.

    Attributes:
        name: Name of the model.
        split: Times of training and test.
        settings: Settings of training.
        per_day: Transactions, or payers, that are looked at in a day.
        known_days: Days of known fraud whose payers are left out of the test; None for none.
    """

    name: str
    split: TimeSplit
    settings: TrainingSettings
    per_day: int
    known_days: int | None


def train_and_test(
    table: FeatureTable, protocol: Protocol, source: str, rule_scores: Ints | None = None
) -> TrainingReport:
    """Return a model with its figures.

    Args:
        table: All transactions.
        protocol: What to train and how to test.
        source: Name of the table's file.
        rule_scores: What rules say of each transaction, higher for more suspicious, 0 for nothing; None if unknown.

    Raises:
        UsageError: The data are too few.
    """
    split = protocol.split
    is_training = rows_to_train(table, split)
    is_tested = rows_to_test(table, split, known_days=protocol.known_days)
    training, test = table.at(is_training), table.at(is_tested)
    if not test.fraud.any() or test.fraud.all():
        raise UsageError(
            f"the test has {int(test.fraud.sum()):,} frauds in {len(test):,} transactions with a known label: figures "
            "need fraud and other transactions; test on a longer time (--test-days)"
        )
    trees = train_trees(training, protocol.settings)
    model = _model(protocol, training, test, trees)
    scores = model.scores(test.columns, len(test))
    contenders = [_contender("model", scores, test, protocol.per_day)]
    if rule_scores is not None:
        of_rules = rule_probabilities(rule_scores[is_training], training.fraud, rule_scores[is_tested])
        contenders.append(_contender("rules", of_rules, test, protocol.per_day))
        contenders.append(_contender("both", np.maximum(scores, of_rules), test, protocol.per_day))
    explained = test.at(_spread(len(test), _EXPLAINED))
    return TrainingReport(
        model=_finished(model, test, scores, contenders[0].all),
        source=source,
        split=split,
        per_day=protocol.per_day,
        contenders=contenders,
        ceiling=ranking(test.fraud.astype(np.float64), test, protocol.per_day),
        scenario_rows={name: int((test.scenario == number).sum()) for number, name in enumerate(test.scenarios)},
        calibration=calibration(scores, test.fraud, _CALIBRATION_EDGES),
        importance=importance(trees, explained, model.contributions(explained.columns, len(explained))),
        left_out=int(rows_to_test(table, split, known_days=None).sum() - is_tested.sum()),
    )


def _model(protocol: Protocol, training: FeatureTable, test: FeatureTable, trees: tuple[Tree, ...]) -> ScoringModel:
    return ScoringModel(
        name=protocol.name,
        features=training.names,
        features_digest=training.features_digest,
        contract_fingerprint=training.contract_fingerprint,
        distributions=tuple(distribution_of(column) for column in training.columns),
        score_distribution=Distribution((), (1.0,), 0.0),
        alert_rates=(),
        training=_trained_on(training),
        test=_trained_on(test),
        settings={
            **asdict(protocol.settings),
            "delay_days": protocol.split.delay_ms / DAY_MS,
            "trainer": trainer_version(),
        },
        metrics={},
        trees=trees,
    )


def _finished(model: ScoringModel, test: FeatureTable, scores: Floats, figures: Ranking) -> ScoringModel:
    """Return a model with what its scores of the test say."""
    rows = np.flatnonzero(_spread(len(test), _CHECKS))
    checks = [
        CheckedRow(tuple(float(column[row]) for column in test.columns), float(scores[row])) for row in rows.tolist()
    ]
    days = len(np.unique(test.created_at // DAY_MS))
    return replace(
        model,
        score_distribution=distribution_of(scores, _SCORE_QUANTILES),
        alert_rates=_alert_rates(scores, days),
        metrics={name: value for name, value in asdict(figures).items() if value is not None},
        checks=tuple(checks),
    )


def _alert_rates(scores: Floats, days: int) -> tuple[AlertRate, ...]:
    """Return the thresholds of some numbers of alerts a day, and of all transactions."""
    descending = np.sort(scores)[::-1]
    rates: list[AlertRate] = []
    for per_day in (*_RATES, len(scores) / days):
        place = min(round(per_day * days), len(scores)) - 1
        threshold = float(descending[place])
        # Of equal scores none can be left out.
        rate = AlertRate(threshold, float((scores >= threshold).sum() / days))
        if place >= 0 and (not rates or rate.per_day > rates[-1].per_day):
            rates.append(rate)
    return tuple(rates)


def _contender(name: str, scores: Floats, test: FeatureTable, per_day: int) -> Contender:
    kinds = {}
    for number, scenario in enumerate(test.scenarios):
        rows: Mask = (test.scenario == number) | ~test.fraud
        if (test.fraud & rows).any():
            kinds[scenario] = ranking(scores[rows], test.at(rows), per_day)
    return Contender(name, ranking(scores, test, per_day), kinds, precision_recall(scores, test.fraud))


def rule_probabilities(known: Ints, fraud: Mask, scores: Ints) -> Floats:
    """Return the probability of fraud by the score of rules, so that it is on one scale with that of a model.

    Args:
        known: Scores of the training data.
        fraud: Which of these are fraud.
        scores: Scores to convert; one that the training data lack has the probability of the next lower one.
    """
    levels, place = np.unique(known, return_inverse=True)
    rows = np.bincount(place, minlength=len(levels))
    true = np.bincount(place[fraud], minlength=len(levels))
    # A transaction of the usual share of fraud more: of a score that was seen once nothing is certain.
    shares = (true + fraud.mean()) / (rows + 1)
    probabilities: Floats = shares[np.maximum(np.searchsorted(levels, scores, side="right") - 1, 0)]
    return probabilities


def _trained_on(table: FeatureTable) -> TrainedOn:
    return TrainedOn(int(table.created_at.min()), int(table.created_at.max()), len(table), int(table.fraud.sum()))


def _spread(rows: int, count: int) -> Mask:
    """Return a mask of some rows, evenly spread."""
    mask = np.zeros(rows, np.bool_)
    mask[np.linspace(0, rows - 1, min(count, rows)).astype(np.intp)] = True
    return mask
