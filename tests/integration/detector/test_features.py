"""Features on the real cluster: what a detector computes through kills equals what the logs give when read again.

``FEATURE_TRANSACTIONS=200000`` runs the long form; the default is short.
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
from confluent_kafka import Consumer, Producer

from services.contracts import ColumnEncoder
from services.generator.labels import with_transactions
from services.rules.loading import parse_rules
from services.rules.topology import Topology, build_topology
from tests.support.payments import Payment, encoded
from tests.support.rules_on_cluster import alerts, rules
from tools.features.stage_logs import StageLogs
from tools.harness.pipeline import Pipeline

TRANSACTIONS = int(os.environ.get("FEATURE_TRANSACTIONS", "3000"))
RULES = """\
[features]
hour = "hour(created_at)"
s_avg = { measure = "average amount", by = ["source"], over = "1h", past = true }
s_most = { measure = "max amount", by = ["source"], over = "10m", past = true }
s_frauds = { measure = "count fraud", by = ["source"], over = "1h", delay = "1s" }
t_count = { measure = "count", by = ["target"], over = "30m" }
t_payers = { measure = "distinct source", by = ["target"], over = "30m", past = true }
t_risk = { measure = "share fraud", by = ["target"], over = "1h", delay = "2s" }
ratio = "amount / s_avg"
both = "coalesce(ratio, 0) + t_count + coalesce(t_risk, 7) * s_frauds + hour"

[rules.everything]
severity = "low"
when = "both >= 0"
reason = "{both} {ratio} {s_most} {s_frauds} {t_count} {t_payers} {t_risk} {hour}"
"""
NAMES = ("both", "ratio", "s_most", "s_frauds", "t_count", "t_payers", "t_risk", "hour")


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


def topology(pipeline: Pipeline) -> Topology:
    schema = pipeline.contracts.topic(pipeline.input).required_schema
    topics = {"": pipeline.input, "target": pipeline.by_target, "source": pipeline.by_source}
    return build_topology(parse_rules(RULES, "rules.toml", schema, {}), topics)


def recomputed(pipeline: Pipeline) -> dict[str, dict[tuple[bytes, int], float]]:
    consumer = partial(
        Consumer,
        {"bootstrap.servers": pipeline.cluster.bootstrap_servers, "group.id": "features", "enable.partition.eof": True,
         "isolation.level": "read_committed", "enable.auto.commit": False},
    )  # fmt: skip
    schema = pipeline.contracts.topic(pipeline.input).required_schema
    with pipeline.registry as registry:
        return StageLogs(consumer, registry, schema, 60_000).features(topology(pipeline))


def live(pipeline: Pipeline) -> dict[bytes, dict[str, str]]:
    return {str(alert["transaction"]["id"]).encode(): alert["figures"] for alert in alerts(pipeline)}


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
    subprocess.run(command, check=True, env=environment, timeout=120, capture_output=True)
    rows = pq.read_table(out).to_pylist()
    return {row["id"].encode(): {name: row[name] for name in NAMES} for row in rows}


@pytest.mark.parametrize("state", ["written", "off"])
def test_live_features_equal_those_of_the_logs_after_kills(pipeline: Pipeline, state: str) -> None:
    labels_topic = f"{pipeline.prefix}queueing.transactions.labels"
    settings: dict[str, Any] = rules(pipeline, RULES)
    settings |= {"LABEL_WINDOWS": "on", "INPUT_KEYED": "repartition", "INSTANCE_ID": "one"}
    settings |= {"REPARTITION_TOPICS": f"target={pipeline.by_target},source={pipeline.by_source}"}
    settings |= {"STATE_TOPIC": "off"} if state == "off" else {}
    some = payments(TRANSACTIONS)
    third = TRANSACTIONS // 3
    for number, part in enumerate((some[:third], some[third : 2 * third], some[2 * third :])):
        with pipeline.start("detector", **settings) as detector:
            send(pipeline, part, labels_topic)
            if number < 2:  # killed in the middle of its work
                pipeline.wait_for_outputs(number * third + third // 3)
                detector.kill()
            else:
                pipeline.wait_for_outputs(TRANSACTIONS)
                time.sleep(1)
                assert detector.stop() == 0
    assert pipeline.read(pipeline.dead) == []
    got, expected = live(pipeline), recomputed(pipeline)
    assert len(got) == TRANSACTIONS == len(expected["both"])
    figures = {identity: {name: expected[name][identity, 0] for name in NAMES} for identity, _ in expected["both"]}
    shown = {
        identity: {name: repr(value) for name, value in of_row.items() if not math.isnan(value)}
        for identity, of_row in figures.items()
    }
    assert got == shown
    if state == "written":
        assert repr_of(exported(pipeline, settings)) == repr_of(figures)
    assert sum("t_risk" in of_row for of_row in got.values()) > TRANSACTIONS // 4
    assert sum(of_row["s_frauds"] != "0.0" for of_row in got.values()) > TRANSACTIONS // 4
