"""Certificates of a test's own: an authority, and what it signs for 127.0.0.1."""

from dataclasses import dataclass
from pathlib import Path

from tools.local_cluster.certificates import Authority


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
    """Make an authority and a server certificate that it signed.

    Args:
        directory: Takes the files; is made where it is missing.
        name: The authority's common name.
    """
    authority = Authority(directory, name=name)
    return Certificates(authority.certificate, authority.issue("127.0.0.1"))
