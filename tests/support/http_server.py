"""A real HTTP server for tests, which answers as it is told: properly, with an error, nothing, or half an answer."""

import json
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast


@dataclass(frozen=True)
class Request:
    """A request that the server got.

    Attributes:
        path: The path.
        headers: Headers by name in small letters.
        body: The body.
        answer: The answer that it was given.
    """

    path: str
    headers: dict[str, str]
    body: bytes
    answer: str

    @property
    def json(self) -> Any:
        """The body as JSON data."""
        return json.loads(self.body)


class HttpServer:
    """A server on a free port of the loopback.

    Attributes:
        requests: The requests, in order.
        answer: Returns the answer to a path and body: a status (`200`, `429 7` with seconds for Retry-After), a status
            and a JSON text (`200 {...}`), `nothing`, `half` (of the headers) or `half-body`.
    """

    def __init__(self, answer: Callable[[str, bytes], str] = lambda _path, _body: "200") -> None:
        self.requests: list[Request] = []
        self.answer = answer
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._server.daemon_threads = True
        cast("Any", self._server).owner = self

    @property
    def url(self) -> str:
        """The address."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> "HttpServer":
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        owner: HttpServer = cast("Any", self.server).owner
        body = self.rfile.read(int(self.headers["content-length"]))
        answer = owner.answer(self.path, body)
        headers = {name.lower(): value for name, value in self.headers.items()}
        owner.requests.append(Request(self.path, headers, body, answer))
        with suppress(OSError):  # a client that was killed reads no answer
            self._give(answer)

    def _give(self, answer: str) -> None:
        if answer == "nothing":
            self._abort()
        elif answer == "half":
            self.wfile.write(b"HTTP/1.1 200 OK\r\ncontent-le")
            self._abort()
        elif answer == "half-body":
            self.wfile.write(b'HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{"ok"')
            self._abort()
        else:
            self._answer(*answer.partition(" ")[::2])

    def _answer(self, status: str, rest: str) -> None:
        is_json = rest.startswith("{")
        content = rest.encode() if is_json else b""
        self.send_response(int(status))
        if rest and not is_json:
            self.send_header("retry-after", rest)
        if is_json:
            self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _abort(self) -> None:
        self.close_connection = True
        self.wfile.flush()
        self.connection.shutdown(socket.SHUT_RDWR)

    def log_message(self, *_: Any) -> None:
        """Log nothing."""
