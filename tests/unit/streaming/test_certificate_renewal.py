"""Changed certificates: the service starts again once they can be used together."""

from pathlib import Path
from threading import Event

import pytest
from structlog.testing import capture_logs

from services.streaming.certificate_renewal import CertificateWatcher
from tests.support.expiring_certificates import write_certificate, write_pair


@pytest.fixture
def starts(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The starts that were asked for, by their grace period."""
    asked: list[float] = []
    monkeypatch.setattr("services.streaming.certificate_renewal.SPREAD_SECONDS", 0.0)
    monkeypatch.setattr("services.streaming.certificate_renewal.start_again", lambda _stop, grace: asked.append(grace))
    return asked


def test_a_service_starts_again_once_for_each_change(starts: list[float], tmp_path: Path) -> None:
    kafka, registry = (write_certificate(tmp_path / name, 9) for name in ("kafka.pem", "registry.pem"))
    watcher = CertificateWatcher({"ssl.ca.location": str(kafka)}, registry, Event())
    watcher.look()
    assert starts == []
    for number, path in enumerate((kafka, registry), 1):
        write_certificate(path, 90)
        watcher.look()
        watcher.look()
        assert len(starts) == number


@pytest.mark.parametrize("content", [None, b"-----BEGIN CERTIFICATE-----\nMIIB"])
def test_a_file_that_is_gone_or_half_written_starts_nothing(
    starts: list[float], tmp_path: Path, content: bytes | None
) -> None:
    path = write_certificate(tmp_path / "ca.pem", 9)
    watcher = CertificateWatcher({"ssl.ca.location": str(path)}, None, Event())
    path.unlink()
    if content:
        path.write_bytes(content)
    with capture_logs() as logs:
        watcher.look()
    assert starts == []
    assert logs[0]["event"] == "changed certificates can't be used, keeping the previous ones"
    assert logs[0]["reason"].startswith("KAFKA_CONFIG_SSL_CA_LOCATION: ")
    write_certificate(path, 90)
    watcher.look()
    assert len(starts) == 1


def test_a_certificate_waits_for_its_key(starts: list[float], tmp_path: Path) -> None:
    certificate, key = tmp_path / "client.pem", tmp_path / "client-key.pem"
    write_pair(certificate, key)
    properties = {"ssl.certificate.location": str(certificate), "ssl.key.location": str(key)}
    watcher = CertificateWatcher(properties, None, Event())
    write_pair(tmp_path / "new.pem", tmp_path / "new-key.pem")
    (tmp_path / "new.pem").replace(certificate)
    with capture_logs() as logs:
        watcher.look()
    assert starts == []
    assert logs[0]["reason"].startswith(f"{certificate} with the key {key}: ")
    (tmp_path / "new-key.pem").replace(key)
    watcher.look()
    assert len(starts) == 1


def test_a_service_that_ends_does_not_start_again(starts: list[float], tmp_path: Path) -> None:
    path, stop = write_certificate(tmp_path / "ca.pem", 9), Event()
    watcher = CertificateWatcher({"ssl.ca.location": str(path)}, None, stop)
    stop.set()
    write_certificate(path, 90)
    watcher.look()
    assert starts == []
