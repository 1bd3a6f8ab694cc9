"""Security protocols of broker listeners."""

import pytest

from services.streaming.broker_listener import BrokerListener, address_of

PROTOCOLS = {"PLAINTEXT", "SASL_PLAINTEXT", "SSL", "SASL_SSL"}


@pytest.mark.parametrize(
    ("listener", "accepted", "text"),
    [
        (BrokerListener(tls=False, mechanisms=()), {"PLAINTEXT"}, "PLAINTEXT"),
        (BrokerListener(tls=False, mechanisms=("PLAIN",)), {"SASL_PLAINTEXT"}, "SASL_PLAINTEXT (mechanisms PLAIN)"),
        (BrokerListener(tls=True, mechanisms=()), {"SSL"}, "SSL"),
        (BrokerListener(tls=True, mechanisms=("A", "B")), {"SASL_SSL"}, "SASL_SSL (mechanisms A, B)"),
        (BrokerListener(tls=True, mechanisms=None), {"SSL", "SASL_SSL"}, "SSL or SASL_SSL"),
        (BrokerListener(tls=False, mechanisms=None), {"PLAINTEXT", "SASL_PLAINTEXT"}, "PLAINTEXT or SASL_PLAINTEXT"),
    ],
)
def test_a_listener_accepts_its_own_protocol(listener: BrokerListener, accepted: set[str], text: str) -> None:
    assert {protocol for protocol in PROTOCOLS if listener.accepts(protocol)} == accepted
    assert str(listener) == text


@pytest.mark.parametrize(
    ("broker", "address"),
    [("b:9092", ("b", 9092)), (" [::1]:1 ", ("::1", 1)), ("SASL_SSL://b.c:9092", ("b.c", 9092))],
)
def test_an_address_is_parsed(broker: str, address: tuple[str, int]) -> None:
    assert address_of(broker) == address
