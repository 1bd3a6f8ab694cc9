"""A registry behind TLS with a certificate that only `SCHEMA_REGISTRY_CA_FILE` makes trusted."""

import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from services.contracts import Registry, RegistrySettings
from services.errors import Unavailable
from tests.support.certificates import write_certificates


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """URL and authority of a server that answers every GET with a list."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b'["AVRO"]')

        def log_message(self, *_: object) -> None:
            pass

    certificates = write_certificates(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates.server)
    served = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    served.socket = context.wrap_socket(served.socket, server_side=True)
    thread = threading.Thread(target=served.serve_forever)
    thread.start()
    yield f"https://127.0.0.1:{served.server_port}", certificates.authority
    served.shutdown()
    thread.join()
    served.server_close()


def test_the_ca_file_is_trusted(server: tuple[str, Path]) -> None:
    url, file = server
    Registry(RegistrySettings.load(url=url, ca_file=file)).ping()


def test_without_it_the_message_says_which_setting_helps(server: tuple[str, Path]) -> None:
    with pytest.raises(Unavailable, match=r"CERTIFICATE_VERIFY_FAILED.*\(set SCHEMA_REGISTRY_CA_FILE\)"):
        Registry(RegistrySettings.load(url=server[0], retries=0)).ping()
