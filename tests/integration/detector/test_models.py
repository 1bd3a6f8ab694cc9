"""Models on the real cluster: alerts have the scores of the model file, and a changed file is active while running."""

import time
from collections import defaultdict
from pathlib import Path

import numpy as np

from services.contracts import load_contracts
from services.rules.features import FeatureSet
from services.rules.loading import parse_rules
from services.rules.models import read_model
from tests.support.confluent import deserialized
from tests.support.models import model_on
from tests.support.payments import Payment, pay
from tests.support.probing import Endpoints
from tests.support.rules_on_cluster import alerts, rules
from tools.harness.pipeline import Pipeline
from tools.harness.waiting import wait_for

FEATURES = """
[features]
paid = "amount"
received = { measure = "sum amount", by = ["target"], over = "1h" }
payments = { measure = "count", by = ["source"], over = "1h" }
"""
MODEL = '[models.cards]\nfile = "cards.json"\nmode = "live"\nthreshold = 0.5\n'
RULE = '[rules.scored]\nseverity = "high"\nwhen = "cards >= threshold"\nreason = "score {cards}"\n'
NAMES = ("paid", "received", "payments")


def features() -> FeatureSet:
    schema = load_contracts().topic("queueing.transactions").required_schema
    plain = '[rules.r]\nseverity = "low"\nwhen = "paid > 1"\nreason = "{paid}"\n'
    declared = parse_rules(FEATURES + plain, "rules.toml", schema, {}).features
    assert declared is not None
    return declared


def expected_scores(path: Path, payments: list[Payment]) -> dict[str, float]:
    """Return the score of each payment, from features that are counted here one payment after the other."""
    received: dict[str, int] = defaultdict(int)
    paid: dict[str, int] = defaultdict(int)
    rows = []
    for payment in payments:
        received[payment.target] += payment.cents
        paid[payment.source] += 1
        rows.append((payment.cents / 100, received[payment.target] / 100, float(paid[payment.source])))
    columns = [np.array(column) for column in zip(*rows, strict=True)]
    scores = read_model(path).scores(columns, len(rows)).tolist()
    return {payment.id: score for payment, score in zip(payments, scores, strict=True)}


def payments_of(seed: int, start: int) -> list[Payment]:
    """Return payments to one receiver: one partition, so that every stage has them in one order."""
    random = np.random.default_rng(seed)
    return [Payment(f"payer{random.integers(5)}", "shop", int(random.integers(1, 500)), start + n) for n in range(200)]


def figures(pipeline: Pipeline) -> dict[str, float]:
    return {str(alert["transaction"]["id"]): float(alert["figures"]["cards"]) for alert in alerts(pipeline)}


def test_alerts_have_the_scores_of_the_model_file_whichever_is_active(pipeline: Pipeline) -> None:
    path, endpoints = pipeline.directory / "cards.json", Endpoints()
    path.write_bytes(model_on(features(), NAMES, scale=3))
    start = time.time_ns() // 1_000_000 - 60_000
    first = payments_of(1, start)
    before = expected_scores(path, first)
    settings = {**rules(pipeline, FEATURES, MODEL, RULE), **endpoints.variables, "SCORES_TOPIC": pipeline.scores}
    with pipeline.start("detector", **settings) as detector:
        pay(pipeline, first)
        pipeline.wait_for_outputs(200)
        path.write_bytes(b"{}")
        refused = detector.wait_for("rules rejected, keeping the previous version")
        assert 'model cards: file: cards.json: format: expected "fraud-scoring-trees/1"' in refused["reason"]
        path.write_bytes(model_on(features(), NAMES, seed=2, scale=3))
        wait_for(lambda: len(detector.events("rules activated")) == 2, 30)
        second = payments_of(2, start + 1000)
        pay(pipeline, second)
        pipeline.wait_for_outputs(400)
        scored = endpoints.series("fraud_detector_model_scores_total")
        assert detector.stop() == 0
    after = expected_scores(path, [*first, *second])
    expected = {**before, **{payment.id: after[payment.id] for payment in second}}
    assert figures(pipeline) == {identifier: score for identifier, score in expected.items() if score >= 0.5}
    assert 20 < len(figures(pipeline)) < 380
    written = deserialized(pipeline.cluster.registry_url, pipeline.read(pipeline.scores))
    assert {str(score["transaction_id"]): score["score"] for score in written} == expected
    assert all(score["threshold"] == 0.5 and score["live"] and len(score["features"]) == 3 for score in written)
    assert {score["features_digest"] for score in written} == {features().select(NAMES).digest}
    assert len({score["model_digest"] for score in written}) == 2
    assert all("; cards: " in alert["reason"] for alert in alerts(pipeline))
    assert scored == {'model="cards"': 400.0}
