"""Certificates that are valid for a chosen number of days."""

import datetime as dt
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import pkcs12


def write_certificate(path: Path, days: int) -> Path:
    """Write a certificate that signs itself, in PEM."""
    _key, certificate = _self_signed(days)
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    return path


def write_pair(certificate_path: Path, key_path: Path, days: int = 30) -> None:
    """Write a certificate that signs itself, and its key, in PEM."""
    key, certificate = _self_signed(days)
    pem = serialization.Encoding.PEM
    plain = serialization.NoEncryption()
    key_path.write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain))
    certificate_path.write_bytes(certificate.public_bytes(pem))


def write_keystore(path: Path, password: str, days: int, *, with_certificate: bool = True) -> Path:
    """Write a PKCS #12 file with a key and its certificate, or the key alone."""
    key, certificate = _self_signed(days)
    path.write_bytes(
        pkcs12.serialize_key_and_certificates(
            b"client", key, certificate if with_certificate else None, None,
            serialization.BestAvailableEncryption(password.encode()),
        )
    )  # fmt: skip
    return path


def _self_signed(days: int) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
    now = dt.datetime.now(dt.UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "client")])
    key = ec.generate_private_key(ec.SECP256R1())
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now - dt.timedelta(days=1)).not_valid_after(now + dt.timedelta(days=days))
    return key, builder.sign(key, hashes.SHA256())
