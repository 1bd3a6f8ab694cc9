"""A cluster that asks who its clients are and lets each do only what an ACL allows, for the length of a test run.

Beside the plaintext listener of every local cluster, whose clients (`User:ANONYMOUS`) may do everything and which the
cluster's own health checks use, the broker has one listener each for SASL_PLAINTEXT, SSL and SASL_SSL. SASL is PLAIN,
with users of its own, or over SASL_PLAINTEXT SCRAM-SHA-256, whose users can be made and changed while it runs, or
OAUTHBEARER, by tokens that `tokens` signs; users of both have to log in again every few seconds.
"""

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)

from tests.support.certificates import Certificates, write_certificates
from tests.support.tokens import AUDIENCE, TokenSigner
from tools.local_cluster import Cluster, ephemeral
from tools.local_cluster.ports import HOST, free_ports

USERS: Mapping[str, str] = {"admin": "admin-secret", "detector": "detector-secret", "generator": "generator-secret"}
"""Password of each user; `admin` may do everything, the others what `allow` grants them."""

REAUTHENTICATE_MS = 4000

_MODULES = "org.apache.kafka.common.security"
_SCRAM = "listener.name.sasl_plaintext.scram-sha-256"
_BEARER = f"{_MODULES}.oauthbearer.OAuthBearer"
_OAUTH = "listener.name.sasl_plaintext.oauthbearer"
_LISTENERS = ("SASL_PLAINTEXT", "SSL", "SASL_SSL")


@dataclass(frozen=True)
class SecureCluster:
    """A running cluster with authentication and authorisation.

    Attributes:
        cluster: The cluster; its own address is the plaintext listener.
        ports: Port of each listener on 127.0.0.1, by its security protocol.
        certificates: Of the TLS listeners.
        tokens: Signs what OAUTHBEARER takes.
    """

    cluster: Cluster
    ports: Mapping[str, int]
    certificates: Certificates
    tokens: TokenSigner

    def environment(self, protocol: str, user: str = "", **changes: str) -> dict[str, str]:
        """Return the variables by which a service reaches a listener.

        Args:
            protocol: PLAINTEXT, SASL_PLAINTEXT, SSL or SASL_SSL.
            user: The user that logs in, with the right password; no login if empty.
            changes: Further variables, or others in place of those; an empty one unsets.
        """
        variables = {
            **self.cluster.environment(),
            "KAFKA_BROKER_URL": f"{HOST}:{self.ports[protocol]}",
            "KAFKA_CONFIG_SECURITY_PROTOCOL": protocol,
        }
        if "SASL" in protocol and user:
            variables |= {
                "KAFKA_CONFIG_SASL_MECHANISM": "PLAIN",
                "KAFKA_CONFIG_SASL_USERNAME": user,
                "KAFKA_CONFIG_SASL_PASSWORD": USERS.get(user, "unknown"),
            }
        if "SSL" in protocol.split("_"):
            variables["KAFKA_CONFIG_SSL_CA_LOCATION"] = str(self.certificates.authority)
        return {name: value for name, value in (variables | changes).items() if value}

    def set_password(self, user: str, password: str) -> None:
        """Give a user a password for SCRAM-SHA-256; connections of an older one end when they must log in again."""
        mechanism = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_256, 4096)
        change = UserScramCredentialUpsertion(user, mechanism, password.encode())
        admin = self.admin()  # a client that is let go of ends its requests
        admin.alter_user_scram_credentials([change])[user].result()

    def admin(self) -> AdminClient:
        """Make an admin client that may do everything."""
        return AdminClient({"bootstrap.servers": self.cluster.bootstrap_servers, "log_level": 0})

    def allow(
        self, user: str, kind: str, name: str, *operations: str, prefixed: bool = False, permission: str = "ALLOW"
    ) -> None:
        """Let a user do operations on a resource.

        Args:
            user: The user.
            kind: TOPIC, GROUP, TRANSACTIONAL_ID or BROKER, which stands for the cluster.
            name: Of the resource; `kafka-cluster` for the cluster.
            operations: READ, WRITE, DESCRIBE and so on.
            prefixed: Whether the name is the beginning of names.
            permission: ALLOW, or DENY, which wins.
        """
        pattern = ResourcePatternType.PREFIXED if prefixed else ResourcePatternType.LITERAL
        bindings = [
            AclBinding(
                ResourceType[kind],
                name,
                pattern,
                f"User:{user}",
                "*",
                AclOperation[operation],
                AclPermissionType[permission],
            )
            for operation in operations
        ]
        admin = self.admin()
        for answer in admin.create_acls(bindings).values():
            answer.result()


@contextmanager
def secure_cluster() -> Iterator[SecureCluster]:
    """Run such a cluster inside a ``with`` block; see `tools.local_cluster.ephemeral`."""
    ports = dict(zip(_LISTENERS, free_ports(len(_LISTENERS)), strict=True))
    with tempfile.TemporaryDirectory(prefix="certificates-") as directory:
        certificates = write_certificates(Path(directory))
        tokens = TokenSigner(Path(directory))
        with pytest.MonkeyPatch.context() as patch:
            # Kafka reads keys from addresses only that a system property of its JVM names.
            keys = f"-Dorg.apache.kafka.sasl.oauthbearer.allowed.urls={tokens.keys.as_uri()}"
            patch.setenv("JAVA_TOOL_OPTIONS", keys)
            with ephemeral(amend=_secured(ports, certificates, tokens)) as cluster:
                yield SecureCluster(cluster, {"PLAINTEXT": cluster.broker(1).port, **ports}, certificates, tokens)


def _secured(
    ports: Mapping[str, int], certificates: Certificates, tokens: TokenSigner
) -> Callable[[Mapping[str, str]], Mapping[str, str]]:
    users = " ".join(f'user_{name}="{password}"' for name, password in USERS.items())
    login = f"{_MODULES}.plain.PlainLoginModule required {users};"

    def amend(properties: Mapping[str, str]) -> Mapping[str, str]:
        listeners = [f"{protocol}://{HOST}:{port}" for protocol, port in ports.items()]
        protocols = [f"{protocol}:{protocol}" for protocol in ports]
        return {
            **properties,
            "listeners": _joined(properties["listeners"], listeners),
            "advertised.listeners": _joined(properties["advertised.listeners"], listeners),
            "listener.security.protocol.map": _joined(properties["listener.security.protocol.map"], protocols),
            "sasl.enabled.mechanisms": "PLAIN",
            "listener.name.sasl_plaintext.sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-256,OAUTHBEARER",
            f"{_SCRAM}.sasl.jaas.config": f"{_MODULES}.scram.ScramLoginModule required;",
            f"{_SCRAM}.connections.max.reauth.ms": str(REAUTHENTICATE_MS),
            f"{_OAUTH}.sasl.jaas.config": f"{_BEARER}LoginModule required;",
            f"{_OAUTH}.sasl.server.callback.handler.class": f"{_BEARER}ValidatorCallbackHandler",
            f"{_OAUTH}.connections.max.reauth.ms": str(REAUTHENTICATE_MS),
            "sasl.oauthbearer.jwks.endpoint.url": tokens.keys.as_uri(),
            "sasl.oauthbearer.expected.audience": AUDIENCE,
            "listener.name.sasl_plaintext.plain.sasl.jaas.config": login,
            "listener.name.sasl_ssl.plain.sasl.jaas.config": login,
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": str(certificates.server),
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "super.users": "User:admin;User:ANONYMOUS",
            "allow.everyone.if.no.acl.found": "false",
        }

    return amend


def _joined(first: str, further: Sequence[str]) -> str:
    return ",".join([first, *further])
