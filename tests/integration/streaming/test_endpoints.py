"""The endpoints over HTTP."""

import json
import urllib.error
import urllib.request

import pytest
from prometheus_client import CollectorRegistry

from services.errors import UsageError
from services.streaming.endpoints import serve_endpoints
from services.streaming.progress import LoopProgress
from tools.local_cluster.ports import HOST, free_ports


def test_the_endpoints_are_served_and_a_taken_port_is_named() -> None:
    progress = LoopProgress()
    progress.assigned([("in", 0)])
    progress.restored(("in", 0))
    (port,) = free_ports(1)
    serve_endpoints(CollectorRegistry(), progress, HOST, port)
    with urllib.request.urlopen(f"http://{HOST}:{port}/readyz", timeout=10) as reply:
        assert json.load(reply)["status"] == "ready"
    with pytest.raises(urllib.error.HTTPError, match="404"):
        urllib.request.urlopen(f"http://{HOST}:{port}/healthz", timeout=10)
    with pytest.raises(UsageError, match=f"METRICS_PORT: can't serve on {HOST}:{port}"):
        serve_endpoints(CollectorRegistry(), progress, HOST, port)
