"""A console as a process on a real broker and registry, and what its topics have."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx2

from services.contracts import MessageRecords
from services.streaming.record_headers import read_headers
from tests.support.console import PASSWORD
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


class ConsoleProcess:
    """A console as a process, and an HTTP client of its first admin.

    Args:
        pipeline: Its topics.
        directory: Takes its database and its rules.
        rules: Content of the rules file.
        settings: Further environment variables.
    """

    def __init__(self, pipeline: Pipeline, directory: Path, rules: str = RULES, **settings: str) -> None:
        self.pipeline, self.port = pipeline, free_ports(1)[0]
        self.database = f"sqlite:///{directory}/console.db"
        path = directory / "rules.toml"
        path.write_text(rules)
        self.environment = {"RULES_FILE": str(path), "CONSOLE_PORT": str(self.port), "DATABASE_URL": self.database,
                            "FOUR_EYES_AMOUNT": "0", **settings}  # fmt: skip
        self.process = self.start()
        self.http = httpx2.Client(base_url=f"http://127.0.0.1:{self.port}", headers={"accept": "text/html"})

    def start(self) -> Service:
        """Start it, again where it was killed, and wait until it serves."""
        process = self.pipeline.start("console", **self.environment)
        wait_for(lambda: re.search("one-time|open this link|serving", process.text.replace("serving endpoints", "")),
                 lambda: process.text)  # fmt: skip
        return process

    @property
    def link(self) -> str:
        """The one-time link of its first start, as a path."""
        match = re.search(r"/link\?token=[\w-]+", self.process.text)
        assert match
        return match[0]

    def log_in(self) -> None:
        """Become its first admin, by the link."""
        match = re.search(r"/link\?token=([\w-]+)", self.process.text)
        assert match
        form = self.http.get(match[0]).text
        fields = {"form_token": self.field(form, "form_token"), "token": match[1], "name": "anna", "password": PASSWORD}
        assert self.http.post("/link", data=fields).headers["location"] == "/"

    def field(self, page: str, name: str) -> str:
        """Return the value of a form's field."""
        match = re.search(rf'name="{name}" value="([^"]+)"', page)
        assert match, page
        return match[1]

    def wait_for_text(self, path: str, pattern: str) -> re.Match[str]:
        """Wait until a page has a text."""
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
        """Run `scripts/console` on its database; return what it prints."""
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


def records(pipeline: Pipeline, topic: str) -> list[Any]:
    """Return the records of a topic, each as it was written."""
    with pipeline.registry as registry:
        decoder = MessageRecords(registry)
        return [
            decoder.decode(message.value(), read_headers(message)) for message in pipeline.read(pipeline.prefix + topic)
        ]
