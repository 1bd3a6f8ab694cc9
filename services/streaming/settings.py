"""Settings from the environment, and errors that name the variable to change.

Every service derives its settings from [`ServiceSettings`][services.streaming.settings.ServiceSettings] and loads them
with `load_settings`, so that a wrong value ends in one line per setting and exit code 2, never in a traceback.
"""

import difflib
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TypeVar, cast

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from services.errors import UsageError

KAFKA_CONFIG_PREFIX = "KAFKA_CONFIG_"

# Exactly once, dead letters and rules over time depend on these: a deployment can't change them.
GUARDED_PROPERTIES = {
    "acks",
    "auto.offset.reset",
    "bootstrap.servers",
    "delivery.report.only.error",
    "enable.auto.commit",
    "enable.auto.offset.store",
    "enable.idempotence",
    "enable.partition.eof",
    "group.id",
    "isolation.level",
    "metadata.broker.list",  # another name of bootstrap.servers
    "partition.assignment.strategy",
    "partitioner",  # rules need all records of a key in one partition: all writers of a topic have to agree on it
    "request.required.acks",  # another name of acks
    "transactional.id",
}


class EnvironmentSettings(BaseSettings):
    """Base of all settings: read from environment variables of the fields' names, in upper case."""

    model_config = SettingsConfigDict(env_ignore_empty=True, extra="ignore", frozen=True, hide_input_in_errors=True)


class KafkaSettings(EnvironmentSettings):
    """Settings of every program that connects to Kafka.

    Attributes:
        kafka_broker_url: `host:port`, several separated by commas.
        startup_timeout: Seconds to wait at start for brokers and registry before giving up.
    """

    kafka_broker_url: str = Field(min_length=1)
    startup_timeout: float = Field(default=60, ge=0)

    @field_validator("kafka_broker_url")
    @classmethod
    def _host_and_port(cls, value: str) -> str:
        for broker in value.split(","):
            _host, _, port = broker.strip().rpartition(":")
            if not port.isdigit() or not 0 < int(port) < 65536:
                raise ValueError(f"expected host:port, such as localhost:9092, not {broker.strip()!r}")
        return value


class ServiceSettings(KafkaSettings):
    """Settings of every long-running service.

    Attributes:
        metrics_port: The port at which /livez, /readyz and /metrics are served; not at all when unset.
        metrics_host: The address at which they are served.
        log_level: The lowest level that is logged.
        log_transactions: Log one line per transaction: for looking closely, not for production.
        otel_exporter_otlp_endpoint: Address of the collector of traces, by OTLP over HTTP; no traces when unset.
    """

    metrics_port: int | None = Field(default=None, ge=1, le=65535)
    metrics_host: str = "0.0.0.0"  # noqa: S104 - a scraper is another host; compose and Kubernetes fence the port
    log_level: str = Field(default="info", pattern="(?i)^(debug|info|warning|error)$")
    log_transactions: bool = False
    otel_exporter_otlp_endpoint: str = ""


SettingsT = TypeVar("SettingsT", bound=EnvironmentSettings)
T = TypeVar("T")
U = TypeVar("U")


def load_settings(settings_class: type[SettingsT], *related: type[BaseSettings], **given: str) -> SettingsT:
    """Read the settings from the environment.

    Args:
        settings_class: Class of the settings.
        related: Further settings classes that the same process reads, so that their variables count as known.
        given: Values that go before the environment.

    Raises:
        UsageError: one line per setting that is missing, can't be parsed, is out of range, or is most likely a
            misspelling of a known one.
    """
    problems = _misspelt(_known_variables([settings_class, *related]), os.environ)
    try:
        settings = settings_class(**given)
    except ValidationError as error:
        problems += explain(error)
    if problems:
        raise UsageError("\n".join(problems))
    return settings


def load_together(first: Callable[[], T], second: Callable[[], U]) -> tuple[T, U]:
    """Load two kinds of settings and report the errors of both at once.

    Raises:
        UsageError: one line per error.
    """
    problems = []
    results: list[object] = []
    for load in (first, second):
        try:
            results.append(load())
        except UsageError as error:
            problems.append(str(error))
    if problems:
        raise UsageError("\n".join(problems))
    return cast("tuple[T, U]", tuple(results))


def explain(error: ValidationError) -> list[str]:
    """Return a line per setting that pydantic rejected: the variable's name and the expectation, never its value."""
    lines = []
    for detail in error.errors():
        variable = "_".join(str(part) for part in detail["loc"]).upper() or "settings"
        reason = "is required" if detail["type"] == "missing" else detail["msg"].removeprefix("Value error, ")
        lines.append(f"{variable}: {reason[0].lower()}{reason[1:]}")
    return lines


def _known_variables(classes: Iterable[type[BaseSettings]]) -> set[str]:
    return {
        (settings_class.model_config.get("env_prefix", "") + name).upper()
        for settings_class in classes
        for name in settings_class.model_fields
    }


def _misspelt(known: set[str], environment: Mapping[str, str]) -> list[str]:
    """Return an error per variable that is almost a known one. Other variables belong to other programs."""
    problems = []
    for variable in sorted(set(environment) - known):
        if variable.startswith(KAFKA_CONFIG_PREFIX) or variable.removesuffix("_FILE") in known:
            continue
        match = difflib.get_close_matches(variable, known, n=1, cutoff=0.9)
        if match and match[0] not in environment:
            problems.append(f"{variable}: unknown setting; did you mean {match[0]}?")
    return problems


def librdkafka_properties(environment: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the properties set as `KAFKA_CONFIG_<PROPERTY>`, with `_` for `.`.

    `KAFKA_CONFIG_SASL_PASSWORD_FILE=/run/secrets/kafka` sets `sasl.password` to the file's content. Where librdkafka
    itself has a property that ends in `.file`, such as `sasl.oauthbearer.assertion.private.key.file`, the variable sets
    that property, and one more `_FILE` reads it from a file.

    Raises:
        UsageError: a property that exactly-once processing depends on, or a file that can't be read.
    """
    environment = os.environ if environment is None else environment
    properties: dict[str, str] = {}
    problems = []
    for variable, value in sorted(environment.items()):
        if not variable.startswith(KAFKA_CONFIG_PREFIX):
            continue
        name = variable.removeprefix(KAFKA_CONFIG_PREFIX)
        if name.endswith("_FILE") and not _is_property(_property_of(name)):
            name = name.removesuffix("_FILE")
            try:
                value = Path(value).read_text().strip()  # noqa: PLW2901 - from here on the content is the value
            except OSError as error:
                problems.append(f"{variable}: can't read the file: {error.strerror}")
                continue
        property_name = _property_of(name)
        if property_name in GUARDED_PROPERTIES:
            problems.append(f"{variable}: {property_name} is set by the service itself and can't be changed")
        properties[property_name] = value
    if problems:
        raise UsageError("\n".join(problems))
    return properties


def _property_of(name: str) -> str:
    return name.lower().replace("_", ".")


def _is_property(name: str) -> bool:
    """Return whether librdkafka has a property of this name; it has no call that lists the properties."""
    try:
        # The second property does not exist, so that no client is made.
        AdminClient({name: "", "no.such.property": ""})
    except KafkaException as error:
        return f'property: "{name}"' not in error.args[0].str()
    return True


def variable_of(property_name: str) -> str:
    """Return the environment variable that sets a librdkafka property."""
    return KAFKA_CONFIG_PREFIX + property_name.upper().replace(".", "_")
