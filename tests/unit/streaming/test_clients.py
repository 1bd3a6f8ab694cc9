import pytest

from services.errors import UsageError
from services.streaming.clients import KafkaClients
from services.streaming.settings import KafkaSettings

SETTINGS = KafkaSettings(kafka_broker_url="127.0.0.1:1")


@pytest.mark.parametrize(
    ("properties", "variable"),
    [
        ({"no.such.thing": "1"}, "KAFKA_CONFIG_NO_SUCH_THING"),
        ({"linger.ms": "soon"}, "KAFKA_CONFIG_LINGER_MS"),
        ({"security.protocol": "trust-me"}, "KAFKA_CONFIG_SECURITY_PROTOCOL"),
        ({"linger.ms": "-7"}, "KAFKA_CONFIG_LINGER_MS"),
    ],
)
@pytest.mark.parametrize("make", ["admin", "producer", "consumer"])
def test_a_property_that_librdkafka_refuses_is_named_by_its_variable(
    properties: dict[str, str], variable: str, make: str
) -> None:
    clients = KafkaClients(SETTINGS, properties, client_id="test")
    with pytest.raises(UsageError, match=f"^{variable}: "):
        clients.consumer("group") if make == "consumer" else getattr(clients, make)()


def test_properties_of_the_service_override_those_of_the_deployment() -> None:
    clients = KafkaClients(SETTINGS, {"client.rack": "a", "compression.type": "none"}, client_id="test")
    with pytest.raises(UsageError, match="compression.codec"):  # proves which of the two values reached librdkafka
        clients.producer(compression_type="rubbish")
    clients.producer()


def test_properties_that_contradict_each_other_are_refused_together() -> None:
    clients = KafkaClients(SETTINGS, {"message.timeout.ms": "60000"}, client_id="test")
    with pytest.raises(UsageError, match="message.timeout.ms"):
        clients.producer(transactional_id="t", transaction_timeout_ms=10_000)
