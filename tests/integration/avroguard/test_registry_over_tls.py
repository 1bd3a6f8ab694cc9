"""A registry behind TLS with a certificate that only `SCHEMA_REGISTRY_CA_FILE` makes trusted."""

import datetime as dt
import ipaddress
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from services.contracts import Registry, RegistrySettings
from services.errors import Unavailable


def write_certificate(file: Path) -> None:
    """A key and a certificate of our own for 127.0.0.1, both in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "registry")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """URL and certificate of a server that answers every GET with a list."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b'["AVRO"]')

        def log_message(self, *_: object) -> None:
            pass

    file = tmp_path / "certificate.pem"
    write_certificate(file)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    served = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    served.socket = context.wrap_socket(served.socket, server_side=True)
    thread = threading.Thread(target=served.serve_forever)
    thread.start()
    yield f"https://127.0.0.1:{served.server_port}", file
    served.shutdown()
    thread.join()
    served.server_close()


def test_the_ca_file_is_trusted(server: tuple[str, Path]) -> None:
    url, file = server
    Registry(RegistrySettings.load(url=url, ca_file=file)).ping()


def test_without_it_the_message_says_which_setting_helps(server: tuple[str, Path]) -> None:
    with pytest.raises(Unavailable, match=r"CERTIFICATE_VERIFY_FAILED.*\(set SCHEMA_REGISTRY_CA_FILE\)"):
        Registry(RegistrySettings.load(url=server[0], retries=0)).ping()
