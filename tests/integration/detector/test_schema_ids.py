"""Handling of transactions by what the registry says of their schema id; none loses a field on the way."""

import json
import urllib.request
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import fastavro
import pytest

from services.contracts import Registry, RegistrySettings, frame, load_schema
from support.registry_replay import CONFLUENT
from support.registry_server import serving
from support.registry_variants import RegistryOfContexts
from tests.support.ports import free_port
from tests.support.redriving import redrive
from tools.harness.contracts import register_all
from tools.harness.pipeline import Pipeline
from tools.harness.registry_proxy import RegistryProxy
from tools.harness.waiting import wait_for
from tools.local_cluster import Cluster

REASON = "__connect.errors.exception.message"


def forwarded(port: int) -> dict[str, int]:
    """Return the number of transactions passed on, by encoding, from the metrics."""
    text = urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics").read().decode()
    lines = [line for line in text.splitlines() if line.startswith("fraud_detector_forwarded_transactions_total{")]
    return {line.split('"')[1]: int(float(line.rpartition(" ")[2])) for line in lines}


def reversed_fields(schema: dict[str, Any]) -> None:
    schema["fields"].reverse()


def added_field(schema: dict[str, Any]) -> None:
    schema["fields"].append({"name": "note", "type": ["null", "string"], "default": None, "doc": "Anything."})


def elsewhere(pipeline: Pipeline, tmp_path: Path, change: Callable[[dict[str, Any]], None]) -> tuple[Any, int]:
    """Register a changed schema under a subject of no topic; return both schema and id."""
    schema = json.loads((pipeline.schemas / "transaction.avsc").read_text())
    change(schema)
    path = tmp_path / "changed.avsc"
    path.write_text(json.dumps(schema))
    with pipeline.registry as registry:
        return schema, registry.register(f"{pipeline.prefix}elsewhere-value", load_schema(path)).id


def rewritten(value: bytes, old: Any, new: Any, schema_id: int) -> bytes:
    """A transaction as another schema writes it."""
    record = fastavro.schemaless_reader(BytesIO(value[5:]), fastavro.parse_schema(old), None)
    output = BytesIO()
    fastavro.schemaless_writer(output, fastavro.parse_schema(new), record)
    return frame(schema_id, output.getvalue())


def test_a_foreign_schema_that_loses_nothing_is_reencoded(pipeline: Pipeline, tmp_path: Path) -> None:
    schema, schema_id = elsewhere(pipeline, tmp_path, reversed_fields)
    own = json.loads((pipeline.schemas / "transaction.avsc").read_text())
    transactions = pipeline.transactions(100)
    port = free_port()
    with pipeline.start("detector", METRICS_PORT=str(port)) as detector:
        pipeline.produce([rewritten(value, own, schema, schema_id) for value in transactions])
        governed = pipeline.transactions(50, seed=2)
        pipeline.produce(governed)
        legit, fraud, dead = pipeline.wait_for_outputs(150)
        wait_for(lambda: sum(forwarded(port).values()) == 150, "the metric")
        assert forwarded(port) == {"reencoded": 100, "passthrough": 50}
        assert detector.stop() == 0
    assert dead == []
    assert sorted(legit + fraud) == sorted(transactions + governed)


def test_a_field_is_never_dropped(pipeline: Pipeline) -> None:
    port = free_port()
    with pipeline.start("detector", METRICS_PORT=str(port)) as detector:
        detector.wait_for("rebalance", change="assigned")
        pipeline.evolve(pipeline.input, pipeline.fraud)  # the second version is foreign to the legit topic only
        new = pipeline.transactions(100)
        pipeline.produce(new)
        legit, fraud, dead = pipeline.wait_for_outputs(100)
        assert sum(forwarded(port).values()) == 0
        assert detector.stop() == 0
    assert (legit, fraud) == ([], [])
    assert sorted(message.value() for message in dead) == sorted(new)
    reasons = {dict(message.headers())[REASON].decode() for message in dead}
    (reason,) = reasons
    assert f"schema id {pipeline.schema_id} has data that {pipeline.legit} can't take (note)" in reason
    assert f"it is not registered under {pipeline.legit}-value, and the schema there, id " in reason
    assert "register it there (scripts/register-schemas), then put the message back" in reason

    pipeline.register()  # what the reason says to do
    assert redrive(pipeline, "--error", "FieldWouldBeLost") == f"100 redriven to {pipeline.input}\n"
    with pipeline.start("detector", METRICS_PORT=str(port)) as detector:
        legit, fraud, _ = pipeline.wait_for_outputs(200)
        wait_for(lambda: forwarded(port) == {"reencoded": 0, "passthrough": 100}, "the metric")
        assert detector.stop() == 0
    assert sorted(legit + fraud) == sorted(new)  # byte for byte


def test_no_field_of_an_unregistered_schema_is_lost(pipeline: Pipeline, tmp_path: Path) -> None:
    schema, schema_id = elsewhere(pipeline, tmp_path, added_field)
    own = json.loads((pipeline.schemas / "transaction.avsc").read_text())
    with pipeline.start("detector") as detector:
        pipeline.produce([rewritten(value, own, schema, schema_id) for value in pipeline.transactions(10)])
        good = pipeline.transactions(100, seed=2)
        pipeline.produce(good)
        legit, fraud, dead = pipeline.wait_for_outputs(110)
        assert detector.stop() == 0
    assert sorted(legit + fraud) == sorted(good)
    assert len(dead) == 10
    assert detector.events("waiting", waiting_for=f"schema id {schema_id}")  # was asked for again before


def test_newer_transactions_pass_through_in_a_context_of_the_registry(cluster: Cluster, tmp_path: Path) -> None:
    with serving(CONFLUENT, RegistryOfContexts) as served:
        url = f"{served.url}/contexts/.ctx2"
        pipeline = Pipeline(cluster, tmp_path, register=False)
        with Registry(RegistrySettings.load(url=url)) as registry:
            pipeline.schema_id = register_all(registry, pipeline.contracts)
            port = free_port()
            with pipeline.start("detector", SCHEMA_REGISTRY_URL=url, METRICS_PORT=str(port)) as detector:
                detector.wait_for("rebalance", change="assigned")
                schema = json.loads((pipeline.schemas / "transaction.avsc").read_text())
                added_field(schema)
                (pipeline.schemas / "transaction.avsc").write_text(json.dumps(schema))
                pipeline.schema_id = register_all(registry, pipeline.contracts)
                new = pipeline.transactions(100)
                pipeline.produce(new)
                legit, fraud, dead = pipeline.wait_for_outputs(100)
                wait_for(lambda: forwarded(port) == {"reencoded": 0, "passthrough": 100}, "the metric")
                assert detector.stop() == 0
    assert dead == []
    assert sorted(legit + fraud) == sorted(new)  # byte for byte: the new field is still there


@pytest.mark.parametrize("delay", [0.1, 3.0])
def test_what_a_follower_does_not_know_yet_is_no_poison(pipeline: Pipeline, delay: float) -> None:
    with RegistryProxy(pipeline.cluster.registry_url) as proxy:
        proxy.delay = delay
        with pipeline.start("detector", SCHEMA_REGISTRY_URL=proxy.url) as detector:
            detector.wait_for("rebalance", change="assigned")
            proxy.mode = "follow"
            transactions = pipeline.transactions(100)
            pipeline.produce(transactions)
            legit, fraud, dead = pipeline.wait_for_outputs(100)
            assert detector.stop() == 0
        assert proxy.met("follow") > 2
    assert dead == []
    assert sorted(legit + fraud) == sorted(transactions)
    assert detector.events("waiting", waiting_for=f"schema id {pipeline.schema_id}")


def test_many_unknown_ids_do_not_keep_a_new_one_of_ours_from_being_read(pipeline: Pipeline) -> None:
    good = pipeline.transactions(3000)
    strange = [frame(1_000_000 + number, value[5:]) for number, value in enumerate(good)]
    with pipeline.start("detector") as detector:
        detector.wait_for("rebalance", change="assigned")
        pipeline.produce([value for pair in zip(strange, good, strict=True) for value in pair])
        detector.wait_for("lookups of unknown schema ids limited")
        pipeline.evolve()
        new = pipeline.transactions(100, seed=2)
        pipeline.produce(new)
        legit, fraud, dead = pipeline.wait_for_outputs(6100)
        assert detector.stop() == 0
    assert sorted(legit + fraud) == sorted(good + new)
    assert sorted(message.value() for message in dead) == sorted(strange)
    assert any(b"was not looked up" in dict(message.headers())[REASON] for message in dead)
