"""All services and commands with the least ACLs and no others: everything works."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import httpx2
import pytest
from confluent_kafka.admin import AdminClient
from psutil import process_iter  # type: ignore[import-untyped]

from services.detection.settings import DEFAULT_RULES
from tools.acls.__main__ import acls_of
from tools.acls.broker import add, compare, remove
from tools.acls.programs import programs
from tools.harness.pipeline import Pipeline
from tools.harness.waiting import wait_for
from tools.local_cluster import Cluster
from tools.local_cluster.ports import free_ports
from tools.local_cluster.security import USERS

COMMANDS = {
    "create-topics": ["services.commands.create_topics"],
    "register-schemas": ["avroguard", "register"],
    "silence": ["services.commands.silence", "add", "--match", "rule=x", "--reason", "test", "--for", "1h"],
    "redrive": ["services.commands.redrive"],
}


@pytest.fixture
def pipeline(secured: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Pipeline:
    """A pipeline whose users have the ACLs that they need, and no others; neither topics nor subjects yet."""
    made = Pipeline(secured, tmp_path, create=False, register=False)
    for name, value in made.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("RULES_FILE", str(DEFAULT_RULES))
    admin = AdminClient(secured.client_config())
    difference = compare(admin, acls_of(programs(made.contracts)))
    add(admin, difference.missing)
    remove(admin, difference.surplus)
    return made


def run(pipeline: Pipeline, user: str, *command: str) -> str:
    """Run a command as a user; return its output."""
    settings = {**os.environ, **pipeline.cluster.environment(user)}
    done = subprocess.run(
        [sys.executable, "-m", *command], env=settings, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_services_and_commands_work_with_the_least_acls(pipeline: Pipeline) -> None:
    for user in ("create-topics", "register-schemas"):
        run(pipeline, user, *COMMANDS[user])
    console_port, metrics_port = free_ports(2)
    database = pipeline.directory / "console.db"
    notifications = pipeline.directory / "notifications.toml"
    notifications.write_text('[route]\nreceivers = ["log"]\ngroup_wait = "1s"\n[receivers.log]\ntype = "log"\n')
    alerting = pipeline.directory / "rules.toml"
    alerting.write_text(DEFAULT_RULES.read_text().replace("alert = false", "alert = true"))
    rules = {"RULES_FILE": str(alerting)}
    with (
        pipeline.start("detector", INSTANCE_ID="one", METRICS_PORT=str(metrics_port), **rules) as detector,
        pipeline.start("notifier", START_NOTIFYING_FROM="beginning", NOTIFICATIONS_FILE=str(notifications)) as notifier,
        pipeline.start("console", CONSOLE_PORT=str(console_port), DATABASE_URL=f"sqlite:///{database}") as console,
        pipeline.start("generator", MAX_TRANSACTIONS="500") as generator,
    ):
        assert generator.exit_code() == 0
        wait_for(lambda: len(pipeline.read(pipeline.legit)) + len(pipeline.read(pipeline.fraud)) == 500, "verdicts")
        wait_for(lambda: pipeline.read(f"{pipeline.prefix}streaming.notifications"), "notifications")
        console.wait_for("no user yet: open this link, once, within a day")
        for user in ("silence", "redrive"):
            run(pipeline, user, *COMMANDS[user])
        printed = run(pipeline, "tail", "tools.tail", pipeline.input, "--from-beginning", "--until-end")
        assert len([json.loads(line) for line in printed.splitlines()]) == 500
        metrics = httpx2.get(f"http://127.0.0.1:{metrics_port}/metrics", trust_env=False).text
        assert "detector_" in metrics
        command_lines = "\n".join(" ".join(process.info["cmdline"] or ()) for process in process_iter(["cmdline"]))
        assert "services.detector" in command_lines
        for service in (detector, notifier, console):
            assert service.stop() == 0
            assert "not authorised" not in service.text.lower()
    assert pipeline.read(pipeline.dead) == []
    logs = [*pipeline.directory.glob("*.log"), *pipeline.cluster.root.rglob("*.log")]
    assert {"kafka.log", "registry.log", "detector-1.log", "generator-4.log"} <= {log.name for log in logs}
    texts = {str(log): log.read_text(errors="replace") for log in logs}
    texts |= {"metrics": metrics, "command lines": command_lines, "output": printed}
    configuration = pipeline.cluster.root.rglob("*.properties")
    assert_no_secret(pipeline.cluster, texts | {str(path): path.read_text() for path in configuration})


def assert_no_secret(cluster: Cluster, texts: Mapping[str, str]) -> None:
    """Look for every password of the cluster and every line of a private key in every text."""
    security = cluster.security
    assert security is not None
    secrets = {user: security.password_file(user).read_text() for user in USERS}
    for pem in security.authority.directory.glob("*.pem"):
        lines = pem.read_text().partition("-----BEGIN PRIVATE KEY-----\n")[2].partition("\n-----END")[0].splitlines()
        secrets |= {f"{pem.name}:{number}": line for number, line in enumerate(lines)}
    assert len(secrets) > len(USERS)
    assert [
        (owner, place) for owner, secret in secrets.items() for place, text in texts.items() if secret in text
    ] == []
