"""Properties of Flink's Kafka client from those of librdkafka."""

import pytest

from services.detector_flink.java_properties import java_properties
from services.errors import UsageError

SHADED = "org.apache.flink.kafka.shaded.org.apache.kafka.common"


def test_a_login_has_the_place_of_the_password() -> None:
    properties = java_properties({
        "KAFKA_CONFIG_SECURITY_PROTOCOL": "SASL_SSL",
        "KAFKA_CONFIG_SASL_MECHANISM": "SCRAM-SHA-256",
        "KAFKA_CONFIG_SASL_USERNAME": 'a"b',
        "KAFKA_CONFIG_SASL_PASSWORD_FILE": "/run/secrets/kafka",
        "KAFKA_CONFIG_SSL_CA_LOCATION": "/etc/ca.pem",
        "KAFKA_CONFIG_QUEUED_MIN_MESSAGES": "1000",
        "OTHER": "x",
    })  # fmt: skip
    assert properties == {
        "security.protocol": "SASL_SSL",
        "sasl.mechanism": "SCRAM-SHA-256",
        "sasl.jaas.config": f'{SHADED}.security.scram.ScramLoginModule required username="a\\"b" '
                            'password="${file:/run/secrets:kafka}";',
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": "/etc/ca.pem",
        "config.providers": "file",
        "config.providers.file.class": f"{SHADED}.config.provider.DirectoryConfigProvider",
    }  # fmt: skip


def test_a_certificate_of_the_client_is_read_where_the_client_is() -> None:
    properties = java_properties({
        "KAFKA_CONFIG_SSL_CERTIFICATE_LOCATION": "/etc/tls/client.pem",
        "KAFKA_CONFIG_SSL_KEY_LOCATION": "/etc/tls/client.key",
        "KAFKA_CONFIG_SSL_KEY_PASSWORD_FILE": "/etc/tls/password",
    })  # fmt: skip
    assert properties["ssl.keystore.type"] == "PEM"
    assert properties["ssl.keystore.certificate.chain"] == "${file:/etc/tls:client.pem}"
    assert properties["ssl.keystore.key"] == "${file:/etc/tls:client.key}"
    assert properties["ssl.key.password"] == "${file:/etc/tls:password}"


@pytest.mark.parametrize("variable", [
    "KAFKA_CONFIG_SASL_PASSWORD", "KAFKA_CONFIG_SSL_KEY_PASSWORD", "KAFKA_CONFIG_SSL_KEY_PEM",
    "SCHEMA_REGISTRY_BASIC_AUTH", "SCHEMA_REGISTRY_BEARER_TOKEN", "SCHEMA_REGISTRY_OAUTH_CLIENT_SECRET",
])  # fmt: skip
def test_a_secret_that_a_job_would_carry_is_refused(variable: str) -> None:
    with pytest.raises(UsageError, match=f"^{variable}: .*set {variable}_FILE") as caught:
        java_properties({variable: "hush"})
    assert "hush" not in str(caught.value)


def test_a_password_in_the_registrys_address_is_refused() -> None:
    with pytest.raises(UsageError, match="SCHEMA_REGISTRY_URL_FILE"):
        java_properties({"SCHEMA_REGISTRY_URL": "https://me:hush@registry"})


def test_what_flinks_client_lacks_is_named() -> None:
    with pytest.raises(UsageError, match="KAFKA_CONFIG_SASL_OAUTHBEARER_METHOD: .*FLINK_KAFKA_CONFIG_"):
        java_properties({"KAFKA_CONFIG_SASL_OAUTHBEARER_METHOD": "oidc"})
    with pytest.raises(UsageError, match="expected PLAIN or SCRAM"):
        java_properties({
            "KAFKA_CONFIG_SASL_MECHANISM": "GSSAPI", "KAFKA_CONFIG_SASL_USERNAME": "a",
            "KAFKA_CONFIG_SASL_PASSWORD_FILE": "/f",
        })  # fmt: skip


def test_properties_of_flinks_client_alone_are_taken_as_they_are() -> None:
    assert java_properties({"FLINK_KAFKA_CONFIG_CLIENT_DNS_LOOKUP": "use_all_dns_ips"}) == {
        "client.dns.lookup": "use_all_dns_ips"
    }
