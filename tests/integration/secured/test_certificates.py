"""Every certificate of a cluster is replaced, and the authority with them, while transactions flow."""

import socket
import ssl
from collections import Counter
from pathlib import Path

from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType
from cryptography import x509
from cryptography.x509.oid import NameOID

from tools.harness.pipeline import Pipeline
from tools.harness.processes import Service
from tools.harness.waiting import wait_for
from tools.local_cluster import Cluster, ephemeral
from tools.local_cluster.certificates import Authority, write_secret
from tools.local_cluster.files import write_whole
from tools.local_cluster.ports import HOST, free_ports
from tools.local_cluster.security import ADMIN

LISTENER = "listener.name.sasl_ssl"


def issuers(port: int) -> set[str]:
    """Return who signed the certificates that a server shows; its acceptors may change to new ones in turn."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    names = set()
    for _ in range(8):
        try:
            with socket.create_connection((HOST, port), 5) as plain, context.wrap_socket(plain) as connection:
                certificate = x509.load_der_x509_certificate(connection.getpeercert(binary_form=True) or b"")
        except OSError:  # it is just changing over
            return set()
        names |= {str(name.value) for name in certificate.issuer.get_attributes_for_oid(NameOID.COMMON_NAME)}
    return names


def replace_certificate_of_broker(cluster: Cluster, authority: Authority) -> None:
    """Give the clients' listener a certificate of another authority; brokers trust each other as before."""
    entries = [
        ConfigEntry(f"{LISTENER}.ssl.keystore.{name}", value, incremental_operation=AlterConfigOpType.SET)
        for name, value in (("type", "PEM"), ("location", str(authority.issue("broker"))))
    ]
    resource = ConfigResource(ResourceType.BROKER, "1", incremental_configs=entries)
    admin = AdminClient(cluster.client_config())
    admin.incremental_alter_configs([resource])[resource].result(30)


def require_progress(pipeline: Pipeline) -> None:
    """Wait until there are more transactions than now, and a verdict on each of these."""
    before = len(pipeline.read(pipeline.input))
    wait_for(lambda: len(pipeline.read(pipeline.input)) > before, "transactions")
    pipeline.wait_for_outputs(before + 1)


def trust(file: Path, services: tuple[Service, ...], times: int, *authorities: Path) -> None:
    """Let services trust these authorities alone, and wait until each has started again."""
    write_whole(file, "".join(authority.read_text() for authority in authorities))
    for service in services:
        service.wait_for("certificates changed, starting again", times)
        service.wait_for("serving endpoints", times + 1)


def test_a_new_authority_vouches_for_everything_and_no_transaction_is_lost(tmp_path: Path) -> None:
    with ephemeral(secure=True) as cluster:
        security = cluster.security
        assert security is not None
        pipeline = Pipeline(cluster, tmp_path)
        trusted, old = tmp_path / "trusted.pem", tmp_path / "old.pem"
        old.write_bytes(security.authority.certificate.read_bytes())
        trusted.write_bytes(old.read_bytes())
        replacement = Authority(tmp_path / "replacement", name="replacement")
        broker, registry = cluster.broker(1).port, cluster.registry.port
        new = replacement.issue("registry").with_name("ca.pem")
        write_whole(security.authority.certificate, old.read_text() + new.read_text())  # for clients of the test
        settings = security.environment(ADMIN) | {
            "KAFKA_CONFIG_SSL_CA_LOCATION": str(trusted),
            "SCHEMA_REGISTRY_CA_FILE": str(trusted),
        }
        ports = map(str, free_ports(2))
        with (
            pipeline.start("detector", METRICS_PORT=next(ports), **settings) as detector,
            pipeline.start(
                "generator", TRANSACTIONS_PER_SECOND="100", METRICS_PORT=next(ports), **settings
            ) as generator,
        ):
            services = (detector, generator)
            ids = [service.process.pid for service in services]
            require_progress(pipeline)
            assert issuers(broker) == issuers(registry) == {"local cluster"}
            trust(trusted, services, 1, old, new)
            require_progress(pipeline)
            replace_certificate_of_broker(cluster, replacement)
            write_secret(security.authority.directory / "registry.pem", replacement.issue("registry").read_text())
            wait_for(lambda: issuers(broker) == issuers(registry) == {"replacement"}, "the new certificates")
            trust(trusted, services, 2, new)
            require_progress(pipeline)
            assert generator.stop() == 0
            given = Counter(message.value() for message in pipeline.read(pipeline.input))
            legit, fraud, dead = pipeline.wait_for_outputs(given.total())
            assert detector.stop() == 0
            assert [service.process.pid for service in services] == ids
        assert (Counter(legit + fraud), dead) == (given, [])
