"""Random trees, a model made of them, and a reference that evaluates and explains trees by their definition."""

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from avroguard.avro.canonical_form import fingerprint
from services.contracts import load_contracts
from services.rules.features import FeatureSet
from services.rules.models.distribution import distribution_of
from services.rules.models.model_file import render_model
from services.rules.models.scoring_model import AlertRate, CheckedRow, ScoringModel, TrainedOn
from services.rules.models.trees import Tree


def random_tree(random: np.random.Generator, leaves: int, features: int) -> Tree:
    """Return a tree whose leaves were split at random; thresholds are few, so that values meet them."""
    nodes: list[dict[str, Any]] = []
    children = [[0]]  # the one place of the root, which is no child
    for _ in range(leaves - 1):
        where = children.pop(int(random.integers(len(children))))
        if nodes:
            nodes[where[0]]["left" if where[1] else "right"] = len(nodes)
        nodes.append({"feature": int(random.integers(features)), "threshold": float(random.integers(-3, 4)) / 2})
        children += [[len(nodes) - 1, 1], [len(nodes) - 1, 0]]
    for leaf, where in enumerate(children if nodes else []):
        nodes[where[0]]["left" if where[1] else "right"] = ~leaf
    return Tree(
        features=tuple(node["feature"] for node in nodes),
        thresholds=tuple(node["threshold"] for node in nodes),
        left=tuple(node["left"] for node in nodes),
        right=tuple(node["right"] for node in nodes),
        missing_left=tuple(bool(random.integers(2)) for _ in nodes),
        values=tuple(random.normal(0, 0.3, leaves).tolist()),
        counts=tuple(random.integers(1, 50, leaves).tolist()),
    )


def random_trees(random: np.random.Generator, trees: int, leaves: int, features: int) -> tuple[Tree, ...]:
    """Return trees of up to some leaves."""
    return tuple(random_tree(random, int(random.integers(1, leaves + 1)), features) for _ in range(trees))


def random_columns(random: np.random.Generator, rows: int, features: int) -> list[NDArray[np.float64]]:
    """Return columns whose values often are thresholds, infinite or missing."""
    special = np.array([math.nan, math.inf, -math.inf, 0.0, -0.0])
    values = random.integers(-8, 9, (features, rows)) / 4
    return list(np.where(random.random((features, rows)) < 0.2, random.choice(special, (features, rows)), values))


def random_model(seed: int = 1, *, trees: int = 5, leaves: int = 8, features: int = 3) -> ScoringModel:
    """Return a whole model, with checks that its trees meet."""
    random = np.random.default_rng(seed)
    names = tuple(f"f{number}" for number in range(features))
    columns = [random.normal(size=200) for _ in names]
    columns[0][::4] = math.nan
    model = ScoringModel(
        name="cards",
        features=names,
        features_digest="0123456789ab",
        contract_fingerprint="ba9876543210",
        distributions=tuple(distribution_of(column) for column in columns),
        score_distribution=distribution_of(random.random(200)),
        alert_rates=(AlertRate(0.9, 1.0), AlertRate(0.6, 10.0), AlertRate(0.1, 100.0)),
        training=TrainedOn(0, 86_400_000, 1000, 10),
        test=TrainedOn(172_800_000, 259_200_000, 200, 2),
        settings={"seed": 1},
        metrics={"average_precision": 0.7},
        trees=random_trees(random, trees, leaves, features),
    )
    rows = random_columns(random, 3, features)
    finite = [np.where(np.isinf(column), 1.0, column) for column in rows]
    finite[0][0] = math.nan
    scores = model.scores(finite, 3).tolist()
    values = list(zip(*finite, strict=True))
    checks = (CheckedRow(tuple(map(float, row)), score) for row, score in zip(values, scores, strict=True))
    return replace(model, checks=tuple(checks))


def model_on(
    features: FeatureSet,
    names: Sequence[str],
    seed: int = 1,
    *,
    digest: str | None = None,
    scale: float = 1.0,
    contract: str | None = None,
    spread: Sequence[tuple[float, float]] = (),
) -> bytes:
    """Return the content of a model file on some features of a rules file.

    Args:
        features: The features of the file.
        names: Those of the model.
        seed: Seed of its trees.
        digest: The digest of the features; by default the right one.
        scale: Factor of its leaf values, for scores that are far apart.
        contract: The fingerprint of the contract; by default that of the transactions.
        spread: Center and factor of each feature's thresholds, which are from -1.5 to 1.5; by default 0 and 1.
    """
    model = random_model(seed, trees=20, features=len(names))
    places = list(spread) or [(0.0, 1.0)] * len(names)
    trees = tuple(
        replace(
            tree,
            values=tuple(scale * value for value in tree.values),
            thresholds=tuple(
                places[feature][0] + places[feature][1] * threshold
                for feature, threshold in zip(tree.features, tree.thresholds, strict=True)
            ),
        )
        for tree in model.trees
    )
    rows = [check.row for check in model.checks]
    digest = digest or features.select(names).digest
    contract = contract or fingerprint(load_contracts().topic("queueing.transactions").required_schema.json)
    model = replace(model, features=tuple(names), features_digest=digest, trees=trees, contract_fingerprint=contract)
    scores = model.scores(list(np.array(rows).T), len(rows)).tolist()
    checks = tuple(CheckedRow(row, score) for row, score in zip(rows, scores, strict=True))
    return render_model(replace(model, checks=checks))


def walked_sum(trees: Iterable[Tree], row: Sequence[float]) -> float:
    """Return the sum of leaf values, node by node."""
    total = 0.0
    for tree in trees:
        child = 0 if tree.features else ~0
        while child >= 0:
            value = row[tree.features[child]]
            is_left = tree.missing_left[child] if math.isnan(value) else value <= tree.thresholds[child]
            child = tree.left[child] if is_left else tree.right[child]
        total += tree.values[~child]
    return total


def shapley_values(trees: Iterable[Tree], row: Sequence[float]) -> list[float]:
    """Return contributions by the definition: the mean over all orders in which features become known."""
    trees, features = tuple(trees), range(len(row))
    orders = list(itertools.permutations(features))
    totals = [0.0 for _ in features]
    for order in orders:
        known: set[int] = set()
        for feature in order:
            before = sum(_expected(tree, row, known) for tree in trees)
            known.add(feature)
            totals[feature] += sum(_expected(tree, row, known) for tree in trees) - before
    return [total / len(orders) for total in totals]


def _expected(tree: Tree, row: Sequence[float], known: set[int], child: int | None = None) -> float:
    child = (0 if tree.features else ~0) if child is None else child
    if child < 0:
        return tree.values[~child]
    sides = [tree.left[child], tree.right[child]]
    if tree.features[child] in known:
        value = row[tree.features[child]]
        is_left = tree.missing_left[child] if math.isnan(value) else value <= tree.thresholds[child]
        return _expected(tree, row, known, sides[0 if is_left else 1])
    weights = [sum(tree.counts[leaf] for leaf in tree.leaves_in_order(side)) for side in sides]
    return sum(w * _expected(tree, row, known, side) for w, side in zip(weights, sides, strict=True)) / sum(weights)
