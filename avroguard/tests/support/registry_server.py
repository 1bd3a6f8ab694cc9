"""A recorded registry behind real HTTP, with the faults that a test asks for."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from support.recorded_registry import RecordedRegistry

CONFLUENT_TYPE = "application/vnd.schemaregistry.v1+json"


@dataclass
class Fault:
    """An answer instead of the registry's own, to requests whose method and path begin so.

    Attributes:
        request: ``POST /subjects/a/versions``, or the beginning of one.
        status: The status; 0: no answer at all.
        body: The body as it is sent.
        times: Number of requests that it still meets; -1: every one.
        done: Whether the registry carries the request out all the same.
        spares: Number of requests that are answered before it begins.
    """

    request: str
    status: int
    body: bytes = b""
    times: int = -1
    done: bool = False
    spares: int = 0


@dataclass
class Served:
    """A registry that is being served.

    Attributes:
        registry: The registry's content.
        faults: The faults to inject; the first that fits is taken.
        requests: Every request so far: method and path.
    """

    registry: RecordedRegistry
    url: str = ""
    faults: list[Fault] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def fault(self, request: str) -> Fault | None:
        """The fault that meets a request, if any."""
        for fault in self.faults:
            if fault.times and request.startswith(fault.request):
                if not fault.spares:
                    fault.times -= 1
                    return fault
                fault.spares -= 1
        return None


@contextmanager
def serving(product: str, kind: type[RecordedRegistry] = RecordedRegistry) -> Iterator[Served]:
    """Serve a fresh registry of a product on a free port."""
    served = Served(kind(product))
    over, lock = threading.Event(), threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def respond(self) -> None:
            content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            with lock:
                request = f"{self.command} {self.path}"
                served.requests.append(request)
                fault = served.fault(request)
                if fault is None or fault.done:
                    status, answer = served.registry.answer(self.command, self.path, json.loads(content or b"null"))
            if fault is None:
                self.say(status, b"" if answer is None else json.dumps(answer).encode())
            elif fault.status:
                self.say(fault.status, fault.body)
            else:
                over.wait()
                self.close_connection = True

        def say(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", CONFLUENT_TYPE if served.registry.confluent else "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_PUT = do_DELETE = respond  # noqa: N815 - the names that http.server calls

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    served.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield served
    finally:
        over.set()
        server.shutdown()
        thread.join()
        server.server_close()
