"""Responses of the endpoints by the progress of the loop."""

import json
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, Counter

from services.streaming.endpoints import endpoints
from services.streaming.progress import LoopProgress


def ask(progress: LoopProgress, path: str, method: str = "GET") -> tuple[int, Any]:
    """Status and body of an answer."""
    registry = CollectorRegistry()
    Counter("things", "Counted.", registry=registry)
    started: list[str] = []
    environ = {"PATH_INFO": path, "REQUEST_METHOD": method}
    body = b"".join(endpoints(registry, progress)(environ, lambda status, *_: started.append(status)))  # type: ignore[arg-type,func-returns-value,return-value]
    return int(started[0].split()[0]), body.decode() if path == "/metrics" else json.loads(body)


@pytest.fixture
def ready() -> LoopProgress:
    progress = LoopProgress()
    progress.step()
    progress.assigned([("in", 1)])
    progress.restored(("in", 1))
    return progress


def test_metrics_are_at_their_path_and_nothing_is_elsewhere(ready: LoopProgress) -> None:
    status, text = ask(ready, "/metrics")
    assert status == 200
    assert "things_total 0.0" in text
    for path in ("/", "/healthz", "/metrics/", "/livezz", ""):
        assert ask(ready, path)[0] == 404


def test_a_working_process_passes_both_probes(ready: LoopProgress) -> None:
    assert ask(ready, "/livez") == (200, {"status": "live", "reasons": []})
    assert ask(ready, "/readyz") == (200, {"status": "ready", "reasons": [], "degraded": [], "partitions": ["in-1"]})
    assert ask(ready, "/readyz", "POST")[0] == 405


def test_degraded_conditions_are_listed_and_keep_the_process_ready(ready: LoopProgress) -> None:
    ready.degraded("input-keys", "3 messages are not keyed by target")
    status, body = ask(ready, "/readyz")
    assert (status, body["status"]) == (200, "degraded")
    assert body["degraded"] == ["input-keys: 3 messages are not keyed by target"]


def test_a_restoring_process_is_alive_and_not_ready() -> None:
    progress = LoopProgress()
    progress.step()
    progress.assigned([("in", 0)])
    progress.restoring(("in", 0), 10, None)
    status, body = ask(progress, "/readyz")
    assert (status, body["status"], body["reasons"]) == (503, "not ready", ["restoring in-0: 10 records left"])
    assert ask(progress, "/livez")[0] == 200


def test_a_hanging_loop_is_neither_alive_nor_ready() -> None:
    progress = LoopProgress(stalled_after=0)
    progress.assigned([])
    assert (ask(progress, "/livez")[0], ask(progress, "/readyz")[0]) == (503, 503)
    assert ask(progress, "/livez")[1]["status"] == "hanging"


def test_an_unreachable_broker_fails_no_probe(ready: LoopProgress) -> None:
    ready.waiting("no broker answers at a:1")
    ready.left()
    assert ask(ready, "/livez") == (200, {"status": "live", "reasons": ["waiting: no broker answers at a:1"]})
    status, body = ask(ready, "/readyz")
    assert status == 200
    assert "waiting: no broker answers at a:1" in body["degraded"]
