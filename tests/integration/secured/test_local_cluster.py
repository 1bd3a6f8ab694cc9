"""The local cluster with `--secure`: who gets in, and with what."""

import ssl

import httpx2
import pytest
from confluent_kafka.admin import AdminClient

from services.errors import NotAuthorised, UsageError
from services.streaming.clients import KafkaClients, ping
from services.streaming.settings import KafkaSettings, librdkafka_properties
from tools.local_cluster import Cluster, LocalCluster
from tools.local_cluster.__main__ import main

SCHEMA = {"schema": '"string"'}


def greet(environment: dict[str, str]) -> None:
    """Have a service's admin client greet the brokers."""
    broker = environment["KAFKA_BROKER_URL"]
    clients = KafkaClients(KafkaSettings(kafka_broker_url=broker), librdkafka_properties(environment), "test")
    ping(clients.admin(), broker, timeout=10)


def test_every_user_gets_in_with_the_variables_of_env(secured: Cluster) -> None:
    greet(secured.environment("detector"))
    greet(secured.environment())
    assert (
        list(AdminClient(secured.client_config("register-schemas")).list_topics(timeout=10).topics) == []
    )  # no ACL, no topic


def test_a_plaintext_client_is_refused(secured: Cluster) -> None:
    with pytest.raises(UsageError, match=r"listens for SASL_SSL \(mechanisms SCRAM-SHA-512\), not for PLAINTEXT"):
        greet({"KAFKA_BROKER_URL": secured.bootstrap_servers})


@pytest.mark.parametrize("changes", [
    {"KAFKA_CONFIG_SASL_USERNAME": "mallory"}, {"KAFKA_CONFIG_SASL_USERNAME": "generator"}
])  # fmt: skip
def test_an_unknown_user_or_another_ones_password_is_refused(secured: Cluster, changes: dict[str, str]) -> None:
    with pytest.raises(NotAuthorised, match="the broker refuses the credentials"):
        greet(secured.environment("detector") | changes)


def test_the_brokers_own_listener_wants_a_certificate(secured: Cluster) -> None:
    port = (secured.broker(1).process.directory / "internal-port").read_text()
    stranger = {
        "KAFKA_BROKER_URL": f"127.0.0.1:{port}",
        "KAFKA_CONFIG_SECURITY_PROTOCOL": "SSL",
        "KAFKA_CONFIG_SSL_CA_LOCATION": secured.environment()["KAFKA_CONFIG_SSL_CA_LOCATION"],
    }
    with pytest.raises(NotAuthorised, match="the broker refuses the client's certificate"):
        greet(stranger)


def test_the_registry_is_encrypted_and_roles_decide_who_registers(secured: Cluster) -> None:
    assert secured.security is not None
    trusted = ssl.create_default_context(cafile=str(secured.security.authority.certificate))
    with httpx2.Client(verify=trusted, trust_env=False) as client:

        def register(user: str) -> int:
            login = secured.security.user_and_password(user) if secured.security else None
            return client.post(f"{secured.registry_url}/subjects/s/versions", json=SCHEMA, auth=login).status_code

        assert client.get(f"{secured.registry_url}/subjects").status_code == 401
        assert (register("detector"), register("register-schemas"), register("admin")) == (403, 200, 200)
        reader = secured.security.user_and_password("detector")
        assert client.get(f"{secured.registry_url}/subjects", auth=reader).json() == ["s"]
    with pytest.raises(httpx2.HTTPError):
        httpx2.get(f"{secured.registry_url}/subjects".replace("https:", "http:"), trust_env=False)


def test_up_leaves_it_secured_and_down_is_needed_to_change_that(local: LocalCluster) -> None:
    assert local.is_secure
    assert local.up() is False
    assert local.up(secure=True) is False
    with pytest.raises(UsageError, match=r"secured; stop it with `scripts/local-cluster down`"):
        local.up(secure=False)


def test_its_commands_name_no_secret(local: LocalCluster, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["env", "--user", "detector"], local) == 0
    assert main(["status"], local) == 0
    assert main(["env", "--user", "mallory"], local) == 2
    output = capsys.readouterr()
    assert "export KAFKA_CONFIG_SASL_USERNAME=detector" in output.out
    assert ", secured, pid " in output.out
    assert "there is no user mallory; expected one of admin, " in output.err
    security = local.cluster().security
    assert security is not None
    assert security.password_file("detector").read_text() not in output.out + output.err
