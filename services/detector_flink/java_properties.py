"""Properties of librdkafka as those of Flink's Kafka client, with references in place of secrets. Pure.

Flink keeps the properties of source and sink in the job graph, which its page, its API and its checkpoints may show. So
a secret has to be in a file, whose path is the same on every TaskManager: Kafka's client reads it there by a config
provider (KIP-297). Python workers read the same files.
"""

from collections.abc import Mapping
from pathlib import PurePosixPath

from services.errors import UsageError
from services.streaming.settings import KAFKA_CONFIG_PREFIX

JAVA_PREFIX = "FLINK_KAFKA_CONFIG_"
"""Properties of Flink's Kafka client alone, `_` for `.`, that no property of librdkafka corresponds to."""

_KAFKA = "org.apache.flink.kafka.shaded.org.apache.kafka"
_PROVIDER = "file"
_SECRETS = frozenset({
    "sasl.password", "ssl.key.password", "ssl.key.pem", "ssl.keystore.password", "sasl.oauthbearer.client.secret",
})  # fmt: skip
_SECRET_VARIABLES = (
    "SCHEMA_REGISTRY_BASIC_AUTH", "SCHEMA_REGISTRY_BEARER_TOKEN", "SCHEMA_REGISTRY_OAUTH_CLIENT_SECRET"
)  # fmt: skip
_TRANSLATED = {
    "security.protocol": "security.protocol",
    "sasl.mechanism": "sasl.mechanism",
    "sasl.mechanisms": "sasl.mechanism",
    "ssl.endpoint.identification.algorithm": "ssl.endpoint.identification.algorithm",
    "ssl.ca.location": "ssl.truststore.location",
    "ssl.certificate.location": "ssl.keystore.certificate.chain",
    "ssl.key.location": "ssl.keystore.key",
}
_CONTENTS = frozenset({"ssl.keystore.certificate.chain", "ssl.keystore.key"})
"""Properties that are the content of a file, and not its path."""

_LOGIN_MODULES = {"PLAIN": "plain.PlainLoginModule", "SCRAM": "scram.ScramLoginModule"}


def java_properties(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the properties of Flink's Kafka client.

    Args:
        environment: Environment variables. Of `KAFKA_CONFIG_<PROPERTY>` those about security are translated; others
            tune librdkafka.

    Raises:
        UsageError: One line for each variable that holds a secret itself, or has no counterpart.
    """
    given, files, problems = _given(environment)
    properties: dict[str, str] = {}
    for name, value in given.items():
        if name in _TRANSLATED:
            own = _TRANSLATED[name]
            properties[own] = _content(value) if own in _CONTENTS else value
        elif name.startswith(("sasl.", "ssl.")) and name != "sasl.username":
            problems.append(
                f"{_variable(name)}: Flink's Kafka client has no such property; set its own with "
                f"{JAVA_PREFIX}<PROPERTY>, and log in by sasl.username and sasl.password alone"
            )
    for own, kind in (("ssl.truststore.location", "truststore"), ("ssl.keystore.key", "keystore")):
        if own in properties:
            properties[f"ssl.{kind}.type"] = "PEM"
    if "ssl.key.password" in files:
        properties["ssl.key.password"] = _content(files["ssl.key.password"])
    if "sasl.username" in given and "sasl.password" in files:
        mechanism = properties.get("sasl.mechanism", "").partition("-")[0]
        if mechanism in _LOGIN_MODULES:
            properties["sasl.jaas.config"] = _login(mechanism, given["sasl.username"], files["sasl.password"])
        else:
            problems.append(f"{_variable('sasl.mechanism')}: expected PLAIN or SCRAM-SHA-..., not {mechanism!r}")
    if problems:
        raise UsageError("\n".join(problems))
    if any("${" + _PROVIDER in value for value in properties.values()):
        properties["config.providers"] = _PROVIDER
        properties[f"config.providers.{_PROVIDER}.class"] = f"{_KAFKA}.common.config.provider.DirectoryConfigProvider"
    return properties | {
        name.removeprefix(JAVA_PREFIX).lower().replace("_", "."): value
        for name, value in environment.items()
        if name.startswith(JAVA_PREFIX)
    }


def _given(environment: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str], list[str]]:
    """Return the values of properties, the paths of files with secrets, and an error for each other secret."""
    values, files = {}, {}
    problems = [_must_be_a_file(variable) for variable in _SECRET_VARIABLES if environment.get(variable)]
    if "@" in environment.get("SCHEMA_REGISTRY_URL", ""):
        problems.append(_must_be_a_file("SCHEMA_REGISTRY_URL"))
    for variable, value in sorted(environment.items()):
        if not variable.startswith(KAFKA_CONFIG_PREFIX):
            continue
        name = variable.removeprefix(KAFKA_CONFIG_PREFIX).lower().replace("_", ".")
        if name.removesuffix(".file") in _SECRETS and name.endswith(".file"):
            files[name.removesuffix(".file")] = value
        elif name in _SECRETS:
            problems.append(_must_be_a_file(variable))
        else:
            values[name] = value
    return values, files, problems


def _must_be_a_file(variable: str) -> str:
    return (
        f"{variable}: a job would carry the secret; put it into a file that every TaskManager has at the same path, "
        f"without a line break at its end, and set {variable}_FILE to the path"
    )


def _variable(name: str) -> str:
    return KAFKA_CONFIG_PREFIX + name.upper().replace(".", "_")


def _content(path: str) -> str:
    """Return a reference to the content of a file."""
    place = PurePosixPath(path)
    return f"${{{_PROVIDER}:{place.parent}:{place.name}}}"


def _login(mechanism: str, user: str, path: str) -> str:
    module = f"{_KAFKA}.common.security.{_LOGIN_MODULES[mechanism]}"
    name = user.replace("\\", "\\\\").replace('"', '\\"')
    return f'{module} required username="{name}" password="{_content(path)}";'
