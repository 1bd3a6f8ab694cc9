"""Cost of a model beside that of rules, on one stream and in one run: ratios are what to keep.

    python -m benchmarks.models --transactions 200000

Measured is processor time for a transaction: of the five default rules, of 20 features, and of a model of 50 trees of 8
leaves on them beside the rules; and of the trees alone, beside LightGBM where that is installed.
"""

import argparse
import time
from collections.abc import Callable, Iterable
from dataclasses import replace

import numpy as np

from services.contracts import load_contracts
from services.detection.settings import DEFAULT_RULES
from services.history import evaluate_history
from services.history.blocks import Block
from services.history.stages import stages_of
from services.rules.features import FeatureSet
from services.rules.loading import constants_of, parse_rules
from services.rules.model import RuleSet
from services.rules.models.bit_masks import BitMaskEvaluator
from services.rules.models.distribution import Distribution
from services.rules.models.model_file import render_model
from services.rules.models.scoring_model import AlertRate, CheckedRow, ScoringModel, TrainedOn
from services.rules.models.trees import Tree
from services.streaming.lifecycle import spare_garbage_collection
from tools.history.generated_input import StreamInput, StreamSettings

TREES, LEAVES, FEATURES = 50, 8, 20
_ROWS, _REPEATS, _PARTITIONS = 5000, 40, 4
_ROUNDS = 3
"""Evaluations of each kind in turn; the best counts, as other work on the machine only ever adds."""
_WINDOWS = (("count", "count"), ("average", "average amount"), ("largest", "max amount"))


def features_text() -> str:
    """The 20 features: nine windows by payer and receiver, and what is computed from them and from fields."""
    lines = ['paid = "amount"', 'hour_ = "hour(created_at)"', 'weekday_ = "weekday(created_at)"']
    for key, spans in (("source", ("1d", "7d")), ("target", ("7d",))):
        for span in spans:
            for name, measure in _WINDOWS:
                past = "" if measure == "count" else ", past = true"
                window = f'measure = "{measure}", by = ["{key}"], over = "{span}"{past}'
                lines.append(f"{key}_{name}_{span} = {{ {window} }}")
            lines.append(f'{key}_ratio_{span} = "amount / {key}_average_{span}"')
            lines.append(f'{key}_over_{span} = "amount / {key}_largest_{span}"')
    lines += ['night = "hour_ < 6"', 'much = "source_count_1d / source_count_7d"']
    return "\n[features]\n" + "\n".join(lines[:FEATURES]) + "\n"


def random_tree(random: np.random.Generator) -> Tree:
    """A full tree of three levels."""
    children = [(1, 2), (3, 4), (5, 6), (~0, ~1), (~2, ~3), (~4, ~5), (~6, ~7)]
    return Tree(
        features=tuple(random.integers(0, FEATURES, LEAVES - 1).tolist()),
        thresholds=tuple(random.lognormal(2, 2, LEAVES - 1).tolist()),
        left=tuple(left for left, _ in children),
        right=tuple(right for _, right in children),
        missing_left=(True,) * (LEAVES - 1),
        values=tuple(random.normal(0, 0.1, LEAVES).tolist()),
        counts=(10,) * LEAVES,
    )


def model_content(features: FeatureSet) -> bytes:
    """A model file on all features."""
    random = np.random.default_rng(1)
    data, anything = TrainedOn(0, 1, 1000, 10), Distribution((), (1.0,), 0.0)
    model = ScoringModel(
        "cards", features.names, features.digest, "0" * 12, (anything,) * len(features.names), anything,
        (AlertRate(0.5, 100.0),), data, data, {}, {}, tuple(random_tree(random) for _ in range(TREES)),
    )  # fmt: skip
    score = float(model.scores([np.zeros(1)] * len(features.names), 1)[0])
    return render_model(replace(model, checks=(CheckedRow((0.0,) * len(features.names), score),)))


def microseconds(rules: RuleSet, blocks: Iterable[Block], transactions: int) -> float:
    """Processor time of an evaluation for each transaction."""
    names = (rules.features or FeatureSet()).names + tuple(model.name for model in rules.models)
    began = time.process_time()
    evaluate_history(blocks, stages_of(rules, partitions=_PARTITIONS, features=names), lateness_ms=60_000)
    return (time.process_time() - began) / transactions * 1e6


def trees_alone() -> tuple[float, float | None]:
    """Processor time of 50 trees for each row, by bit masks and by LightGBM on data of its own; the best of repeats."""
    random = np.random.default_rng(1)
    rows = random.lognormal(2, 2, (_ROWS, FEATURES))
    columns = [np.ascontiguousarray(column) for column in rows.T]
    evaluator = BitMaskEvaluator([random_tree(random) for _ in range(TREES)])
    ours = min(_seconds(lambda: evaluator.sums(columns, _ROWS)) for _ in range(_REPEATS)) / _ROWS * 1e6
    try:
        import lightgbm  # noqa: PLC0415
    except ImportError:
        return ours, None
    labels = rows[:, 0] > rows[:, 1]
    parameters = {"objective": "binary", "num_leaves": LEAVES, "num_threads": 1, "verbosity": -1}
    booster = lightgbm.train(parameters, lightgbm.Dataset(rows, labels), TREES)
    theirs = min(_seconds(lambda: booster.predict(rows, num_threads=1)) for _ in range(_REPEATS)) / _ROWS * 1e6
    return ours, theirs


def _seconds(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure what a model costs beside rules.")
    parser.add_argument("--transactions", type=int, default=200_000)
    count = parser.parse_args().transactions
    schema = load_contracts().topic("queueing.transactions").required_schema
    default = DEFAULT_RULES.read_text(encoding="utf-8")
    blocks = list(StreamInput(StreamSettings(transactions=count), _PARTITIONS).blocks())
    plain = parse_rules(default, "rules.toml", schema, constants_of())
    declared = parse_rules(default + features_text(), "rules.toml", schema, constants_of())
    content = model_content(declared.features or FeatureSet())
    text = default + features_text() + '\n[models.cards]\nfile = "cards.json"\nmode = "live"\nthreshold = 0.5\n'
    scored = parse_rules(text, "rules.toml", schema, constants_of(), lambda _: content)
    spare_garbage_collection()  # as the detector does
    kinds = {"five rules": plain, "rules and 20 features": declared, "rules, features and model": scored}
    rounds = [[microseconds(rules, blocks, count) for rules in kinds.values()] for _ in range(_ROUNDS)]
    costs = [min(costs) for costs in zip(*rounds, strict=True)]
    for name, cost in zip(kinds, costs, strict=True):
        print(f"{name}: {cost:.2f} us a transaction, {cost / costs[0]:.2f} times the rules")
    ours, theirs = trees_alone()
    beside = f", LightGBM {theirs:.2f}" if theirs else ""
    print(f"{TREES} trees of {LEAVES} leaves alone: {ours:.2f} us a row{beside}")


if __name__ == "__main__":
    main()
