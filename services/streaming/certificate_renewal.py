"""Renewed certificates: a service that was given files of certificates starts again when they change.

librdkafka and OpenSSL read a certificate, its key and the trusted authorities when a client is made, and no call has a
client read them again. A new start in the same process is the same for every client of a service, and what a service
does at its end and start is tried anyway.
"""

import random
import ssl
from collections.abc import Mapping
from pathlib import Path
from threading import Event

import structlog

from services.streaming.certificates import CERTIFICATE_OF_KAFKA, certificates
from services.streaming.change_watcher import ChangeWatcher, content_and_digest
from services.streaming.lifecycle import start_again

log = structlog.get_logger()

GRACE_SECONDS = 8.0
SPREAD_SECONDS = 10.0
"""Limit of the random pause before a service starts again: instances that share a file do not all stop at once."""

KEY_OF_KAFKA = "ssl.key.location"
_FILES = ("ssl.ca.location", CERTIFICATE_OF_KAFKA, KEY_OF_KAFKA, "ssl.keystore.location")


class CertificateWatcher(ChangeWatcher):
    """Looks for changed certificates, and starts the service again once all of them can be used.

    Args:
        properties: librdkafka properties of the deployment.
        registry_authorities: Authorities that the registry's certificate is checked against; None: the system's.
        stop: The event that ends the service.
    """

    def __init__(self, properties: Mapping[str, str], registry_authorities: Path | None, stop: Event) -> None:
        self._properties = properties
        self._registry_authorities = registry_authorities
        self._stop = stop
        self.files = [Path(properties[name]) for name in _FILES if name in properties]
        self.files += [registry_authorities] if registry_authorities else []
        super().__init__("certificates", self._digest_of_files, self._changed, stop)

    def _digest_of_files(self) -> str:
        return " ".join(content_and_digest(path)[1] for path in self.files)

    def _changed(self) -> None:
        if fault := self._fault():
            log.warning("changed certificates can't be used, keeping the previous ones", reason=fault)
        elif not self._stop.wait(random.uniform(0, SPREAD_SECONDS)):  # noqa: S311 - no secret
            log.info("certificates changed, starting again")
            start_again(self._stop, GRACE_SECONDS)

    def _fault(self) -> str:
        """Return why the files can't be used, as when only one of a certificate and its key is replaced yet."""
        for variable, expiry in certificates(self._properties, self._registry_authorities).items():
            try:
                expiry()
            except (OSError, ValueError) as error:
                return f"{variable}: {error}"
        certificate, key = map(self._properties.get, (CERTIFICATE_OF_KAFKA, KEY_OF_KAFKA))
        if certificate and key:
            try:
                ssl.create_default_context().load_cert_chain(
                    certificate, key, lambda: self._properties.get("ssl.key.password", "")
                )
            except OSError as error:
                return f"{certificate} with the key {key}: {error}"
        return ""


def watch_certificates(properties: Mapping[str, str], registry_authorities: Path | None, stop: Event) -> None:
    """Start to watch the files of certificates, if there are any."""
    watcher = CertificateWatcher(properties, registry_authorities, stop)
    if watcher.files:
        watcher.start()
