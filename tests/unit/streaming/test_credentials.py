"""Credentials in files: read again when they change, and handed to the clients."""

from pathlib import Path
from threading import Event, Thread

import pytest

from services.streaming.clients import KafkaClients
from services.streaming.credentials import CredentialsWatcher
from services.streaming.settings import KafkaSettings, librdkafka_properties


class Notified(KafkaClients):
    """Clients that note the credentials that they receive."""

    def __init__(self) -> None:
        super().__init__(KafkaSettings(kafka_broker_url="127.0.0.1:1"), {}, "test")
        self.credentials: list[tuple[str, str]] = []

    def set_credentials(self, user: str, password: str) -> None:
        self.credentials.append((user, password))


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "password").write_text("first\n")
    return {
        "KAFKA_CONFIG_SASL_USERNAME": "detector",
        "KAFKA_CONFIG_SASL_PASSWORD_FILE": str(tmp_path / "password"),
    }


def test_a_changed_file_is_read_and_an_unchanged_one_is_not(environment: dict[str, str], tmp_path: Path) -> None:
    clients = Notified()
    watcher = CredentialsWatcher(clients, Event(), environment)
    watcher.look()
    assert clients.credentials == []
    (tmp_path / "password").write_text("second\n")
    watcher.look()
    watcher.look()
    assert clients.credentials == [("detector", "second")]


def test_a_file_that_is_gone_for_a_moment_changes_nothing(
    environment: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clients = Notified()
    watcher = CredentialsWatcher(clients, Event(), environment)
    (tmp_path / "password").unlink()
    watcher.look()
    assert clients.credentials == []
    assert "credentials rejected, keeping the previous ones" in capsys.readouterr().out
    (tmp_path / "password").write_text("second")
    watcher.look()
    assert clients.credentials == [("detector", "second")]


def test_clients_that_are_there_and_to_come_get_new_credentials(environment: dict[str, str]) -> None:
    plain = {"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "PLAIN"}
    properties = librdkafka_properties(environment) | plain
    clients = KafkaClients(KafkaSettings(kafka_broker_url="127.0.0.1:1"), properties, "test")
    producer, consumer = clients.producer(transactional_id="t"), clients.consumer("g")
    received: list[tuple[str, str]] = []
    for client in (producer, consumer):
        client.set_sasl_credentials = lambda user, password: received.append((user, password))  # type: ignore[method-assign]
    for use in (lambda: producer.poll(0), lambda: consumer.consume(1, 0), lambda: consumer.poll(0)):
        clients.set_credentials("detector", "second")
        before = len(received)
        use()
        use()
        assert received[before:] == [("detector", "second")]  # once, in the thread that uses the client
    assert clients.admin().config["sasl.password"] == "second"
    assert clients.consumer("h").credentials is None  # type: ignore[attr-defined]


def test_a_client_that_is_polled_elsewhere_is_notified_without_a_wait(environment: dict[str, str]) -> None:
    plain = {"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "PLAIN"}
    properties = librdkafka_properties(environment) | plain
    clients = KafkaClients(KafkaSettings(kafka_broker_url="127.0.0.1:1"), properties, "test")
    consumer, stop = clients.consumer("g"), Event()

    def poll() -> None:
        while not stop.is_set():
            consumer.consume(10, 0.05)

    polling = Thread(target=poll)
    polling.start()
    clients.set_credentials("detector", "second")
    while consumer.credentials is not None:  # type: ignore[attr-defined]
        assert polling.is_alive()
    stop.set()
    polling.join()
