"""Missing permissions are named by operation and resource: at start, and when they change later."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path

import pytest

from services.errors import NotAuthorised
from services.streaming.clients import KafkaClients, ping
from services.streaming.settings import KafkaSettings, librdkafka_properties
from tests.support.secure_cluster import REAUTHENTICATE_MS, SecureCluster
from tools.harness.pipeline import Pipeline
from tools.harness.processes import Service
from tools.harness.waiting import wait_for

Grant = tuple[str, str, tuple[str, ...]]


def grants(pipeline: Pipeline) -> dict[str, Grant]:
    """All that a detector needs, by what it is for."""
    return {
        "input": ("TOPIC", pipeline.input, ("READ",)),
        "repartition": ("TOPIC", pipeline.by_source, ("READ", "WRITE")),
        "legit": ("TOPIC", pipeline.legit, ("WRITE",)),
        "fraud": ("TOPIC", pipeline.fraud, ("WRITE",)),
        "alerts": ("TOPIC", pipeline.alerts, ("WRITE",)),
        "dead letters": ("TOPIC", pipeline.dead, ("READ", "WRITE")),
        "state": ("TOPIC", pipeline.state, ("READ", "WRITE")),
        "rules": ("TOPIC", pipeline.rules, ("WRITE",)),
        "group": ("GROUP", pipeline.group, ("READ",)),
        "transactional id": ("TRANSACTIONAL_ID", f"{pipeline.group}.only", ("WRITE",)),
    }


def allow(secure: SecureCluster, user: str, granted: Iterable[Grant]) -> None:
    for kind, name, operations in granted:
        if operations:
            secure.allow(user, kind, name, *operations)


def start(secured: Pipeline, secure: SecureCluster, user: str = "detector") -> Service:
    return secured.start("detector", INSTANCE_ID="only", **secure.environment("SASL_PLAINTEXT", user))


def reasons(service: Service) -> list[str]:
    """Return the reasons why a process without some permissions stopped."""
    assert service.exit_code() == NotAuthorised.exit_code
    assert "Traceback" not in service.text
    return [str(line["reason"]) for line in service.events("stopped")]


def lacking(operations: str, resource: str) -> str:
    return f"not authorised: these credentials need {operations} on {resource}; grant it by an ACL"


def test_a_detector_that_may_do_nothing_names_every_topic(secure: SecureCluster, secured: Pipeline) -> None:
    with start(secured, secure) as detector:
        stop_reasons = reasons(detector)
    assert stop_reasons == [
        lacking(operations, f"topic {topic}")
        for topic, operations in [
            (secured.input, "READ"),
            (secured.by_source, "READ and WRITE"),
            (secured.legit, "WRITE"),
            (secured.fraud, "WRITE"),
            (secured.alerts, "WRITE"),
            (secured.dead, "READ and WRITE"),
            (secured.state, "READ and WRITE"),
            (secured.rules, "WRITE"),
        ]
    ]


@pytest.mark.parametrize(
    ("missing", "allowed", "named"),
    [
        ("dead letters", ("READ",), "WRITE on topic {0.dead}"),
        ("fraud", ("DESCRIBE",), "WRITE on topic {0.fraud}"),
        ("input", ("WRITE",), "READ on topic {0.input}"),
        ("group", ("DESCRIBE",), "READ on consumer group {0.group}"),
        ("group", (), "READ on consumer group {0.group}"),
        ("transactional id", ("DESCRIBE",), "WRITE on transactional id {0.group}.only"),
        ("transactional id", (), "WRITE on transactional id {0.group}.only"),
    ],
)
def test_one_missing_permission_is_named(
    secure: SecureCluster, secured: Pipeline, missing: str, allowed: tuple[str, ...], named: str
) -> None:
    needed = grants(secured)
    kind, name, _ = needed[missing]
    allow(secure, "detector", (needed | {missing: (kind, name, allowed)}).values())
    with start(secured, secure) as detector:
        (reason,) = reasons(detector)
    operation, _, resource = named.format(secured).partition(" on ")
    assert reason == lacking(operation, resource)


def test_a_detector_that_may_do_what_it_needs_works(secure: SecureCluster, secured: Pipeline) -> None:
    allow(secure, "detector", grants(secured).values())
    secured.produce(secured.transactions(100), keyed=True)
    with start(secured, secure) as detector:
        wait_for(lambda: len(secured.read(secured.legit)) + len(secured.read(secured.fraud)) == 100, "verdicts")
        assert detector.stop() == 0


@pytest.mark.parametrize(
    ("forbidden", "operation", "named"),
    [
        ("fraud", "WRITE", "WRITE on topic {0.fraud}"),
        ("input", "READ", "READ on topic {0.input}"),
        ("group", "READ", "READ on consumer group {0.group}"),
        ("transactional id", "WRITE", "WRITE on transactional id {0.group}.only"),
    ],
)
def test_a_permission_that_is_taken_away_ends_a_running_detector(
    secure: SecureCluster, secured: Pipeline, forbidden: str, operation: str, named: str
) -> None:
    allow(secure, "detector", grants(secured).values())
    with start(secured, secure) as detector:
        detector.wait_for("rebalance", change="assigned")
        secured.produce(secured.transactions(100), keyed=True)
        wait_for(lambda: len(secured.read(secured.legit)) + len(secured.read(secured.fraud)) == 100, "verdicts")
        kind, name, _ = grants(secured)[forbidden]
        secure.allow("detector", kind, name, operation, permission="DENY")
        secured.produce(secured.transactions(100, seed=2), keyed=True)
        (reason,) = reasons(detector)
    needed, _, resource = named.format(secured).partition(" on ")
    assert reason == lacking(needed, resource)


def test_a_password_that_is_changed_ends_a_running_detector(secure: SecureCluster, secured: Pipeline) -> None:
    secure.set_password("rotating", "first")
    allow(secure, "rotating", grants(secured).values())
    scram = {"KAFKA_CONFIG_SASL_MECHANISM": "SCRAM-SHA-256", "KAFKA_CONFIG_SASL_PASSWORD": "first"}
    settings = secure.environment("SASL_PLAINTEXT", "rotating", **scram)
    with secured.start("detector", INSTANCE_ID="only", **settings) as detector:
        detector.wait_for("rebalance", change="assigned")
        secure.set_password("rotating", "second")
        (reason,) = reasons(detector)
    assert reason.startswith("the broker refuses the credentials: ")


def test_a_password_in_a_file_is_rotated_under_load_without_a_restart(
    secure: SecureCluster, secured: Pipeline, tmp_path: Path
) -> None:
    secure.set_password("turning", "first")
    allow(secure, "turning", grants(secured).values())
    file = tmp_path / "password"
    file.write_text("first")
    scram = {"KAFKA_CONFIG_SASL_MECHANISM": "SCRAM-SHA-256", "KAFKA_CONFIG_SASL_PASSWORD": ""}
    settings = secure.environment("SASL_PLAINTEXT", "turning", **scram) | {"KAFKA_CONFIG_SASL_PASSWORD_FILE": str(file)}
    with secured.start("detector", INSTANCE_ID="only", **settings) as detector:
        detector.wait_for("rebalance", change="assigned")
        secure.set_password("turning", "second")
        file.write_text("second")
        detector.wait_for("credentials read again", user="turning")
        ends_at = time.monotonic() + 1.5 * REAUTHENTICATE_MS / 1000  # by then each connection had to log in again
        count = 0
        while time.monotonic() < ends_at:
            secured.produce(secured.transactions(200, seed=count), keyed=True)
            count += 200
        wait_for(lambda: len(secured.read(secured.legit)) + len(secured.read(secured.fraud)) == count, "verdicts")
        assert len(detector.events("rebalance")) == 1
        assert not detector.events("replacing Kafka clients")
        assert detector.stop() == 0
    first = librdkafka_properties(settings) | {"sasl.password": "first"}
    broker = settings["KAFKA_BROKER_URL"]
    with pytest.raises(NotAuthorised):  # so that the detector must have used the second one
        ping(KafkaClients(KafkaSettings(kafka_broker_url=broker), first, "test").admin(), broker, timeout=10)


@pytest.mark.parametrize("granted", [(), ("DESCRIBE",), ("READ",)])
def test_a_generator_that_may_not_write_says_so(
    secure: SecureCluster, secured: Pipeline, granted: tuple[str, ...]
) -> None:
    allow(secure, "generator", [("TOPIC", secured.input, granted)])
    with secured.start("generator", **secure.environment("SASL_PLAINTEXT", "generator")) as generator:
        (reason,) = reasons(generator)
    assert reason == lacking("WRITE", f"topic {secured.input}")


def test_a_generator_that_may_no_longer_write_says_so(secure: SecureCluster, secured: Pipeline) -> None:
    secure.allow("generator", "TOPIC", secured.input, "WRITE")
    with secured.start("generator", **secure.environment("SASL_PLAINTEXT", "generator")) as generator:
        wait_for(lambda: secured.read(secured.input), "transactions")
        secure.allow("generator", "TOPIC", secured.input, "WRITE", permission="DENY")
        (reason,) = reasons(generator)
    assert reason.startswith(f"topic {secured.input}: ")
    assert "Topic authorization failed" in reason


def run(secured: Pipeline, secure: SecureCluster, module: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    settings = {**os.environ, **secured.environment, **secure.environment("SASL_PLAINTEXT", "generator")}
    return subprocess.run(
        [sys.executable, "-m", module, *arguments], env=settings, capture_output=True, text=True, check=False
    )


def test_topics_that_may_not_be_created_are_named(secure: SecureCluster, secured: Pipeline) -> None:
    done = run(secured, secure, "services.commands.create_topics")
    assert done.returncode == NotAuthorised.exit_code
    assert done.stderr.splitlines()[-1] == f"create-topics: {lacking('CREATE', f'topic {secured.input}')}"


def test_a_redrive_that_is_not_allowed_names_what_it_needs(secure: SecureCluster, secured: Pipeline) -> None:
    def refusal() -> list[str]:
        done = run(secured, secure, "services.commands.redrive", "--topic", secured.dead)
        assert done.returncode == NotAuthorised.exit_code
        return done.stderr.splitlines()

    assert refusal() == [f"redrive: {lacking('READ', f'topic {secured.dead}')}"]
    secure.allow("generator", "TOPIC", secured.dead, "READ")
    secure.allow("generator", "TOPIC", secured.input, "READ")
    assert f"redrive: {lacking('WRITE', f'topic {secured.input}')}" in refusal()
    for topic in (secured.input, secured.by_source):
        secure.allow("generator", "TOPIC", topic, "READ", "WRITE")
    assert refusal() == [f"redrive: {lacking('CREATE', f'topic {secured.dead}.redriven')}"]
    secure.allow("generator", "TOPIC", f"{secured.dead}.redriven", "CREATE", "READ", "WRITE")
    assert refusal() == [f"redrive: {lacking('WRITE', f'transactional id redrive.{secured.dead}')}"]


def test_a_topic_that_may_not_be_read_is_named(secure: SecureCluster, secured: Pipeline) -> None:
    done = run(secured, secure, "tools.tail", secured.input, "--until-end")
    assert done.returncode == NotAuthorised.exit_code
    assert done.stderr.splitlines()[-1].endswith(lacking("READ", f"topic {secured.input}"))
    secure.allow("generator", "TOPIC", secured.input, "READ")
    secured.produce(secured.transactions(3))
    done = run(secured, secure, "tools.tail", secured.input, "--from-beginning", "--until-end")
    assert len([json.loads(line) for line in done.stdout.splitlines()]) == 3
