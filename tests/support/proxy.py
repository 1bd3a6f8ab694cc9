"""A registry that can be made to fail: an HTTP proxy in front of the real one, with a switch."""

import threading
import time
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self


class RegistryProxy:
    """Passes requests on to a registry until told otherwise.

    Args:
        target: The real registry's base URL.

    Attributes:
        mode: `pass`; `drop` closes connections unanswered; `error` answers 500; `slow` waits `delay` seconds first.
        seen: The mode and path of every request so far: the proof that a fault was met.
    """

    def __init__(self, target: str) -> None:
        self.mode = "pass"
        self.delay = 0.0
        self.seen: list[tuple[str, str]] = []
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                proxy.seen.append((proxy.mode, self.path))
                body = self.rfile.read(int(self.headers.get("Content-Length", 0))) or None
                if proxy.mode == "drop":
                    self.close_connection = True
                    return
                if proxy.mode == "slow":
                    time.sleep(proxy.delay)
                if proxy.mode == "error":
                    self.reply(500, b'{"error_code": 50001, "message": "Error in the backend datastore"}')
                    return
                headers = {"Content-Type": "application/vnd.schemaregistry.v1+json"}
                request = urllib.request.Request(target + self.path, body, headers, method=self.command)
                try:
                    with urllib.request.urlopen(request) as response:
                        self.reply(response.status, response.read())
                except urllib.error.HTTPError as error:
                    self.reply(error.code, error.read())

            do_GET = do_POST = do_PUT = answer  # noqa: N815 - the names that http.server calls

            def reply(self, status: int, body: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

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

    def met(self, mode: str) -> int:
        """How many requests came in this mode."""
        return sum(1 for seen, _ in self.seen if seen == mode)
