"""Connection faults are named at once, for services and commands alike."""

import itertools
import os
import subprocess
import sys
from pathlib import Path

import pytest

from services.errors import NotAuthorised, UsageError
from services.streaming.broker_listener import BrokerListener, certificate_fault, listener_at
from services.streaming.clients import KafkaClients, ping
from services.streaming.settings import KafkaSettings, librdkafka_properties
from tests.support.certificates import write_certificates
from tests.support.secure_cluster import SecureCluster
from tools.harness.pipeline import Pipeline
from tools.harness.processes import Service
from tools.local_cluster.ports import HOST

PASSWORD = {"KAFKA_CONFIG_SASL_PASSWORD": "wr0ng"}


def reason(service: Service, exit_code: int) -> str:
    """Return the reason why it stopped: without having waited, and without a traceback."""
    assert service.exit_code() == exit_code
    assert "Traceback" not in service.text
    assert not service.events("waiting")  # STARTUP_TIMEOUT is a minute
    (stopped,) = service.events("stopped")
    return str(stopped["reason"])


@pytest.mark.parametrize("protocol", ["SASL_PLAINTEXT", "SASL_SSL"])
@pytest.mark.parametrize("name", ["detector", "generator"])
def test_a_wrong_password_ends_a_service(secure: SecureCluster, secured: Pipeline, name: str, protocol: str) -> None:
    with secured.start(name, **secure.environment(protocol, "detector", **PASSWORD)) as service:
        why = reason(service, NotAuthorised.exit_code)
    assert why.startswith("the broker refuses the credentials: ")
    assert why.endswith("Invalid username or password")
    assert PASSWORD["KAFKA_CONFIG_SASL_PASSWORD"] not in service.text


@pytest.mark.parametrize("command", [
    "services.commands.create_topics", "services.commands.redrive", "tools.tail topic", "tools.evaluate --from-topic"
])  # fmt: skip
def test_a_wrong_password_ends_a_command(secure: SecureCluster, command: str) -> None:
    module, *arguments = command.split()
    settings = {**os.environ, **secure.environment("SASL_PLAINTEXT", "detector", **PASSWORD)}
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments], env=settings, capture_output=True, text=True, check=False
    )
    assert done.returncode == NotAuthorised.exit_code
    assert "the broker refuses the credentials: " in done.stderr
    assert "Traceback" not in done.stderr


def test_a_wrong_mechanism_is_named_with_the_right_ones(secure: SecureCluster, secured: Pipeline) -> None:
    settings = secure.environment("SASL_SSL", "detector", KAFKA_CONFIG_SASL_MECHANISM="SCRAM-SHA-256")
    with secured.start("detector", **settings) as detector:
        why = reason(detector, 2)
    assert why.startswith("KAFKA_CONFIG_SASL_MECHANISM: ")
    assert why.endswith("supported mechanisms: PLAIN")


@pytest.mark.parametrize("protocol", ["SSL", "SASL_SSL"])
def test_an_unknown_authority_is_named(secure: SecureCluster, secured: Pipeline, tmp_path: Path, protocol: str) -> None:
    other = str(write_certificates(tmp_path, "other").authority)
    settings = secure.environment(protocol, "detector", KAFKA_CONFIG_SSL_CA_LOCATION=other)
    with secured.start("detector", **settings) as detector:
        why = reason(detector, 2)
    assert why.startswith(f"KAFKA_CONFIG_SSL_CA_LOCATION: the certificates in {other} do not vouch for broker ")


def test_a_certificate_of_another_name_is_named(secure: SecureCluster, secured: Pipeline) -> None:
    broker = f"localhost:{secure.ports['SSL']}"
    with secured.start("detector", **secure.environment("SSL", KAFKA_BROKER_URL=broker)) as detector:
        why = reason(detector, 2)
    assert why.startswith(f"KAFKA_BROKER_URL: the certificate of {broker} is for another name: ")


PROTOCOLS = ("PLAINTEXT", "SASL_PLAINTEXT", "SSL", "SASL_SSL")


@pytest.mark.parametrize(("spoken", "heard"), [*itertools.permutations(PROTOCOLS, 2)])
def test_another_security_protocol_is_named(secure: SecureCluster, spoken: str, heard: str) -> None:
    broker = f"{HOST}:{secure.ports[heard]}"
    properties = librdkafka_properties(secure.environment(spoken, "detector"))
    admin = KafkaClients(KafkaSettings(kafka_broker_url=broker), properties, "test").admin()
    expected = f"^KAFKA_CONFIG_SECURITY_PROTOCOL: broker {broker} listens for {heard}.*, not for {spoken}$"
    with pytest.raises(UsageError, match=expected):
        ping(admin, broker, timeout=10)


def test_what_a_port_speaks_is_found_out(secure: SecureCluster) -> None:
    listeners = {protocol: listener_at(f"{HOST}:{port}") for protocol, port in secure.ports.items()}
    assert listeners == {
        "PLAINTEXT": BrokerListener(tls=False, mechanisms=()),
        "SASL_PLAINTEXT": BrokerListener(tls=False, mechanisms=("OAUTHBEARER", "PLAIN", "SCRAM-SHA-256")),
        "SSL": BrokerListener(tls=True, mechanisms=()),
        "SASL_SSL": BrokerListener(tls=True, mechanisms=("PLAIN",)),
    }
    registry = secure.cluster.registry_url.split("/")[2]
    assert listener_at(registry) == BrokerListener(tls=False, mechanisms=None)  # whatever it is, it is not Kafka
    assert listener_at(f"{HOST}:1") is None


def test_a_certificate_is_trusted_by_its_authority_only(secure: SecureCluster, tmp_path: Path) -> None:
    broker = f"{HOST}:{secure.ports['SSL']}"
    assert certificate_fault(broker, str(secure.certificates.authority)) is None
    other = str(write_certificates(tmp_path, "other").authority)
    assert certificate_fault(broker, other) == "self-signed certificate in certificate chain"
    assert certificate_fault(f"{HOST}:1", other) is None
