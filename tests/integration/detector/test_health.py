"""Truth of what an operator sees of a detector, also while it stands still."""

import time

from tests.support.probing import Endpoints
from tools.harness.pipeline import Pipeline
from tools.harness.registry_proxy import RegistryProxy
from tools.harness.waiting import wait_for

LAG, AGE = "fraud_detector_consumer_lag_messages", "fraud_detector_newest_verdict_age_seconds"
MEASURED = "fraud_detector_consumer_lag_measured_timestamp_seconds"


def labels(pipeline: Pipeline) -> set[str]:
    """The labels of all partitions that a detector alone has."""
    topics = (pipeline.input, pipeline.by_source)
    return {f'partition="{number}",topic="{topic}"' for topic in topics for number in range(4)}


def wait_until_ready(endpoints: Endpoints) -> dict[str, object]:
    wait_for(lambda: endpoints.probe("/readyz")[0] == 200, lambda: f"ready: {endpoints.probe('/readyz')}")
    return endpoints.probe("/readyz")[1]


def test_a_detector_at_work_is_alive_and_ready(pipeline: Pipeline) -> None:
    endpoints = Endpoints()
    with pipeline.start("detector", **endpoints.variables) as detector:
        body = wait_until_ready(endpoints)
        assert (body["status"], body["degraded"]) == ("ready", [])
        assert endpoints.probe("/livez") == (200, {"status": "live", "reasons": []})
        assert endpoints.probe("/healthz")[0] == 404
        assert set(endpoints.series(LAG)) == labels(pipeline)  # from the assignment on, before there is any message
        assert set(endpoints.series(AGE)) == labels(pipeline)
        pipeline.produce(pipeline.transactions(100), keyed=True)
        pipeline.wait_for_outputs(100)
        wait_for(lambda: set(endpoints.series(LAG).values()) == {0}, lambda: f"no lag: {endpoints.series(LAG)}")
        committed = [age for where, age in endpoints.series(AGE).items() if pipeline.input in where]
        assert max(committed) < endpoints.series(AGE).popitem()[1] + 60
        assert endpoints.series("fraud_detector_verdict_latency_seconds_count")[""] > 0
        assert endpoints.series("process_resident_memory_bytes")[""] > 0
        assert detector.stop() == 0


def test_lag_and_age_grow_while_the_registry_is_away(pipeline: Pipeline) -> None:
    endpoints = Endpoints()
    with RegistryProxy(pipeline.cluster.registry_url) as proxy:
        variables = endpoints.variables | {"SCHEMA_REGISTRY_URL": proxy.url, "SCHEMA_REGISTRY_RETRIES": "0"}
        with pipeline.start("detector", **variables) as detector:
            wait_until_ready(endpoints)
            proxy.mode = "drop"  # it has not yet asked what the schema id of a message means
            pipeline.produce(pipeline.transactions(500), keyed=True)
            detector.wait_for("waiting")
            wait_for(lambda: sum(endpoints.series(LAG).values()) == 500, lambda: f"lag: {endpoints.series(LAG)}")
            before = endpoints.series(AGE)
            pipeline.produce(pipeline.transactions(300, seed=2), keyed=True)
            wait_for(lambda: sum(endpoints.series(LAG).values()) == 800, lambda: f"lag: {endpoints.series(LAG)}")
            assert all(age > before[where] for where, age in endpoints.series(AGE).items())
            live, ready = endpoints.probe("/livez"), endpoints.probe("/readyz")
            assert proxy.met("drop") > 0
            assert (live[0], ready[0], ready[1]["status"]) == (200, 200, "degraded")
            for reasons in (live[1]["reasons"], ready[1]["degraded"]):
                assert any(proxy.url.removeprefix("http://") in reason for reason in reasons)
            proxy.mode = "pass"
            pipeline.wait_for_outputs(800)
            wait_for(lambda: set(endpoints.series(LAG).values()) == {0}, lambda: f"no lag: {endpoints.series(LAG)}")
            assert endpoints.probe("/readyz")[1]["status"] == "ready"
            assert detector.stop() == 0


def test_a_partition_that_is_given_away_takes_its_series_with_it(pipeline: Pipeline) -> None:
    first, second = Endpoints(), Endpoints()
    with pipeline.start("detector", **first.variables) as detector:
        wait_until_ready(first)
        assert set(first.series(LAG)) == labels(pipeline)
        with pipeline.start("detector", **second.variables) as other:
            wait_until_ready(second)
            wait_for(lambda: len(first.series(LAG)) == 4, "half of the partitions")
            assert set(first.series(LAG)) | set(second.series(LAG)) == labels(pipeline)
            assert set(first.series(AGE)) == set(first.series(LAG))
            assert other.stop() == 0
        wait_for(lambda: set(first.series(LAG)) == labels(pipeline), "all of them again")
        assert detector.stop() == 0


def test_a_broker_that_goes_away_fails_no_probe(fragile: Pipeline) -> None:
    endpoints = Endpoints()
    broker = fragile.cluster.broker(1)
    with fragile.start("detector", **endpoints.variables) as detector:
        wait_until_ready(endpoints)
        fragile.produce(fragile.transactions(100), keyed=True)
        fragile.wait_for_outputs(100)
        broker.kill()
        measured = endpoints.series(MEASURED)[""]
        detector.wait_for("lag not measured")
        until = time.monotonic() + 15
        while time.monotonic() < until:
            assert (endpoints.probe("/livez")[0], endpoints.probe("/readyz")[0]) == (200, 200)
            time.sleep(0.5)
        broker.start()
        broker.wait_healthy()
        fragile.produce(fragile.transactions(100, seed=2), keyed=True)
        fragile.wait_for_outputs(200)
        wait_for(lambda: endpoints.series(MEASURED)[""] > measured, "the lag is measured again")
        wait_until_ready(endpoints)
        assert detector.stop() == 0


def test_a_broker_that_is_away_at_start_is_named(fragile: Pipeline) -> None:
    endpoints = Endpoints()
    broker = fragile.cluster.broker(1)
    broker.stop()
    with fragile.start("detector", STARTUP_TIMEOUT="120", **endpoints.variables) as detector:
        detector.wait_for("waiting", waiting_for=f"broker {fragile.cluster.bootstrap_servers}")
        status, body = endpoints.probe("/livez")
        assert (status, len(body["reasons"])) == (200, 1)
        assert "Connection refused" in body["reasons"][0]
        status, body = endpoints.probe("/readyz")
        assert (status, body["status"]) == (503, "not ready")  # it has no partitions, and never had
        assert any("Connection refused" in reason for reason in body["reasons"])
        broker.start()
        broker.wait_healthy()
        wait_until_ready(endpoints)
        assert detector.stop() == 0
