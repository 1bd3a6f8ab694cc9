"""Metric of the days that a service's certificates have left, read from their files at each scrape."""

import math
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path

import structlog
from cryptography import x509
from cryptography.hazmat.primitives.serialization.pkcs12 import load_pkcs12
from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from services.streaming.settings import variable_of

log = structlog.get_logger()

AUTHORITIES_OF_KAFKA = "ssl.ca.location"
CERTIFICATE_OF_KAFKA = "ssl.certificate.location"
KEYSTORE_OF_KAFKA = "ssl.keystore.location"

Expiry = Callable[[], float]
"""Returns seconds since the epoch; raises OSError or ValueError where a file can't be read."""


def certificates(properties: Mapping[str, str], registry_authorities: Path | None) -> dict[str, Expiry]:
    """Return the expiry of each certificate file that is set, by its environment variable.

    Args:
        properties: librdkafka properties of the deployment.
        registry_authorities: Authorities that the registry's certificate is checked against; None: the system's.
    """
    password = properties.get("ssl.keystore.password", "")
    readers: dict[str, Callable[[Path], float]] = {
        AUTHORITIES_OF_KAFKA: _last_expiry,
        CERTIFICATE_OF_KAFKA: _first_expiry,
        KEYSTORE_OF_KAFKA: lambda path: _expiry_of_keystore(path, password),
    }
    files = {variable_of(name): (Path(properties[name]), read) for name, read in readers.items() if name in properties}
    if registry_authorities is not None:
        files["SCHEMA_REGISTRY_CA_FILE"] = registry_authorities, _last_expiry
    # A directory of authorities, or `probe` for the system's, is not the deployment's to renew.
    return {
        variable: partial(read, path)
        for variable, (path, read) in files.items()
        if not path.is_dir() and str(path) != "probe"
    }


class CertificateCollector(Collector):
    """Expiry of certificates, read at each scrape: a renewed file shows at once.

    Args:
        expiries: The certificates, by the variable that sets them.
        namespace: Prefix of the name.
    """

    def __init__(self, expiries: Mapping[str, Expiry], namespace: str) -> None:
        self._expiries = expiries
        self._namespace = namespace
        self._unreadable: set[str] = set()

    def collect(self) -> Iterable[Metric]:
        """Return a series for each certificate; NaN where its file can't be read."""
        family = GaugeMetricFamily(
            f"{self._namespace}_certificate_expiry_timestamp_seconds",
            "Time at which a certificate expires; of several authorities the last. NaN: can't be read.",
            labels=["setting"],
        )
        for variable, expiry in self._expiries.items():
            family.add_metric([variable], self._read(variable, expiry))
        yield family

    def _read(self, variable: str, expiry: Expiry) -> float:
        try:
            seconds = expiry()
        except (OSError, ValueError) as error:
            if variable not in self._unreadable:
                log.error("certificate can't be read", setting=variable, reason=str(error))
            self._unreadable.add(variable)
            return math.nan
        self._unreadable.discard(variable)
        return seconds


def _last_expiry(path: Path) -> float:
    """Return when the last of the authorities expires: during a rotation the file has the old one and the new one."""
    return max(map(_expiry, x509.load_pem_x509_certificates(path.read_bytes())))


def _first_expiry(path: Path) -> float:
    """Return when the chain breaks: the first expiry of the certificate and of those that vouch for it."""
    return min(map(_expiry, x509.load_pem_x509_certificates(path.read_bytes())))


def _expiry_of_keystore(path: Path, password: str) -> float:
    store = load_pkcs12(path.read_bytes(), password.encode() or None)
    if store.cert is None:
        raise ValueError(f"{path} has no certificate")
    return min(_expiry(each.certificate) for each in (store.cert, *store.additional_certs))


def _expiry(certificate: x509.Certificate) -> float:
    return certificate.not_valid_after_utc.timestamp()
