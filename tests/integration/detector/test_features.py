"""Features and scores on the real cluster: what a detector computes through kills equals what the logs give offline.

Offline are `scripts/features --exact` and the model file. ``FEATURE_TRANSACTIONS=200000`` runs the long form.
"""

import math
import os
import random
import subprocess
import sys
import time
from functools import partial
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from confluent_kafka import Producer

from services.contracts import ColumnEncoder
from services.explanation.stage_logs import StageLogs
from services.generator.labels import with_transactions
from services.rules.loading import load_rules, parse_rules
from services.rules.models import read_model
from services.rules.topology import Topology, build_topology
from services.streaming.clients import KafkaClients
from services.streaming.settings import KafkaSettings
from tests.support.confluent import deserialized
from tests.support.killing import killed_inside_a_transaction
from tests.support.models import model_on
from tests.support.payments import Payment, encoded
from tests.support.rules_on_cluster import alerts, rules
from tools.features.stage_logs import features_of_logs
from tools.harness.pipeline import Pipeline
from tools.harness.waiting import wait_for_count

TRANSACTIONS = int(os.environ.get("FEATURE_TRANSACTIONS", "3000"))
PATIENCE = 60.0 if TRANSACTIONS <= 10_000 else 600.0
"""Seconds for which no verdict may come: while a detector restores, none does."""
RULES = """\
[features]
hour = "hour(created_at)"
s_avg = { measure = "average amount", by = ["source"], over = "1h", past = true }
s_most = { measure = "max amount", by = ["source"], over = "10m", past = true }
s_frauds = { measure = "count fraud", by = ["source"], over = "1h", delay = "1s" }
t_count = { measure = "count", by = ["target"], over = "30m" }
t_payers = { measure = "distinct source", by = ["target"], over = "30m", past = true }
t_risk = { measure = "share fraud", by = ["target"], over = "1h", delay = "2s" }
t_labels = { measure = "count labels", by = ["target"], over = "5m", delay = "2s" }
ratio = "amount / s_avg"
both = "coalesce(ratio, 0) + t_count + coalesce(t_risk, 7) * s_frauds + hour"

[rules.everything]
severity = "low"
when = "both >= 0"
reason = "{both} {ratio} {s_most} {s_frauds} {t_count} {t_payers} {t_risk} {t_labels} {hour}"
"""
MODEL = """\
[models.cards]
file = "cards.json"
mode = "live"
threshold = 0.5

[rules.scored]
severity = "high"
when = "cards >= threshold"
reason = "score {cards}"
"""
SPREAD = {
    "both": (50.0, 30.0),
    "ratio": (1.0, 0.5),
    "s_most": (85.0, 5.0),
    "s_frauds": (20.0, 15.0),
    "t_count": (100.0, 60.0),
    "t_payers": (12.0, 5.0),
    "t_risk": (0.4, 0.2),
    "t_labels": (20.0, 15.0),
    "hour": (12.0, 6.0),
}
"""Centre and width of the thresholds of each feature: scores are on both sides of the model's."""
NAMES = tuple(SPREAD)


def payments(count: int) -> list[Payment]:
    chance = random.Random(1)
    now = time.time_ns() // 1_000_000 - 600_000
    return [
        Payment(
            f"payer{chance.randrange(20)}", f"shop{chance.randrange(15)}", chance.randrange(100, 9000), now + 40 * n
        )
        for n in range(count)
    ]


def send(pipeline: Pipeline, some: list[Payment], labels_topic: str) -> None:
    """Send payments, and labels of some of them right behind: the detector reads both at once."""
    values = encoded(pipeline, some)
    pipeline.produce(values, keyed=True)
    label = pipeline.contracts.topic(labels_topic)
    chosen = list(range(0, len(some), 3))
    columns = {
        "transaction_id": np.array([some[row].id.encode() for row in chosen]),
        "fraud": np.array([row % 2 == 0 for row in chosen]),
    }
    with pipeline.registry as registry:
        schema_id = registry.require(label.subject, label.required_schema).id
    plain = ColumnEncoder(label.required_schema.json, list(columns)).encode(columns, schema_id)
    labels = with_transactions(plain, [values[row] for row in chosen])
    producer = Producer({"bootstrap.servers": pipeline.cluster.bootstrap_servers, "linger.ms": 20})
    for row, value in zip(chosen, labels, strict=True):
        producer.produce(labels_topic, value, some[row].target.encode(), timestamp=some[row].at_ms + 500)
    assert producer.flush(30) == 0


def write_rules(pipeline: Pipeline) -> dict[str, Any]:
    """Write the rules and the model on their features; return the setting that names the rules."""
    schema = pipeline.contracts.topic(pipeline.input).required_schema
    features = parse_rules(RULES, "rules.toml", schema, {}).features
    assert features is not None
    (pipeline.directory / "cards.json").write_bytes(
        model_on(features, NAMES, seed=9, scale=2, spread=list(SPREAD.values()))
    )
    return rules(pipeline, RULES, MODEL)


def topology(pipeline: Pipeline) -> Topology:
    schema = pipeline.contracts.topic(pipeline.input).required_schema
    topics = {"": pipeline.input, "target": pipeline.by_target, "source": pipeline.by_source}
    return build_topology(load_rules(pipeline.directory / "rules.toml", schema, {}), topics)


def recomputed(pipeline: Pipeline) -> dict[str, dict[tuple[bytes, int], float]]:
    settings = KafkaSettings(kafka_broker_url=pipeline.cluster.bootstrap_servers)
    consumer = partial(KafkaClients(settings, {}, "features").consumer, "features")
    schema = pipeline.contracts.topic(pipeline.input).required_schema
    with pipeline.registry as registry:
        return features_of_logs(StageLogs(consumer, registry, schema, pipeline.dead), topology(pipeline), 60_000)


def live(pipeline: Pipeline) -> dict[bytes, dict[str, str]]:
    """Return the features in the alert of each transaction."""
    return {
        str(alert["transaction"]["id"]).encode(): {name: alert["figures"].get(name) for name in NAMES}
        for alert in alerts(pipeline)
        if alert["rule"] == "everything"
    }


def scored(pipeline: Pipeline) -> dict[bytes, dict[str, float]]:
    """Return the features and the score of each transaction on the topic of scores, which has each once."""
    records = deserialized(pipeline.cluster.registry_url, pipeline.read(pipeline.scores))
    assert len({record["transaction_id"] for record in records}) == len(records)
    return {
        str(record["transaction_id"]).encode(): dict(zip(NAMES, record["features"], strict=True))
        | {"cards": record["score"]}
        for record in records
    }


def with_scores(pipeline: Pipeline, features: dict[bytes, dict[str, float]]) -> dict[bytes, dict[str, float]]:
    """Return features with the scores that the model file has for them, all in one batch."""
    columns = [np.array([values[name] for values in features.values()]) for name in NAMES]
    scores = read_model(pipeline.directory / "cards.json").scores(columns, len(features)).tolist()
    return {
        identity: values | {"cards": score} for (identity, values), score in zip(features.items(), scores, strict=True)
    }


def repr_of(values: dict[bytes, dict[str, float]]) -> dict[bytes, str]:
    """Return values as texts, which are equal for missing values as well."""
    return {identity: repr(of_row) for identity, of_row in values.items()}


def exported(pipeline: Pipeline, settings: dict[str, str]) -> dict[bytes, dict[str, float]]:
    """Return what `scripts/features --exact` writes."""
    out = pipeline.directory / "features.parquet"
    command = [
        sys.executable,
        "-m",
        "tools.features",
        "--rules",
        settings["RULES_FILE"],
        "--from-topic",
        pipeline.input,
    ]
    command += ["--exact", "--unlabelled", "--out", str(out), "--only", ",".join(NAMES)]
    environment = os.environ | pipeline.environment | settings
    subprocess.run(command, check=True, env=environment, capture_output=True)
    rows = pq.read_table(out).to_pylist()
    return {row["id"].encode(): {name: row[name] for name in NAMES} for row in rows}


@pytest.mark.parametrize("state", ["written", "off"])
def test_live_features_and_scores_equal_offline_after_kills(pipeline: Pipeline, state: str) -> None:
    labels_topic = f"{pipeline.prefix}queueing.transactions.labels"
    settings = write_rules(pipeline) | {"SCORES_TOPIC": pipeline.scores}
    settings |= {"LABEL_WINDOWS": "on", "INPUT_KEYED": "repartition", "INSTANCE_ID": "one"}
    settings |= {"REPARTITION_TOPICS": f"target={pipeline.by_target},source={pipeline.by_source}"}
    settings |= {"STATE_TOPIC": "off"} if state == "off" else {}
    some = payments(TRANSACTIONS)
    third = TRANSACTIONS // 3
    for number in range(2):
        begin = number * third
        with pipeline.start("detector", **settings, COMMIT_INTERVAL_MS="300") as detector:
            send(pipeline, some[begin : begin + third // 3], labels_topic)
            pipeline.wait_for_outputs(begin + third // 3, PATIENCE)
            send(pipeline, some[begin + third // 3 : begin + third], labels_topic)
            assert killed_inside_a_transaction(pipeline, detector)
    with pipeline.start("detector", **settings) as detector:
        send(pipeline, some[2 * third :], labels_topic)
        pipeline.wait_for_outputs(TRANSACTIONS, PATIENCE)
        wait_for_count(lambda: len(pipeline.read(pipeline.scores)), TRANSACTIONS, "scores", PATIENCE)
        assert detector.stop() == 0
    assert pipeline.read(pipeline.dead) == []
    expected = recomputed(pipeline)
    features = {identity: {name: expected[name][identity, 0] for name in NAMES} for identity, _ in expected["both"]}
    assert len(features) == TRANSACTIONS
    assert repr_of(scored(pipeline)) == repr_of(with_scores(pipeline, features))
    if state == "written":
        assert repr_of(exported(pipeline, settings)) == repr_of(features)
    got = live(pipeline)
    assert got == {
        identity: {name: None if math.isnan(value) else repr(value) for name, value in values.items()}
        for identity, values in features.items()
    }
    assert sum(values["t_risk"] is not None for values in got.values()) > TRANSACTIONS // 4
    assert sum(values["s_frauds"] != "0.0" for values in got.values()) > TRANSACTIONS // 4
    scores = [score for (_, times), score in expected["cards"].items() if not times]
    assert len(set(scores)) > 20
    assert 0 < sum(score >= 0.5 for score in scores) < TRANSACTIONS
