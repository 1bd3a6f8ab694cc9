"""Configuration, certificates and passwords of a secured cluster."""

import stat
from pathlib import Path

import pytest
from cryptography import x509

from services.errors import UsageError
from tools.local_cluster.certificates import RENEWED_DAYS, Authority
from tools.local_cluster.kafka import broker_properties
from tools.local_cluster.security import ADMIN, USERS, ClusterSecurity


@pytest.fixture
def security(tmp_path: Path) -> ClusterSecurity:
    made = ClusterSecurity(tmp_path / "security")
    made.prepare()
    return made


def serial(path: Path) -> int:
    text = path.read_bytes()
    return x509.load_pem_x509_certificate(text[text.index(b"-----BEGIN CERT") :]).serial_number


def test_every_listener_is_encrypted_and_nothing_is_allowed_by_default(security: ClusterSecurity) -> None:
    properties = security.broker_properties(broker_properties(1, 9092, {1: 20_001}, "data"), 9092, 20_002)
    protocols = dict(entry.split(":") for entry in properties["listener.security.protocol.map"].split(","))
    listeners = [listener.partition("://")[0] for listener in properties["listeners"].split(",")]
    assert protocols == {"SASL_SSL": "SASL_SSL", "INTERNAL": "SSL", "CONTROLLER": "SSL"}
    assert set(listeners) == set(protocols)
    assert properties["allow.everyone.if.no.acl.found"] == "false"
    assert properties["authorizer.class.name"].endswith("StandardAuthorizer")
    assert {properties[f"listener.name.{name}.ssl.client.auth"] for name in ("internal", "controller")} == {"required"}
    assert properties["super.users"] == "User:broker;User:admin"


def test_no_password_stands_in_a_configuration_or_the_environment(security: ClusterSecurity) -> None:
    passwords = [security.password_file(user).read_text() for user in USERS]
    assert len(set(passwords)) == len(USERS)
    texts = [
        str(security.registry_properties(8081)),
        str(security.broker_properties(broker_properties(1, 9092, {1: 1}, "d"), 1, 2)),
        *(str(security.environment(user)) for user in USERS),
    ]
    assert not [password for password in passwords for text in texts if password in text]


def test_secrets_are_for_this_user_alone(security: ClusterSecurity) -> None:
    public = {security.authority.certificate}
    files = [path for path in security.directory.rglob("*") if path.is_file() and path not in public]
    assert len(files) == 2 * len(USERS) + 4  # passwords and logins; three certificates with keys, the authority's key
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
    assert stat.S_IMODE(security.directory.stat().st_mode) == 0o700


def test_what_is_there_stays_and_a_password_that_is_set_is_read(security: ClusterSecurity) -> None:
    before = {path: path.read_text() for path in security.directory.rglob("*") if path.is_file()}
    security.prepare()
    assert {path: path.read_text() for path in security.directory.rglob("*") if path.is_file()} == before
    security.set_password("detector", "new")
    assert security.client_config("detector")["sasl.password"] == "new"
    assert security.user_and_password("detector") == ("detector", "new")
    assert Path(security.environment("detector")["SCHEMA_REGISTRY_BASIC_AUTH_FILE"]).read_text() == "detector:new"


def test_an_unknown_user_is_an_error_with_the_known_ones(security: ClusterSecurity) -> None:
    with pytest.raises(UsageError, match=f"no user detectr; expected one of {ADMIN}, "):
        security.environment("detectr")


def test_services_can_only_read_the_registry(security: ClusterSecurity) -> None:
    properties = security.registry_properties(8081)
    roles = {user: properties[f"quarkus.security.users.embedded.roles.{user}"] for user in USERS}
    assert roles.pop(ADMIN) == "sr-admin"
    assert roles.pop("register-schemas") == "sr-developer"
    assert set(roles.values()) == {"sr-readonly"}
    assert properties["quarkus.http.insecure-requests"] == "disabled"


def test_a_certificate_that_ends_soon_is_replaced(tmp_path: Path) -> None:
    fresh = Authority(tmp_path / "fresh", valid_days=RENEWED_DAYS + 1)
    first = serial(fresh.issue("broker"))
    assert serial(fresh.issue("broker")) == first
    fresh.renew("broker")
    assert serial(fresh.issue("broker")) != first
    ending = Authority(tmp_path / "ending", valid_days=RENEWED_DAYS - 1)
    authority = serial(ending.issue("broker").parent / "ca.pem")
    assert serial(ending.issue("broker")) != serial(ending.issue("broker"))
    assert serial(ending.certificate) == authority
