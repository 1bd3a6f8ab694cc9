"""Credentials in files, read again when the files change, and handed to the clients that are there."""

import os
from collections.abc import Mapping
from pathlib import Path
from threading import Event

import structlog

from services.errors import UsageError
from services.streaming.change_watcher import ChangeWatcher, content_and_digest
from services.streaming.clients import KafkaClients
from services.streaming.settings import KAFKA_CONFIG_PREFIX, librdkafka_properties

log = structlog.get_logger()

_FILES = tuple(f"{KAFKA_CONFIG_PREFIX}{name}_FILE" for name in ("SASL_USERNAME", "SASL_PASSWORD"))


class CredentialsWatcher(ChangeWatcher):
    """Looks for a changed user name or password of SASL, and lets the clients log in with it from then on.

    Connections stay: a client logs in again when the brokers ask for it (`connections.max.reauth.ms`), or when it
    connects. So a rotation loses no message and needs no restart.

    Args:
        clients: Receive new credentials.
        stop: Ends the watching when set.
        environment: Variables that name the files; by default those of the process.
    """

    def __init__(self, clients: KafkaClients, stop: Event, environment: Mapping[str, str] | None = None) -> None:
        self._clients = clients
        self._environment = os.environ if environment is None else environment
        super().__init__("credentials", self._digest_of_files, self._read_again, stop)

    def _digest_of_files(self) -> str:
        paths = (Path(self._environment[variable]) for variable in _FILES if variable in self._environment)
        return " ".join(content_and_digest(path)[1] for path in paths)

    def _read_again(self) -> None:
        try:
            properties = librdkafka_properties(self._environment)
        except UsageError as error:
            log.warning("credentials rejected, keeping the previous ones", reason=str(error))
            return
        self._clients.set_credentials(properties["sasl.username"], properties["sasl.password"])
        log.info("credentials read again", user=properties["sasl.username"])


def watch_credentials(clients: KafkaClients, stop: Event) -> None:
    """Start to watch the files of credentials, if there are any."""
    if any(variable in os.environ for variable in _FILES):
        clients.expect_rotation()
        CredentialsWatcher(clients, stop).start()
