"""Certificates of a test's own: an authority, and what it signs for 127.0.0.1."""

import datetime as dt
import ipaddress
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

_PEM = serialization.Encoding.PEM


@dataclass(frozen=True)
class Certificates:
    """Files in PEM.

    Attributes:
        authority: The certificate of the authority that clients trust.
        server: Key, certificate and the authority's certificate of a server at 127.0.0.1, in one file.
    """

    authority: Path
    server: Path


def write_certificates(directory: Path, name: str = "authority") -> Certificates:
    """Make an authority and a server certificate that it signed, both valid for a day.

    Args:
        directory: Takes the two files; is made where it is missing.
        name: The authority's common name.
    """
    directory.mkdir(parents=True, exist_ok=True)
    authority_key, server_key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    authority = _certificate(name, authority_key, name, authority_key, x509.BasicConstraints(ca=True, path_length=0))
    server = _certificate(
        "127.0.0.1", server_key, name, authority_key,
        x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]),
    )  # fmt: skip
    key = server_key.private_bytes(_PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    files = Certificates(directory / "authority.pem", directory / "server.pem")
    files.authority.write_bytes(authority.public_bytes(_PEM))
    files.server.write_bytes(key + server.public_bytes(_PEM) + authority.public_bytes(_PEM))
    return files


def _certificate(
    subject: str,
    key: ec.EllipticCurvePrivateKey,
    issuer: str,
    issuer_key: ec.EllipticCurvePrivateKey,
    extension: x509.ExtensionType,
) -> x509.Certificate:
    now = dt.datetime.now(dt.UTC)
    names = [x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)]) for text in (subject, issuer)]
    builder = x509.CertificateBuilder(names[1], names[0], key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now - dt.timedelta(days=1)).not_valid_after(now + dt.timedelta(days=1))
    return builder.add_extension(extension, critical=True).sign(issuer_key, hashes.SHA256())
