"""Reads, checks and writes model files: JSON that says all of a model, and holds no code.

Loading evaluates the test rows of the file, so that a change of the trees, of this program or of the machine that
changes a score is noticed before a transaction is scored.
"""

import hashlib
import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from services.rules.models.distribution import Distribution
from services.rules.models.json_reading import JsonValue, ModelError, read_document
from services.rules.models.scoring_model import AlertRate, CheckedRow, ScoringModel, TrainedOn
from services.rules.models.trees import MAX_LEAVES, Tree

__all__ = ["ModelError", "parse_model", "read_model", "render_model"]

FORMAT = "fraud-scoring-trees/1"
TOLERANCE = 1e-9
"""Difference from the score of a test row that is rounding."""
MAX_BYTES = 64_000_000
_DIGEST = r"[0-9a-f]{12,64}"
_FINGERPRINT = r"(sha256:)?[0-9a-f]{12,64}"
_NAME = r"[a-z][a-z0-9_]{0,63}"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DATA = ("from", "to", "rows", "fraud")
_DISTRIBUTION = ("edges", "shares", "missing")
_TREE = ("features", "thresholds", "left", "right", "missing_left", "values", "counts")
_MODEL = (
    "format", "name", "features_digest", "contract_fingerprint", "training", "test", "settings", "metrics", "features",
    "score", "alert_rates", "checks", "trees",
)  # fmt: skip


def read_model(path: Path) -> ScoringModel:
    """Return the model of a file.

    Raises:
        ModelError: The file can't be read, or is no model: what is wrong, and where.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ModelError(f"{path}: {path.stat().st_size} bytes: a model has at most {MAX_BYTES}")
        content = path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path}: can't be read: {error.strerror}; scripts/train writes a model") from None
    return parse_model(content, str(path))


def parse_model(content: bytes, source: str) -> ScoringModel:
    """Return the model in the content of a file.

    Args:
        content: The content.
        source: Name of the file, for messages.

    Raises:
        ModelError: It is no model: what is wrong, and where.
    """
    document = read_document(content, source)
    if isinstance(document.value, dict) and document.value.get("format") != FORMAT:
        found = json.dumps(document.value.get("format"))
        document.fail(f'format: expected "{FORMAT}", found {found}: train it again, or use a program of its time')
    parts = document.fields(_MODEL)
    features = parts["features"].items(1)
    names = [feature.fields(("name", *_DISTRIBUTION))["name"] for feature in features]
    model = ScoringModel(
        name=parts["name"].text(_NAME, "a name of small letters, digits and _"),
        features=_distinct_names(names),
        features_digest=parts["features_digest"].text(_DIGEST, "a digest: 12 to 64 hex digits"),
        contract_fingerprint=parts["contract_fingerprint"].text(_FINGERPRINT, "a fingerprint: sha256: and hex digits"),
        distributions=tuple(_distribution(feature, ("name", *_DISTRIBUTION)) for feature in features),
        score_distribution=_distribution(parts["score"], _DISTRIBUTION),
        alert_rates=_alert_rates(parts["alert_rates"]),
        training=_data(parts["training"]),
        test=_data(parts["test"]),
        settings=parts["settings"].object(),
        metrics=parts["metrics"].object(),
        trees=tuple(_tree(tree, len(features)) for tree in parts["trees"].items(1)),
        digest=hashlib.sha256(content).hexdigest()[:12],
    )
    checks = tuple(_check(check, len(features)) for check in parts["checks"].items(1))
    _evaluate_checks(parts["checks"], model, checks)
    return replace(model, checks=checks)


def render_model(model: ScoringModel) -> bytes:
    """Return the content of a model's file: the same for the same model, with a line for each tree and row."""

    def distribution(each: Distribution) -> dict[str, Any]:
        return {"edges": list(each.edges), "shares": list(each.shares), "missing": each.missing}

    parts: dict[str, Any] = {
        "format": FORMAT,
        "name": model.name,
        "features_digest": model.features_digest,
        "contract_fingerprint": model.contract_fingerprint,
        "training": _rendered_data(model.training),
        "test": _rendered_data(model.test),
        "settings": dict(model.settings),
        "metrics": dict(model.metrics),
        "features": [
            {"name": name, **distribution(each)} for name, each in zip(model.features, model.distributions, strict=True)
        ],
        "score": distribution(model.score_distribution),
        "alert_rates": [asdict(rate) for rate in model.alert_rates],
        "checks": [
            {"row": [None if math.isnan(value) else value for value in check.row], "score": check.score}
            for check in model.checks
        ],
        "trees": [{key: list(value) for key, value in asdict(tree).items()} for tree in model.trees],
    }
    return ("{\n" + ",\n".join(f'"{key}": {_lines(value)}' for key, value in parts.items()) + "\n}\n").encode()


def _lines(value: Any) -> str:
    if not isinstance(value, list):
        return json.dumps(value, allow_nan=False)
    return "[\n  " + ",\n  ".join(json.dumps(item, allow_nan=False) for item in value) + "\n]"


def _rendered_data(data: TrainedOn) -> dict[str, Any]:
    times = [
        (_EPOCH + timedelta(milliseconds=at)).isoformat(timespec="milliseconds") for at in (data.begin_ms, data.end_ms)
    ]
    return dict(zip(_DATA, (*times, data.rows, data.fraud), strict=True))


def _data(value: JsonValue) -> TrainedOn:
    parts = value.fields(_DATA)
    begin, end = (_milliseconds(parts[name]) for name in ("from", "to"))
    rows = parts["rows"].integer(1)
    if begin > end:
        parts["to"].expected("a time that is not before from")
    return TrainedOn(begin, end, rows, parts["fraud"].integer(0, rows))


def _milliseconds(value: JsonValue) -> int:
    try:
        return (datetime.fromisoformat(value.value) - _EPOCH) // timedelta(milliseconds=1)
    except (TypeError, ValueError):  # no text, no time, or one without a zone
        value.expected('a time with its zone, such as "2026-01-31T12:00:00.000+00:00"')


def _distinct_names(names: Iterable[JsonValue]) -> tuple[str, ...]:
    seen: list[str] = []
    for value in names:
        name = value.text(_NAME, "the name of a feature: small letters, digits and _")
        if name in seen:
            value.fail(f'feature "{name}" is there twice')
        seen.append(name)
    return tuple(seen)


def _distribution(value: JsonValue, names: Sequence[str]) -> Distribution:
    parts = value.fields(names)
    edges = [edge.number() for edge in parts["edges"].items()]
    if edges != sorted(set(edges)):
        parts["edges"].expected("ascending numbers")
    shares = [share.number(0, 1) for share in parts["shares"].items()]
    if len(shares) != len(edges) + 1:
        parts["shares"].fail(f"expected one more than the {len(edges)} edges, found {len(shares)}")
    missing = parts["missing"].number(0, 1)
    if abs(sum(shares) + missing - 1) > TOLERANCE:
        value.fail(f"shares and missing add up to {sum(shares) + missing:.6g}, expected 1")
    return Distribution(tuple(edges), tuple(shares), missing)


def _alert_rates(value: JsonValue) -> tuple[AlertRate, ...]:
    rates: list[AlertRate] = []
    for item in value.items(1):
        parts = item.fields(("threshold", "per_day"))
        rate = AlertRate(parts["threshold"].number(0, 1), parts["per_day"].number(0))
        if rates and (rate.threshold > rates[-1].threshold or rate.per_day <= rates[-1].per_day):
            item.fail("expected a threshold that is no higher, and more alerts a day, than in the entry before it")
        rates.append(rate)
    return tuple(rates)


def _tree(value: JsonValue, features: int) -> Tree:
    parts = {name: part.items() for name, part in value.fields(_TREE).items()}
    nodes, leaves = len(parts["features"]), len(parts["values"])
    for name, expected in zip(_TREE, (nodes,) * 5 + (leaves,) * 2, strict=True):
        if len(parts[name]) != expected:
            value.fail(f"{name} has {len(parts[name])} entries, expected {expected}: one for each node or leaf")
    if leaves != nodes + 1:
        value.fail(f"a tree of {nodes} nodes has {nodes + 1} leaves, and values has {leaves}")
    if leaves > MAX_LEAVES:
        value.fail(f"it has {leaves} leaves, and at most {MAX_LEAVES} can be evaluated: train with fewer (--leaves)")
    tree = Tree(
        features=tuple(item.integer(0, features - 1) for item in parts["features"]),
        thresholds=tuple(item.number() for item in parts["thresholds"]),
        left=tuple(item.integer(-leaves, nodes - 1) for item in parts["left"]),
        right=tuple(item.integer(-leaves, nodes - 1) for item in parts["right"]),
        missing_left=tuple(item.boolean() for item in parts["missing_left"]),
        values=tuple(item.number() for item in parts["values"]),
        counts=tuple(item.integer(1) for item in parts["counts"]),
    )
    # With n nodes and n + 1 leaves, each the child of one node but the root, all of them are reached, and none twice,
    # unless nodes form a ring.
    children = sorted([*range(1, nodes), *(~leaf for leaf in range(leaves))]) if nodes else []
    if sorted([*tree.left, *tree.right]) != children:
        value.fail("it is no tree: each node but the first, and each leaf, is the child of exactly one node")
    if any(
        child <= node
        for node, pair in enumerate(zip(tree.left, tree.right, strict=True))
        for child in pair
        if child >= 0
    ):
        value.fail("it is no tree: a child that is a node comes after its parent")
    return tree


def _check(value: JsonValue, features: int) -> CheckedRow:
    parts = value.fields(("row", "score"))
    row = parts["row"].items()
    if len(row) != features:
        parts["row"].fail(f"expected a value for each of {features} features, found {len(row)}")
    numbers = tuple(math.nan if item.value is None else item.number() for item in row)
    return CheckedRow(numbers, parts["score"].number(0, 1))


def _evaluate_checks(value: JsonValue, model: ScoringModel, checks: Sequence[CheckedRow]) -> None:
    columns = list(np.array([check.row for check in checks], np.float64).T)
    for number, (score, check) in enumerate(zip(model.scores(columns, len(checks)).tolist(), checks, strict=True)):
        if abs(score - check.score) > TOLERANCE:
            value.fail(
                f"row {number} has the score {score!r} by the trees, and {check.score!r} in the file: the file was "
                "changed after training, or this program evaluates it otherwise; train it again"
            )
