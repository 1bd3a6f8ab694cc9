"""A registry that can be made to fail: an HTTP proxy in front of the real one, with a switch."""

import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self

import httpx2


class RegistryProxy:
    """Passes requests on to a registry until told otherwise.

    Args:
        target: The real registry's base URL.

    Attributes:
        mode: `pass`; `drop` closes connections unanswered; `error` answers 500; `forget` knows no
            schema, like one restored from an old backup; `slow` waits `delay` seconds first; `follow` knows a schema
            id only `delay` seconds after it was first asked for it, like a follower that lags behind its leader.
        seen: The mode and path of every request so far: the proof that a fault was met.
    """

    def __init__(self, target: str) -> None:
        self.mode = "pass"
        self.delay = 0.0
        self.seen: list[tuple[str, str]] = []
        self.first_asked: dict[str, float] = {}
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                """Passes one request on, or does what the mode says."""
                proxy.seen.append((proxy.mode, self.path))
                body = self.rfile.read(int(self.headers.get("Content-Length", 0))) or None
                if proxy.mode == "drop":
                    self.close_connection = True
                    return
                if proxy.mode == "forget" or (proxy.mode == "follow" and proxy.lags(self.path)):
                    self.reply(404, b'{"error_code": 40403, "message": "Schema not found"}')
                    return
                if proxy.mode == "slow":
                    time.sleep(proxy.delay)
                if proxy.mode == "error":
                    self.reply(500, b'{"error_code": 50001, "message": "Error in the backend datastore"}')
                    return
                headers = {"Content-Type": "application/vnd.schemaregistry.v1+json"}
                response = httpx2.request(
                    self.command, target + self.path, content=body, headers=headers, timeout=30, trust_env=False
                )
                self.reply(response.status_code, response.content)

            do_GET = do_POST = do_PUT = answer  # noqa: N815 - the names that http.server calls

            def reply(self, status: int, body: bytes) -> None:
                """Sends an answer."""
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Keeps what `seen` has off the terminal."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    def lags(self, path: str) -> bool:
        """Return whether a request is about a schema id that is not to be known yet."""
        if "/schemas/ids/" not in path:
            return False
        schema_id = path.split("/schemas/ids/")[1].partition("/")[0].partition("?")[0]
        now = time.monotonic()
        return now - self.first_asked.setdefault(schema_id, now) < self.delay

    def met(self, mode: str) -> int:
        """Number of requests in this mode."""
        return sum(1 for seen, _ in self.seen if seen == mode)
