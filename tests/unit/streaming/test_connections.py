"""Classification of connection errors."""

import pytest
from confluent_kafka import KafkaError

from services.errors import FatalError, NotAuthorised, UsageError
from services.streaming.connections import ConnectionErrors, refusal_of
from services.streaming.logs import without_timing

AUTHENTICATION, TRANSPORT, SSL = KafkaError._AUTHENTICATION, KafkaError._TRANSPORT, KafkaError._SSL
PASSWORD = (
    "sasl_ssl://b:1/bootstrap: SASL authentication error: Authentication failed: Invalid username or password "
    "(after 302ms in state AUTH_REQ)"
)


@pytest.mark.parametrize(
    ("code", "text", "fault"),
    [
        (AUTHENTICATION, PASSWORD, NotAuthorised),
        (KafkaError.SASL_AUTHENTICATION_FAILED, "anything", NotAuthorised),
        (
            AUTHENTICATION,
            "SASL X handshake failed: Broker: Unsupported SASL mechanism: broker's supported mechanisms: PLAIN",
            UsageError,
        ),
        (SSL, "ssl://b:1: error:0A000412:SSL routines::ssl/tls alert bad certificate", NotAuthorised),
        (SSL, "ssl://b:1: SSL routines::tlsv13 alert certificate required", NotAuthorised),
        (AUTHENTICATION, "Failed to acquire SASL OAUTHBEARER token: could not connect to host", None),
        (AUTHENTICATION, "SASL PLAIN mechanism handshake failed: Request not valid in current SASL state", None),
        (TRANSPORT, "b:1/bootstrap: Connect to ipv4#127.0.0.1:1 failed: Connection refused", None),
        (SSL, "SSL handshake failed: error:0A000086:SSL routines::certificate verify failed", None),
        (KafkaError._ALL_BROKERS_DOWN, "1/1 brokers are down", None),
    ],
)  # fmt: skip
def test_only_rejected_credentials_are_a_refusal(code: int, text: str, fault: type[FatalError] | None) -> None:
    refusal = refusal_of(KafkaError(code, text))
    assert (type(refusal) if refusal else None) is fault
    assert refusal is None or without_timing(text) in str(refusal)


def test_refused_credentials_end_a_poll_once_no_broker_is_connected() -> None:
    errors = ConnectionErrors(raise_refused=True)
    errors.note(KafkaError(AUTHENTICATION, PASSWORD))  # others may take them
    with pytest.raises(NotAuthorised, match="Invalid username or password$"):
        errors.note(KafkaError(KafkaError._ALL_BROKERS_DOWN, "1/1 brokers are down"))


def test_unreachable_brokers_without_a_refusal_raise_nothing() -> None:
    errors = ConnectionErrors(raise_refused=True)
    errors.note(KafkaError(TRANSPORT, "b:1: Connection refused"))
    errors.note(KafkaError(KafkaError._ALL_BROKERS_DOWN, "1/1 brokers are down"))
    assert errors.refusal is None


def test_an_old_refusal_explains_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("services.streaming.connections.time.monotonic", lambda: now[0])
    errors = ConnectionErrors(raise_refused=True)
    errors.note(KafkaError(AUTHENTICATION, PASSWORD))
    now[0] += 61
    errors.note(KafkaError(KafkaError._ALL_BROKERS_DOWN, "1/1 brokers are down"))
    now[0] += 1
    errors.note(KafkaError(AUTHENTICATION, PASSWORD))
    with pytest.raises(NotAuthorised):
        errors.note(KafkaError(KafkaError._ALL_BROKERS_DOWN, "1/1 brokers are down"))


def test_an_error_text_has_no_times() -> None:
    assert without_timing("b:1: Disconnected (after 3ms in state UP)") == "b:1: Disconnected"
    assert without_timing("b:1: no (after 0ms in state CONNECT, 1 identical error(s) suppressed)") == "b:1: no"


def test_a_refusal_waits_for_a_rotation_and_no_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr("services.streaming.connections.time.monotonic", lambda: now)
    errors = ConnectionErrors(raise_refused=True, patience=30)

    def refused(at: float) -> None:
        nonlocal now
        now = at
        errors.note(KafkaError(AUTHENTICATION, PASSWORD))
        errors.note(KafkaError(KafkaError._ALL_BROKERS_DOWN, "1/1 brokers are down"))

    for at in (1000, 1010, 1020, 1029):
        refused(at)
    refused(1100)  # the rotation was done meanwhile: the first of another row
    for at in range(1110, 1130, 10):
        refused(at)
    with pytest.raises(NotAuthorised):
        refused(1130)
