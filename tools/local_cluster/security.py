"""Security of a cluster: TLS everywhere, users with passwords, and nothing allowed that no ACL grants.

Clients log in with SASL/SCRAM over TLS, users of the registry with a password over HTTPS. Brokers and controllers prove
to each other with certificates who they are. The passwords are random, one file each, and the files decide: a start
tells the brokers what stands in them.
"""

import hashlib
import secrets
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from confluent_kafka import KafkaException
from confluent_kafka.admin import (
    AdminClient,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialAlteration,
    UserScramCredentialUpsertion,
)

from services.errors import UsageError
from tools.local_cluster.certificates import Authority, write_secret
from tools.local_cluster.errors import StartFailed
from tools.local_cluster.ports import HOST

ADMIN = "admin"
"""The user that may do everything; for what people do at a shell."""

USERS: Mapping[str, str] = {
    ADMIN: "sr-admin",
    "register-schemas": "sr-developer",
    **dict.fromkeys(
        [
            "generator",
            "detector",
            "notifier",
            "console",
            "explain",
            "create-topics",
            "redrive",
            "replay",
            "silence",
            "tail",
        ],
        "sr-readonly",
    ),
}
"""Role in the registry of each user; on the brokers all but `ADMIN` may do what ACLs grant them."""

REAUTHENTICATION_MS = 900_000
"""Milliseconds after which a client has to log in again, so that a password that was changed stops working."""

_BROKER = "broker"
_SECURITY = "org.apache.kafka.common.security"
_REALM = "Quarkus"  # the default, which digests are verified with whatever realm-name says
_ITERATIONS = 4096
_LOGIN_SECONDS = 30.0


class ClusterSecurity:
    """Certificates and passwords of a cluster, in a directory that this user alone can read.

    Args:
        directory: Takes the files.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.authority = Authority(directory / "certificates")

    def prepare(self) -> None:
        """Make the files that are missing, and renew certificates that end soon."""
        self.directory.mkdir(parents=True, exist_ok=True)
        self.directory.chmod(0o700)
        for name in (_BROKER, ADMIN, "registry"):
            self.authority.issue(name)
        for user in USERS:
            if not self.password_file(user).is_file():
                self.set_password(user, secrets.token_urlsafe(24))

    def password_file(self, user: str) -> Path:
        """The file that has a user's password and nothing else."""
        return self.directory / "passwords" / user

    def set_password(self, user: str, password: str) -> None:
        """Write a user's password; brokers take it at the next start, or by `create_users`."""
        self.password_file(user).parent.mkdir(parents=True, exist_ok=True)
        write_secret(self.password_file(user), password)
        write_secret(self._login_file(user), f"{user}:{password}")

    def environment(self, user: str) -> dict[str, str]:
        """The variables, besides the addresses, by which services and scripts log in as a user; no secret among them.

        Raises:
            UsageError: There is no such user.
        """
        if user not in USERS:
            raise UsageError(f"there is no user {user}; expected one of {', '.join(USERS)}")
        return {
            "KAFKA_CONFIG_SECURITY_PROTOCOL": "SASL_SSL",
            "KAFKA_CONFIG_SASL_MECHANISM": "SCRAM-SHA-512",
            "KAFKA_CONFIG_SASL_USERNAME": user,
            "KAFKA_CONFIG_SASL_PASSWORD_FILE": str(self.password_file(user)),
            "KAFKA_CONFIG_SSL_CA_LOCATION": str(self.authority.certificate),
            "SCHEMA_REGISTRY_BASIC_AUTH_FILE": str(self._login_file(user)),
            "SCHEMA_REGISTRY_CA_FILE": str(self.authority.certificate),
        }

    def client_config(self, user: str) -> dict[str, str]:
        """The properties, besides the address, with which a Kafka client logs in as a user."""
        return {
            "security.protocol": "SASL_SSL",
            "sasl.mechanism": "SCRAM-SHA-512",
            "sasl.username": user,
            "sasl.password": self.password_file(user).read_text(encoding="utf-8"),
            "ssl.ca.location": str(self.authority.certificate),
        }

    def operator_config(self) -> dict[str, str]:
        """The properties, besides the address, of a client of the brokers' own listener; it may do everything."""
        certificate = str(self.authority.directory / f"{ADMIN}.pem")
        return {
            "security.protocol": "SSL",
            "ssl.ca.location": str(self.authority.certificate),
            "ssl.certificate.location": certificate,
            "ssl.key.location": certificate,
        }

    def registry_config(self, user: str) -> dict[str, str]:
        """Settings, besides the address, with which a client of the registry logs in as a user."""
        return {"basic_auth": ":".join(self.user_and_password(user)), "ca_file": str(self.authority.certificate)}

    def user_and_password(self, user: str) -> tuple[str, str]:
        """A user's login at the registry."""
        return user, self.password_file(user).read_text(encoding="utf-8")

    def create_users(self, brokers: str, operator: AdminClient, users: Sequence[str] = tuple(USERS)) -> None:
        """Tell the brokers the users and their passwords, and wait until they let the last one in.

        Args:
            brokers: Addresses at which users log in.
            operator: Client that may do everything.
            users: The users.

        Raises:
            StartFailed: The brokers do not let it in.
        """
        mechanism = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, _ITERATIONS)
        changes: list[UserScramCredentialAlteration] = [
            UserScramCredentialUpsertion(user, mechanism, self.password_file(user).read_bytes()) for user in users
        ]
        for answer in operator.alter_user_scram_credentials(changes).values():
            answer.result(_LOGIN_SECONDS)
        deadline = time.monotonic() + _LOGIN_SECONDS
        while True:
            try:
                AdminClient(
                    {"bootstrap.servers": brokers, "log_level": 0, **self.client_config(users[-1])}
                ).list_topics(timeout=2)
            except KafkaException as error:
                if time.monotonic() > deadline:
                    raise StartFailed(f"kafka does not let {users[-1]} log in: {error.args[0].str()}") from error
            else:
                return

    def broker_properties(self, properties: Mapping[str, str], port: int, internal_port: int) -> dict[str, str]:
        """The properties of a broker, secured.

        Args:
            properties: Those without security.
            port: Its port for clients.
            internal_port: Its port for brokers and the operator.
        """
        controller = properties["listeners"].partition("CONTROLLER://")[2]
        clients, brokers = f"SASL_SSL://{HOST}:{port}", f"INTERNAL://{HOST}:{internal_port}"
        certificates = self.authority.directory
        return {
            **properties,
            "listeners": f"{clients},{brokers},CONTROLLER://{controller}",
            "advertised.listeners": f"{clients},{brokers}",
            "listener.security.protocol.map": "SASL_SSL:SASL_SSL,INTERNAL:SSL,CONTROLLER:SSL",
            "inter.broker.listener.name": "INTERNAL",
            "listener.name.internal.ssl.client.auth": "required",
            "listener.name.controller.ssl.client.auth": "required",
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": str(certificates / f"{_BROKER}.pem"),
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": str(self.authority.certificate),
            "ssl.principal.mapping.rules": "RULE:^CN=([^,]+)$/$1/,DEFAULT",
            "sasl.enabled.mechanisms": "SCRAM-SHA-512",
            "listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config": f"{_SECURITY}.scram.ScramLoginModule required;",
            "connections.max.reauth.ms": str(REAUTHENTICATION_MS),
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "super.users": f"User:{_BROKER};User:{ADMIN}",
            "allow.everyone.if.no.acl.found": "false",
        }

    def registry_properties(self, port: int) -> dict[str, str]:
        """The properties of the registry: HTTPS alone, passwords as digests, and a role for each user."""
        server = str(self.authority.directory / "registry.pem")
        properties = {
            "quarkus.http.insecure-requests": "disabled",
            "quarkus.http.ssl-port": str(port),
            "quarkus.http.ssl.certificate.files": server,
            "quarkus.http.ssl.certificate.key-files": server,
            "quarkus.http.ssl.certificate.reload-period": "30s",
            "quarkus.http.auth.basic": "true",
            "quarkus.http.auth.permission.all.paths": "/*",
            "quarkus.http.auth.permission.all.policy": "authenticated",
            "quarkus.security.users.embedded.algorithm": "digest-sha-512",
            "apicurio.auth.role-based-authorization": "true",
        }
        for user, role in USERS.items():
            digest = hashlib.sha512(":".join((user, _REALM, self.user_and_password(user)[1])).encode()).hexdigest()
            properties[f"quarkus.security.users.embedded.users.{user}"] = digest
            properties[f"quarkus.security.users.embedded.roles.{user}"] = role
        return properties

    def _login_file(self, user: str) -> Path:
        return self.directory / "passwords" / f"{user}.login"
