"""The console as a process, on a real broker and registry: from an alert to a label, and back after a kill."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx2
import pytest

from services.console.storage.database import open_database
from services.contracts.codec.message_records import MessageRecords
from tests.support.console import PASSWORD, dump
from tools.harness.pipeline import Pipeline
from tools.harness.processes import Service
from tools.harness.waiting import wait_for
from tools.local_cluster.ports import free_ports

RULES = """
[rules.large]
severity = "high"
when = "amount >= 900"
reason = "{amount} {currency} at once"
"""


class Console:
    """A console as a process, and a browser with its first admin."""

    def __init__(self, pipeline: Pipeline, directory: Path) -> None:
        self.pipeline, self.port = pipeline, free_ports(1)[0]
        self.database = f"sqlite:///{directory}/console.db"
        rules = directory / "rules.toml"
        rules.write_text(RULES)
        self.environment = {"RULES_FILE": str(rules), "CONSOLE_PORT": str(self.port), "DATABASE_URL": self.database,
                            "FOUR_EYES_AMOUNT": "0"}  # fmt: skip
        self.process = self.start()
        self.http = httpx2.Client(base_url=f"http://127.0.0.1:{self.port}", headers={"accept": "text/html"})

    def start(self) -> Service:
        process = self.pipeline.start("console", **self.environment)
        wait_for(lambda: re.search("one-time|open this link|serving", process.text.replace("serving endpoints", "")),
                 lambda: process.text)  # fmt: skip
        return process

    def log_in(self) -> None:
        match = re.search(r"/link\?token=([\w-]+)", self.process.text)
        assert match
        form = self.http.get(match[0]).text
        fields = {"form_token": self.field(form, "form_token"), "token": match[1], "name": "anna", "password": PASSWORD}
        assert self.http.post("/link", data=fields).headers["location"] == "/"

    def field(self, page: str, name: str) -> str:
        match = re.search(rf'name="{name}" value="([^"]+)"', page)
        assert match, page
        return match[1]

    def wait_for_text(self, path: str, pattern: str) -> re.Match[str]:
        found: list[Any] = []

        def look() -> bool:
            try:
                found[:] = [re.search(pattern, self.http.get(path).text)]
            except httpx2.HTTPError:
                return False
            return found[0] is not None

        wait_for(look, lambda: f"{pattern} on {path}; {self.process.text[-2000:]}")
        match: re.Match[str] = found[0]
        return match

    def command(self, *arguments: str) -> str:
        command = [sys.executable, "-m", "services.commands.console", *arguments]
        done = subprocess.run(
            command,
            env=self.pipeline.environment | self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture
def console(pipeline: Pipeline, tmp_path: Path) -> Console:
    (tmp_path / "own").mkdir()
    return Console(pipeline, tmp_path / "own")


def records(pipeline: Pipeline, topic: str) -> list[Any]:
    with pipeline.registry as registry:
        decoder = MessageRecords(registry)
        return [
            decoder.decode(message.value(), message.headers()) for message in pipeline.read(pipeline.prefix + topic)
        ]


def test_from_an_alert_to_a_label_and_back_after_a_kill(pipeline: Pipeline, console: Console) -> None:
    console.log_in()
    detector = pipeline.start("detector", **console.environment)
    pipeline.produce(pipeline.transactions(100), keyed=True)
    case = console.wait_for_text("/", r'data-href="/cases/([0-9a-f-]{36})"')[1]
    page = console.wait_for_text(f"/cases/{case}", r"EUR at once\.")
    csrf = console.field(page.string, "csrf")
    fields = {"csrf": csrf, "verdict": "FRAUD", "reason": "scam", "id": "6f1b2c1e-8f6b-4d8e-9a55-0d1f2c3b4a59"}
    answer = console.http.post(f"/cases/{case}/decide", data=fields)
    assert answer.headers["location"] == f"/cases/{case}?done=decided"

    (decision,) = records(pipeline, "streaming.decisions")
    assert (str(decision["case"]), decision["verdict"], decision["by"]) == (case, "FRAUD", "anna")
    labels = records(pipeline, "queueing.transactions.labels")
    alerts = [
        alert
        for alert in records(pipeline, "streaming.alerts")
        if alert["transaction"]["target"] == decision["account"]
    ]
    assert labels
    assert {label["transaction_id"] for label in labels} == {alert["transaction"]["id"] for alert in alerts}
    assert all(label["fraud"] and label["incident"] == f"case {case}" for label in labels)
    by_id = {alert["transaction"]["id"]: alert["transaction"] for alert in alerts}
    assert all(
        label["transaction"] == by_id[label["transaction_id"]] for label in labels
    )  # windows over labels need it

    console.process.process.kill()
    console.process.process.wait()
    pipeline.produce(pipeline.transactions(100, seed=2), keyed=True)
    pipeline.wait_for_outputs(200)
    console.process = console.start()
    # The session is still there, as the database is.
    count = len(records(pipeline, "streaming.alerts"))

    def projected() -> bool:
        return len(dump(open_database(console.database))["alerts"]) == count

    wait_for(projected, lambda: console.process.text[-2000:])
    assert count > len(alerts)
    again = console.http.post(f"/cases/{case}/decide", data=fields | {"verdict": "NO_FRAUD", "reason": "other-legit"})
    assert again.status_code == 303  # the same id again: it counts once
    before = dump(open_database(console.database))
    assert len(before["decisions"]) == 1

    console.process.process.terminate()
    assert console.process.process.wait(20) == 0
    assert "rebuilt in" in console.command("rebuild")
    after = dump(open_database(console.database))
    # Contributors and what was near are the console's memory; everything else follows from the topics.
    assert after == before
    assert "/link?token=" in console.command("link", "--user", "anna")
    detector.process.terminate()
