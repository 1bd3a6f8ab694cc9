"""Diagnosis of failed connections: errors that name the setting or permission to change.

librdkafka reconnects for ever, and its calls fail with "broker transport failure". The reasons are in its error events
and log lines. Three of them are permanent:

    the broker refuses the credentials         NotAuthorised, exit 4
    its certificate is not trusted             UsageError: the trusted authorities are a setting
    it listens for another security protocol   UsageError
"""

import logging
import re
import time
from collections.abc import Mapping
from typing import Any

from confluent_kafka import KafkaError
from confluent_kafka.admin import AdminClient

from services.errors import FatalError, NotAuthorised, UsageError
from services.streaming.broker_listener import certificate_fault, listener_at
from services.streaming.logs import without_timing

REFUSED_SECONDS = 60.0
"""Seconds for which a refusal counts as the reason that no broker is connected."""

_ROW_SECONDS = 15.0  # longer than librdkafka's longest pause between two attempts to connect

# librdkafka's text where the broker rejects the credentials. Other texts with the same code are about missing ones,
# such as "Failed to acquire SASL OAUTHBEARER token": the token server may come back.
_REFUSED = "SASL authentication error"
# TLS alerts by which a broker refuses the client's certificate (RFC 8446, 6.2).
_ALERT = re.compile(r"alert (bad|unsupported|revoked|expired|unknown) certificate|alert certificate|alert unknown ca|"
                    r"alert access denied|alert handshake failure")  # fmt: skip


def refusal_of(error: KafkaError) -> FatalError | None:
    """Return the error to stop with after an error event; None where the client should reconnect."""
    text = without_timing(error.str())
    if error.code() in {KafkaError._AUTHENTICATION, KafkaError.SASL_AUTHENTICATION_FAILED}:  # noqa: SLF001 - public name
        if "Unsupported SASL mechanism" in text:
            return UsageError(f"KAFKA_CONFIG_SASL_MECHANISM: {text}")
        if error.code() == KafkaError.SASL_AUTHENTICATION_FAILED or _REFUSED in text:
            return NotAuthorised(f"the broker refuses the credentials: {text}")
    if _ALERT.search(text):
        return NotAuthorised(f"the broker refuses the client's certificate: {text}")
    return None


class ConnectionErrors:
    """Recorder of a client's connection failures: its `error_cb`, and a handler of its log.

    Args:
        raise_refused: Raise a refusal from the client's poll once no broker is connected. A single broker that refuses
            does not prove that the credentials are wrong.
        patience: Seconds from the first refusal in a row until it is raised: credentials in files may be new at the
            brokers before they are new here.
    """

    def __init__(self, *, raise_refused: bool, patience: float = 0.0) -> None:
        self._raise_refused = raise_refused
        self._patience = patience
        self._refusal: FatalError | None = None
        self._refused_at = self._refused_since = 0.0
        self.untrusted = False
        self.reason = ""

    @property
    def refusal(self) -> FatalError | None:
        """The error to stop with, if the brokers refuse the client."""
        return self._refusal

    def note(self, error: KafkaError) -> None:
        """Note an error event.

        Raises:
            FatalError: the brokers refuse the client, and none is connected. librdkafka's poll passes it on.
        """
        now = time.monotonic()
        if refusal := refusal_of(error):
            if now - self._refused_at > _ROW_SECONDS:
                self._refused_since = now
            self._refusal, self._refused_at = refusal, now
        if error.code() == KafkaError._ALL_BROKERS_DOWN:  # noqa: SLF001 - its public name
            is_recent = now - self._refused_at < REFUSED_SECONDS and now - self._refused_since >= self._patience
            if self._raise_refused and self._refusal and is_recent:
                raise self._refusal
            return
        self.untrusted = self.untrusted or "certificate verify failed" in error.str()
        self.reason = without_timing(error.str())

    def clear(self) -> None:
        """Clear all failures: the client is connected."""
        self._refusal, self.untrusted, self.reason = None, False, ""


class Admin(AdminClient):
    """An admin client that records its connection failures for its caller to report, instead of logging them.

    Args:
        config: Its configuration.
    """

    def __init__(self, config: Mapping[str, Any]) -> None:
        self.config: dict[str, Any] = dict(config)
        self.connections = ConnectionErrors(raise_refused=False)
        logger = logging.Logger("librdkafka")  # noqa: LOG001 - one for each client
        logger.addHandler(_LastFailure(self.connections))
        callbacks: dict[str, Any] = {"error_cb": self.connections.note}
        super().__init__(self.config | callbacks, logger=logger)

    def diagnose(self) -> FatalError | None:
        """Return the error to stop with after a failed call; None where a retry may succeed."""
        self.poll(0)
        if self.connections.refusal:
            return self.connections.refusal
        brokers = str(self.config["bootstrap.servers"]).split(",")
        if self.connections.untrusted:
            return self._untrusted(brokers[0])
        if re.search("Disconnected|closed by peer|handshake failed", self.connections.reason):
            return self._mismatch(brokers)
        return None

    def _untrusted(self, broker: str) -> FatalError:
        authorities = self.config.get("ssl.ca.location")
        fault = certificate_fault(broker, authorities) or self.connections.reason
        if "not valid for" in fault:
            return UsageError(f"KAFKA_BROKER_URL: the certificate of {broker} is for another name: {fault}")
        trusted = f"the certificates in {authorities}" if authorities else "the system's certificates"
        return UsageError(
            f"KAFKA_CONFIG_SSL_CA_LOCATION: {trusted} do not vouch for broker {broker}: {fault}; "
            "name a file with the certificate of the authority that signed the broker's"
        )

    def _mismatch(self, brokers: list[str]) -> FatalError | None:
        """Compare the client's security protocol with that of the first broker that answers."""
        protocol = str(self.config.get("security.protocol", "PLAINTEXT")).upper()
        for broker in brokers:
            listener = listener_at(broker)
            if listener is not None:
                if listener.accepts(protocol):
                    return None
                return UsageError(
                    f"KAFKA_CONFIG_SECURITY_PROTOCOL: broker {broker} listens for {listener}, not for {protocol}"
                )
        return None


class _LastFailure(logging.Handler):
    """Log handler that records the last failed connection: error events leave out those that were merely closed."""

    def __init__(self, connections: ConnectionErrors) -> None:
        super().__init__()
        self._connections = connections

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage()
        if text.startswith("FAIL ") and "certificate verify" not in text:
            self._connections.reason = without_timing(text.partition("]: ")[2] or text)
