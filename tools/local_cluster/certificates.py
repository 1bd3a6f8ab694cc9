"""Certificates of a secured cluster: an authority of its own, and what it signs for servers and clients here."""

import datetime as dt
import ipaddress
import os
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tools.local_cluster.errors import ClusterError
from tools.local_cluster.files import write_whole
from tools.local_cluster.ports import HOST

VALID_DAYS = 90
RENEWED_DAYS = 30
"""Days before its end from which on a certificate is replaced at the next start."""

_PEM = serialization.Encoding.PEM


class Authority:
    """A certificate authority that is kept in a directory.

    Args:
        directory: Takes ``ca.pem``, its key, and what it signs. It is made where it is missing.
        valid_days: Days for which what it signs is valid.
        name: Its common name.
    """

    def __init__(self, directory: Path, *, valid_days: int = VALID_DAYS, name: str = "local cluster") -> None:
        self.directory = directory
        self.certificate = directory / "ca.pem"
        self._key = directory / "ca-key.pem"
        self._valid_days = valid_days
        self._name = name

    def issue(self, name: str) -> Path:
        """Sign a certificate for a server at 127.0.0.1 that is a client of the others as well.

        Args:
            name: Its common name, which Kafka takes for the name of the user.

        Returns:
            The file of key, certificate and the authority's certificate, readable by this user alone. One that is there
            stays until `RENEWED_DAYS` before its end.
        """
        path = self.directory / f"{name}.pem"
        if self._is_fresh(self.certificate) and self._is_fresh(path):
            return path
        self.renew(name)
        return path

    def renew(self, name: str) -> None:
        """Sign a new certificate under the name, in place of one that is there."""
        self.directory.mkdir(parents=True, exist_ok=True)
        if not self._is_fresh(self.certificate):
            self._make_authority()
        authority = x509.load_pem_x509_certificate(self.certificate.read_bytes())
        signer = serialization.load_pem_private_key(self._key.read_bytes(), password=None)
        if not isinstance(signer, ec.EllipticCurvePrivateKey):
            raise ClusterError(
                f"{self._key}: expected the key of this authority; remove {self.directory} to make another"
            )
        key = ec.generate_private_key(ec.SECP256R1())
        addresses = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(HOST))])
        certificate = (
            _builder(name, self._name, key, self._valid_days)
            .add_extension(addresses, critical=False)
            .sign(signer, hashes.SHA256())
        )
        chain = certificate.public_bytes(_PEM) + authority.public_bytes(_PEM)
        write_secret(self.directory / f"{name}.pem", (_private(key) + chain).decode())

    def _make_authority(self) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = (
            _builder(self._name, self._name, key, 10 * self._valid_days)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .sign(key, hashes.SHA256())
        )
        write_secret(self._key, _private(key).decode())
        write_whole(self.certificate, certificate.public_bytes(_PEM).decode())

    @staticmethod
    def _is_fresh(path: Path) -> bool:
        if not path.is_file():
            return False
        text = path.read_bytes()
        certificate = x509.load_pem_x509_certificate(text[text.index(b"-----BEGIN CERTIFICATE") :])
        limit = dt.datetime.now(dt.UTC) + dt.timedelta(days=RENEWED_DAYS)
        return certificate.not_valid_after_utc > limit


def write_secret(path: Path, text: str) -> None:
    """Write a file that this user alone can read, so that a reader sees the old text or the new one, never a part."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    draft.replace(path)


def _builder(subject: str, issuer: str, key: ec.EllipticCurvePrivateKey, days: int) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC)
    names = [x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)]) for text in (issuer, subject)]
    builder = x509.CertificateBuilder(names[0], names[1], key.public_key(), x509.random_serial_number())
    return builder.not_valid_before(now - dt.timedelta(hours=1)).not_valid_after(now + dt.timedelta(days=days))


def _private(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(_PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
