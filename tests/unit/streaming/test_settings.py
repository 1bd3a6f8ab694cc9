import pytest
from pydantic import Field

from services.contracts import RegistrySettings
from services.errors import UsageError
from services.streaming.settings import (
    ServiceSettings,
    librdkafka_properties,
    load_settings,
    load_together,
    variable_of,
)


class ExampleSettings(ServiceSettings):
    transactions_per_second: int = Field(default=1000, ge=0)


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    for variable in list(os.environ):
        if variable.startswith(("KAFKA_", "SCHEMA_REGISTRY_")):
            monkeypatch.delenv(variable)


def refusal(monkeypatch: pytest.MonkeyPatch, **environment: str) -> list[str]:
    monkeypatch.setenv("KAFKA_BROKER_URL", "localhost:9092")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(UsageError) as caught:
        load_settings(ExampleSettings)
    assert caught.value.exit_code == 2
    return str(caught.value).splitlines()


def test_reads_values_and_defaults_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAFKA_BROKER_URL", "a:9092,b:9092")
    monkeypatch.setenv("METRICS_PORT", "")
    settings = load_settings(ExampleSettings)
    assert settings.kafka_broker_url == "a:9092,b:9092"
    assert settings.metrics_port is None
    assert settings.transactions_per_second == 1000


def test_a_missing_setting_is_named() -> None:
    with pytest.raises(UsageError, match="^KAFKA_BROKER_URL: is required$"):
        load_settings(ExampleSettings)


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("KAFKA_BROKER_URL", "localhost", "expected host:port"),
        ("KAFKA_BROKER_URL", "localhost:99999", "expected host:port"),
        ("TRANSACTIONS_PER_SECOND", "many", "valid integer"),
        ("TRANSACTIONS_PER_SECOND", "-1", "greater than or equal to 0"),
        ("METRICS_PORT", "0", "greater than or equal to 1"),
        ("STARTUP_TIMEOUT", "-5", "greater than or equal to 0"),
        ("LOG_LEVEL", "loud", "pattern"),
        ("LOG_TRANSACTIONS", "perhaps", "valid boolean"),
    ],
)
def test_a_bad_value_is_one_line_that_names_the_setting(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, expected: str
) -> None:
    (line,) = refusal(monkeypatch, **{name: value})
    assert line.startswith(f"{name}: ")
    assert expected in line


def test_every_bad_value_has_its_own_line(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = refusal(monkeypatch, TRANSACTIONS_PER_SECOND="-1", METRICS_PORT="x")
    assert {line.partition(":")[0] for line in lines} == {"TRANSACTIONS_PER_SECOND", "METRICS_PORT"}


def test_a_misspelt_setting_gets_a_suggestion(monkeypatch: pytest.MonkeyPatch) -> None:
    (line,) = refusal(monkeypatch, TRANSACTION_PER_SECOND="5")
    assert line == "TRANSACTION_PER_SECOND: unknown setting; did you mean TRANSACTIONS_PER_SECOND?"


def test_variables_that_an_orchestrator_adds_are_no_misspellings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAFKA_BROKER_URL", "localhost:9092")
    monkeypatch.setenv("KAFKA_PORT", "tcp://10.0.0.1:9092")
    monkeypatch.setenv("KAFKA_BROKER_SERVICE_HOST", "10.0.0.1")
    assert load_settings(ExampleSettings).kafka_broker_url == "localhost:9092"


def test_settings_of_several_kinds_are_refused_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCHEMA_REGISTRY_URL", "nowhere")
    with pytest.raises(UsageError) as caught:
        load_together(lambda: load_settings(ExampleSettings, RegistrySettings), RegistrySettings.load)
    assert [line.partition(":")[0] for line in str(caught.value).splitlines()] == [
        "KAFKA_BROKER_URL",
        "SCHEMA_REGISTRY_URL",
    ]


def test_a_refused_secret_is_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = refusal(monkeypatch, METRICS_PORT="hunter2")
    assert "hunter2" not in "\n".join(lines)


def test_any_librdkafka_property_can_be_set(tmp_path) -> None:  # type: ignore[no-untyped-def]
    secret = tmp_path / "password"
    secret.write_text("hunter2\n")
    assert librdkafka_properties(
        {
            "KAFKA_CONFIG_SECURITY_PROTOCOL": "SASL_SSL",
            "KAFKA_CONFIG_SASL_PASSWORD_FILE": str(secret),
            "KAFKA_BROKER_URL": "ignored:1",
        }
    ) == {"security.protocol": "SASL_SSL", "sasl.password": "hunter2"}
    assert variable_of("security.protocol") == "KAFKA_CONFIG_SECURITY_PROTOCOL"


def test_a_property_whose_own_name_ends_in_file_can_be_set(tmp_path) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "path"
    path.write_text("/run/secrets/template\n")
    assert librdkafka_properties(
        {
            "KAFKA_CONFIG_SASL_OAUTHBEARER_ASSERTION_PRIVATE_KEY_FILE": "/run/secrets/key",
            "KAFKA_CONFIG_SASL_OAUTHBEARER_ASSERTION_JWT_TEMPLATE_FILE_FILE": str(path),
        }
    ) == {
        "sasl.oauthbearer.assertion.private.key.file": "/run/secrets/key",
        "sasl.oauthbearer.assertion.jwt.template.file": "/run/secrets/template",
    }


@pytest.mark.parametrize("name", ["ENABLE_AUTO_COMMIT", "ISOLATION_LEVEL", "TRANSACTIONAL_ID", "ACKS", "PARTITIONER"])
def test_guarded_properties_cannot_be_set(name: str) -> None:
    with pytest.raises(UsageError, match=f"KAFKA_CONFIG_{name}: .* can't be changed"):
        librdkafka_properties({f"KAFKA_CONFIG_{name}": "x"})


def test_a_secret_file_that_cannot_be_read_is_named() -> None:
    with pytest.raises(UsageError, match="KAFKA_CONFIG_SASL_PASSWORD_FILE: can't read the file"):
        librdkafka_properties({"KAFKA_CONFIG_SASL_PASSWORD_FILE": "/nowhere/at/all"})
