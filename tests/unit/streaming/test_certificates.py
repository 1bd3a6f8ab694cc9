"""Expiry of certificates by their files."""

import math
from datetime import UTC, datetime, timedelta
from pathlib import Path

from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from services.streaming.certificates import CertificateCollector, certificates
from tests.support.expiring_certificates import write_certificate, write_keystore

NAME = "fraud_detector_certificate_expiry_timestamp_seconds"


def exported(properties: dict[str, str], registry_authorities: Path | None = None) -> dict[str, float]:
    registry = CollectorRegistry()
    registry.register(CertificateCollector(certificates(properties, registry_authorities), "fraud_detector"))
    return {
        sample.labels["setting"]: sample.value for family in registry.collect() for sample in family.samples
    }  # fmt: skip


def days_left(seconds: float) -> int:
    return round((datetime.fromtimestamp(seconds, UTC) - datetime.now(UTC)) / timedelta(days=1))


def test_each_certificate_that_is_set_has_a_series(tmp_path: Path) -> None:
    authority, client = (write_certificate(tmp_path / f"{days}.pem", days) for days in (30, 7))
    keystore = write_keystore(tmp_path / "client.p12", "secret", 5)
    series = exported(
        {
            "ssl.ca.location": str(authority),
            "ssl.certificate.location": str(client),
            "ssl.keystore.location": str(keystore),
            "ssl.keystore.password": "secret",
        },
        authority,
    )
    assert {variable: days_left(seconds) for variable, seconds in series.items()} == {
        "KAFKA_CONFIG_SSL_CA_LOCATION": 30,
        "KAFKA_CONFIG_SSL_CERTIFICATE_LOCATION": 7,
        "KAFKA_CONFIG_SSL_KEYSTORE_LOCATION": 5,
        "SCHEMA_REGISTRY_CA_FILE": 30,
    }


def test_of_authorities_the_last_expiry_counts_of_a_chain_the_first(tmp_path: Path) -> None:
    old, new = (write_certificate(tmp_path / f"{days}.pem", days) for days in (2, 30))
    both = tmp_path / "both.pem"
    both.write_bytes(old.read_bytes() + new.read_bytes())
    series = exported({"ssl.ca.location": str(both), "ssl.certificate.location": str(both)})
    assert [days_left(seconds) for seconds in series.values()] == [30, 2]


def test_a_renewed_file_shows_at_the_next_scrape(tmp_path: Path) -> None:
    path = write_certificate(tmp_path / "client.pem", 1)
    registry = CollectorRegistry()
    expiries = certificates({"ssl.certificate.location": str(path)}, None)
    registry.register(CertificateCollector(expiries, "fraud_detector"))
    labels = {"setting": "KAFKA_CONFIG_SSL_CERTIFICATE_LOCATION"}
    assert days_left(registry.get_sample_value(NAME, labels) or 0) == 1
    write_certificate(path, 90)
    assert days_left(registry.get_sample_value(NAME, labels) or 0) == 90


def test_a_file_that_cannot_be_read_is_logged_once_and_has_no_number(tmp_path: Path) -> None:
    for content in (None, b"no certificate"):
        path = tmp_path / "certificate.pem"
        if content:
            path.write_bytes(content)
        registry = CollectorRegistry()
        expiries = certificates({"ssl.certificate.location": str(path)}, None)
        registry.register(CertificateCollector(expiries, "fraud_detector"))
        with capture_logs() as logs:
            for _ in range(2):
                value = registry.get_sample_value(NAME, {"setting": "KAFKA_CONFIG_SSL_CERTIFICATE_LOCATION"})
                assert value is not None
                assert math.isnan(value)
        assert [entry["event"] for entry in logs] == ["certificate can't be read"]


def test_a_keystore_without_a_certificate_or_with_another_password_has_no_number(tmp_path: Path) -> None:
    for keystore, password in (
        (write_keystore(tmp_path / "a.p12", "secret", 1), "other"),
        (write_keystore(tmp_path / "b.p12", "secret", 1, with_certificate=False), "secret"),
    ):
        series = exported({"ssl.keystore.location": str(keystore), "ssl.keystore.password": password})
        assert math.isnan(series["KAFKA_CONFIG_SSL_KEYSTORE_LOCATION"])


def test_the_system_s_authorities_are_not_the_deployment_s_to_renew(tmp_path: Path) -> None:
    assert exported({"ssl.ca.location": "probe"}) == {}
    assert exported({"ssl.ca.location": str(tmp_path)}) == {}
