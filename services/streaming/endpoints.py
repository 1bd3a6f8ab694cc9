"""HTTP endpoints of a service: its health, `/livez` and `/readyz`, for an orchestrator, `/metrics` for Prometheus.

A probe is answered with 200 or 503 and a JSON object: `status`, and the reasons in words; docs/operations.md explains
them. No probe calls a broker or a registry: it must not fail because one of them is away.
"""

import json
import socket
from collections.abc import Callable, Iterable
from socketserver import ThreadingMixIn
from threading import Thread
from typing import TYPE_CHECKING, Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import structlog
from prometheus_client import CollectorRegistry, make_wsgi_app

from services.errors import UsageError
from services.streaming.progress import Progress

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

log = structlog.get_logger()

Body = dict[str, Any]


def serve_endpoints(registry: CollectorRegistry, progress: Progress, host: str, port: int | None) -> None:
    """Serve the endpoints in threads of their own, if a port is set.

    Raises:
        UsageError: The port can't be bound.
    """
    if port is None:
        return
    try:
        server = make_server(
            host, port, endpoints(registry, progress), _ServerOnIPv6 if ":" in host else _Server, _SilentHandler
        )
    except OSError as error:
        raise UsageError(f"METRICS_PORT: can't serve on {host}:{port}: {error.strerror}") from None
    Thread(target=server.serve_forever, name="endpoints", daemon=True).start()
    log.info("serving endpoints", host=host, port=port, paths=["/livez", "/readyz", "/metrics"])


def endpoints(registry: CollectorRegistry, progress: Progress) -> "WSGIApplication":
    """Return the WSGI application that answers the three paths, and 404 elsewhere.

    Args:
        registry: Metrics.
        progress: Progress of the loop.
    """
    metrics = make_wsgi_app(registry)
    probes: dict[str, Callable[[], tuple[bool, Body]]] = {
        "/livez": lambda: _liveness_response(progress),
        "/readyz": lambda: _readiness_response(progress),
    }

    def application(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if path == "/metrics":
            return metrics(environ, start_response)  # type: ignore[no-any-return]
        if path not in probes:
            return _answer(start_response, "404 Not Found", {"status": "not found", "paths": [*probes, "/metrics"]})
        if environ["REQUEST_METHOD"] not in {"GET", "HEAD"}:
            return _answer(start_response, "405 Method Not Allowed", {"status": "use GET"})
        fine, body = probes[path]()
        return _answer(start_response, "200 OK" if fine else "503 Service Unavailable", body)

    return application


def _liveness_response(progress: Progress) -> tuple[bool, Body]:
    ok, reasons = progress.liveness()
    return ok, {"status": "live" if ok else "hanging", "reasons": reasons}


def _readiness_response(progress: Progress) -> tuple[bool, Body]:
    ready, reasons, degraded = progress.readiness()
    partitions = [f"{topic}-{number}" for topic, number in progress.partitions()]
    status = "not ready" if not ready else "degraded" if degraded else "ready"
    return ready, {"status": status, "reasons": reasons, "degraded": degraded, "partitions": partitions}


def _answer(start_response: "StartResponse", status: str, body: Body) -> Iterable[bytes]:
    content = json.dumps(body).encode() + b"\n"
    start_response(status, [("Content-Type", "application/json"), ("Content-Length", str(len(content)))])
    return [content]


class _Server(ThreadingMixIn, WSGIServer):
    """Server with a thread for each request: a slow client does not delay the others."""

    daemon_threads = True


class _ServerOnIPv6(_Server):
    address_family = socket.AF_INET6


class _SilentHandler(WSGIRequestHandler):
    """Request handler that logs nothing: probes come every few seconds."""

    timeout = 10  # seconds after which an idle client is disconnected

    def log_message(self, *_: object) -> None:
        """Log nothing."""
