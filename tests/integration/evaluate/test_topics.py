"""Transactions in topics give the same figures as in memory."""

import json
import os
import subprocess
import sys
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from confluent_kafka import Producer

from services.console.backtests.process import BacktestError, Request, run_worker
from services.contracts import ColumnEncoder, RecordEncoder, frame
from services.history import Block
from services.streaming.clients import PARTITIONER
from tools.evaluate.__main__ import evaluate, parsed
from tools.harness.pipeline import Pipeline
from tools.harness.waiting import DEADLINE
from tools.history.generated_input import StreamInput, StreamSettings

RULES = """
[rules.large]
severity = "medium"
when = "amount >= 900"
reason = "{amount} {currency} at once"

[rules.fan-in]
severity = "high"
reason = "{senders} accounts in 6 h"
windows.senders = { measure = "distinct source", by = ["target"], over = "6h", at_least = 6 }

[rules.rapid]
severity = "high"
reason = "{payments} payments in 2 min"
windows.payments = { measure = "count", by = ["source"], over = "2m", at_least = 3 }
"""
STREAM = StreamSettings(seed=5, transactions=6000, accounts=500, rate=0.05, scenarios="fan-in=0.01,rapid-fire=0.01")
FIGURES = ["total", "scenarios", "rules", "steps", "days"]

# The first half of the stream is in the topics since a while before the second.
EARLY = datetime(2026, 3, 1, tzinfo=UTC)
LATE = EARLY + timedelta(days=5)


@pytest.fixture
def blocks() -> list[Block]:
    return list(StreamInput(STREAM, 4).blocks())


@pytest.fixture
def filled(pipeline: Pipeline, blocks: list[Block]) -> Pipeline:
    """A pipeline with the stream and its labels in the topics, and something that can't be decoded."""
    pipeline.alter(pipeline.input, message_timestamp_type="CreateTime", retention_ms="-1")
    labels_topic = f"{pipeline.input}.labels"
    schema, label = (pipeline.contracts.topic(name).required_schema for name in (pipeline.input, labels_topic))
    with pipeline.registry as registry:
        label_id = registry.require(pipeline.contracts.topic(labels_topic).subject, label).id
    encoder = RecordEncoder(label.json)
    producer = Producer({"bootstrap.servers": pipeline.cluster.bootstrap_servers, "partitioner": PARTITIONER,
                         "linger.ms": 20, "queue.buffering.max.messages": 100_000})  # fmt: skip
    sent = 0
    for block in blocks:
        columns = {name: np.asarray(column) for name, column in block.columns.items()}
        values = ColumnEncoder(schema.json, list(columns)).encode(columns, pipeline.schema_id)
        for value, key in zip(values, columns["target"].tolist(), strict=True):
            moment = EARLY if sent < STREAM.transactions // 2 else LATE
            producer.produce(pipeline.input, value, key, timestamp=int(moment.timestamp() * 1000))
            sent += 1
        assert block.labels is not None
        for row in np.flatnonzero(block.labels.fraud).tolist():
            truth = {
                "transaction_id": columns["id"][row].decode(),
                "fraud": True,
                "scenario": block.labels.scenario[row].decode(),
                "incident": block.labels.incident[row].decode(),
                "transaction": None,
            }
            producer.produce(labels_topic, frame(label_id, encoder.encode(truth)), columns["id"][row])
    producer.produce(pipeline.input, b"junk", timestamp=int(LATE.timestamp() * 1000))
    assert producer.flush(DEADLINE) == 0
    (pipeline.directory / "rules.toml").write_text(RULES)
    return pipeline


def run(tool: str, pipeline: Pipeline, *arguments: str) -> Any:
    done = subprocess.run(
        [sys.executable, "-m", f"tools.{tool}", *arguments, "--json"], capture_output=True, text=True,
        env=os.environ | pipeline.environment, timeout=DEADLINE, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_topics_give_the_figures_that_the_stream_gives_in_memory(
    filled: Pipeline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rules = str(filled.directory / "rules.toml")
    stream = [f"--{name}={getattr(STREAM, name)}" for name in ("seed", "transactions", "accounts", "rate", "scenarios")]
    lateness = "--lateness=1d"
    from_topic = run("evaluate", filled, "--rules", rules, "--from-topic", filled.input, lateness)
    in_memory = json.loads(json.dumps(asdict(evaluate(parsed(["--rules", rules, *stream, lateness])))))
    assert {name: from_topic[name] for name in FIGURES} == {name: in_memory[name] for name in FIGURES}
    assert from_topic["total"]["detection"]["found"] > 0
    assert from_topic["notes"] == ["1 messages can't be decoded and were left out"]

    # What was read before the time that was asked for fills the windows, and isn't counted.
    since = (EARLY + timedelta(hours=2)).isoformat()
    later = run("evaluate", filled, "--rules", rules, "--from-topic", filled.input, "--from", since, lateness)
    assert later["total"]["transactions"] == STREAM.transactions // 2

    changed = tmp_path / "changed.toml"
    changed.write_text(RULES.replace("900", "800"))
    result = run("backtest", filled, str(changed), "--live", rules, "--from-topic", filled.input, lateness)
    assert result["transactions"] == STREAM.transactions
    assert result["newly"]["transactions"] > 0
    assert result["no_longer"]["transactions"] == 0
    assert result["newly"]["fraud"] is None  # labels were not asked for
    assert all(800 <= float(example["transaction"]["amount"]) < 900 for example in result["examples"])

    # The console's worker on the same topics: the same changes, with labels, and never more messages than allowed.
    for name, value in filled.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("ALLOWED_LATENESS", "86400")
    hours = (datetime.now(UTC) - EARLY) / timedelta(hours=1) + 1
    request, phases = Request(RULES.replace("900", "800"), RULES, hours), []

    def report(phase: str, done: int, total: int) -> bool:
        phases.append((phase, done, total))
        return True

    same = run_worker(request, report, DEADLINE)
    assert same["newly"]["transactions"] == result["newly"]["transactions"]
    assert [rule["fires"]["transactions"] for rule in same["rules"]] == [
        rule["fires"]["transactions"] for rule in result["rules"]
    ]
    before = same["suspicious_before"]
    assert before["fraud"] == before["known"] < before["transactions"]  # only fraud has a label
    assert phases[-1] == ("evaluated", STREAM.transactions, STREAM.transactions + 1)
    monkeypatch.setenv("BACKTEST_MESSAGES", "10")
    with pytest.raises(BacktestError, match=r"6,001 messages .* limit is 10 \(BACKTEST_MESSAGES\): choose fewer days"):
        run_worker(request, report, DEADLINE)
