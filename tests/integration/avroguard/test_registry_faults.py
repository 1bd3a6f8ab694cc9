"""The commands as processes, with a registry that is not there, comes late, or answers oddly."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from services.contracts import load_contracts
from tests.support.ports import free_port

Answer = Callable[[str, str], tuple[int, object]]


@contextmanager
def serving(answer: Answer, port: int = 0) -> Iterator[str]:
    """An HTTP server that answers with what ``answer`` makes of method and path; yields its URL."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def respond(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            status, content = answer(self.command, self.path)
            body = content if isinstance(content, bytes) else json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_PUT = do_DELETE = respond  # noqa: N815 - the names that http.server calls

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def command(name: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", f"avroguard.cli.{name}", *arguments],
        env=os.environ | {"SCHEMA_REGISTRY_RETRIES": "0"} | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def empty_registry(method: str, path: str) -> tuple[int, object]:
    if path == "/schemas/types":
        return 200, ["AVRO"]
    if method == "GET" or path.count("/") == 2:
        return 404, {"error_code": 40401, "message": "Subject not found."}
    return 500, {}


def test_nobody_is_there() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    for done in (command("register", "--registry-url", url), command("check", "--against", f"registry:{url}")):
        assert done.returncode == 3
        assert done.stdout == ""
        assert f"is the schema registry up at {url}?" in done.stderr
        assert "Traceback" not in done.stderr


def test_waiting_in_vain() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    done = command("register", "--registry-url", url, "--wait", "0.6")
    assert done.returncode == 3
    asking = f"asking for the schema types: GET {url}/schemas/types: "
    assert done.stderr.splitlines()[-1].startswith(f"avroguard register: gave up after 0.6 s: {asking}")
    assert "Traceback" not in done.stderr


def test_waiting_until_the_registry_answers() -> None:
    request_count = 0

    def late(method: str, path: str) -> tuple[int, object]:
        nonlocal request_count
        request_count += 1
        return (503, b"not yet") if request_count <= 2 else empty_registry(method, path)

    with serving(late) as url:
        done = command("register", "--registry-url", url, "--wait", "30", "--dry-run")
    assert done.returncode == 0, done.stderr
    assert "answered 503" in done.stderr
    assert done.stdout.count("NEW v1") == len(load_contracts().subjects)


@pytest.mark.parametrize(
    ("answer", "code", "said"),
    [
        ((401, b""), 4, "answered 401: the credentials are missing or wrong"),
        ((403, {"error_code": 40301, "message": "no"}), 4, "answered 403: the credentials may not do this"),
        ((404, b"<html>"), 2, "is not the base of a registry's Confluent API"),
        ((200, b"<html>"), 3, "something that is not JSON"),
        ((500, b""), 3, "answered 500"),
        ((422, {"error_code": 42201, "message": "Invalid schema"}), 1, "answered 422 (42201): Invalid schema"),
    ],
)
def test_odd_answers_end_in_one_line_and_their_exit_code(answer: tuple[int, object], code: int, said: str) -> None:
    with serving(lambda *_: answer) as url:
        with_secret = url.replace("http://", "http://me:s3cret@")
        done = command("register", SCHEMA_REGISTRY_URL=with_secret)
    assert done.returncode == code
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert "s3cret" not in done.stdout + done.stderr
