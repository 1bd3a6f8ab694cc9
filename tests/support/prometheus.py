"""Prometheus and its tools on this machine, where they are installed."""

import json
import re
import shutil
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.ports import free_port
from tools.harness.processes import ChildProcess
from tools.harness.waiting import wait_for
from tools.local_cluster.ports import HOST

ALARMS = Path(__file__).parents[2] / "deploy" / "prometheus" / "alarms.yml"
NEEDED = "is not on the PATH (Debian: apt-get install prometheus)"

LONGEST_FOR = 2
"""Seconds that a condition lasts before a scaled alarm fires."""


def program(name: str) -> str:
    """Path of `prometheus` or `promtool`; skips the test where there is none."""
    path = shutil.which(name)
    if path is None:
        pytest.skip(f"{name} {NEEDED}")
    return path


def alarms() -> list[dict[str, Any]]:
    """The rules of the alarms."""
    return [rule for group in yaml.safe_load(ALARMS.read_text())["groups"] for rule in group["rules"]]


def metrics_of(expression: str) -> set[str]:
    """Names of the metrics in an expression; a matcher of `__name__` counts as each of its alternatives."""
    matchers = re.findall(r'__name__=~"([^"]*)"', expression)
    expanded = {name for matcher in matchers for name in _alternatives(matcher)}
    without_text = re.sub(r'"[^"]*"', "", expression)
    return expanded | set(re.findall(r"\b(?:fraud_[a-z_]+|process_[a-z_]+|python_[a-z_]+)\b", without_text))


def _alternatives(pattern: str) -> list[str]:
    match = re.fullmatch(r"(\w+)\(([\w|]+)\)(\w+)", pattern)
    if match is None:
        raise ValueError(f"expected prefix(a|b)suffix, not {pattern!r}")
    before, choices, after = match.groups()
    return [before + choice + after for choice in choices.split("|")]


def scaled(rules: list[dict[str, Any]], thresholds: Mapping[str, tuple[str, str]]) -> list[dict[str, Any]]:
    """The rules with a minute for an hour and a second for a minute, for a test that waits for them.

    Args:
        rules: The alarms.
        thresholds: By alarm a part of the expression that is a time as well, and what it becomes.

    Raises:
        ValueError: An expression does not have its part exactly once.
    """
    short = []
    for rule in rules:
        expression = re.sub(r"(?<=[\[:])\d+[smhd]|(?<=offset )\d+[smhd]", _short, rule["expr"])
        before, after = thresholds.get(rule["alert"], ("", ""))
        if before and expression.count(before) != 1:
            raise ValueError(f"{rule['alert']}: {before!r} is not once in {expression}")
        expression = expression.replace(before, after) if before else expression
        short.append({**rule, "expr": expression} | ({"for": f"{LONGEST_FOR}s"} if "for" in rule else {}))
    return short


def _short(match: re.Match[str]) -> str:
    number, unit = int(match[0][:-1]), match[0][-1]
    seconds = number * {"s": 1, "m": 60, "h": 3600, "d": 86400}[unit]
    return f"{max(1, seconds // 60)}s"


class Prometheus(ChildProcess):
    """A Prometheus that scrapes every second.

    Args:
        directory: Takes its configuration, data and log.
        targets: Port on the loopback by job.
        rules: Alerting rules, evaluated every second.
    """

    def __init__(self, directory: Path, targets: Mapping[str, int], rules: list[dict[str, Any]]) -> None:
        binary = program("prometheus")
        directory.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        jobs = [{"job_name": job, "static_configs": [{"targets": [f"{HOST}:{port}"]}]} for job, port in targets.items()]
        every_second = {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"}
        config = {"global": every_second, "rule_files": ["rules.yml"], "scrape_configs": jobs}
        (directory / "prometheus.yml").write_text(yaml.safe_dump(config))
        (directory / "rules.yml").write_text(yaml.safe_dump({"groups": [{"name": "scaled", "rules": rules}]}))
        super().__init__(
            "Prometheus",
            [binary, f"--config.file={directory / 'prometheus.yml'}", f"--storage.tsdb.path={directory / 'data'}",
             f"--web.listen-address={HOST}:{self.port}"],
            {}, directory / "prometheus.log",
        )  # fmt: skip

    def wait_until_ready(self) -> None:
        """Wait until it answers."""

        def is_ready() -> bool:
            self.require_alive()
            try:
                with urllib.request.urlopen(f"http://{HOST}:{self.port}/-/ready", timeout=5) as answer:
                    return bool(answer.status == 200)
            except OSError:
                return False

        wait_for(is_ready, lambda: self.text)

    def query(self, expression: str) -> list[dict[str, Any]]:
        """Return the series of an expression now."""
        return list(self._get("query", query=expression)["result"])

    def query_range(self, expression: str, start: float, end: float, step: float = 1) -> list[dict[str, Any]]:
        """Return the series of an expression over a time in seconds since the epoch."""
        return list(self._get("query_range", query=expression, start=start, end=end, step=step)["result"])

    def firing(self, name: str = "") -> list[dict[str, str]]:
        """Return the labels of the alarms that fire now, of one name if given."""
        alerts = self._get("alerts")["alerts"]
        firing = [alert["labels"] for alert in alerts if alert["state"] == "firing"]
        return [labels for labels in firing if name in {"", labels["alertname"]}]

    def wait_for_alarm(self, name: str, between: Callable[[], object] = lambda: None, **labels: str) -> dict[str, str]:
        """Wait until an alarm with these labels fires, and return its labels.

        Args:
            name: The alarm.
            between: Called at each look: keeps the fault up.
            labels: Labels that it has to have.
        """

        def look() -> dict[str, str] | None:
            matching = (each for each in self.firing(name) if labels.items() <= each.items())
            return next(matching, None)

        expression = next(rule["expr"] for rule in alarms() if rule["alert"] == name)
        series = sorted(metrics_of(expression))

        def pause() -> None:
            between()
            time.sleep(0.5)

        match = wait_for(
            look, lambda: f"{name} {labels} fires; {[self.query(each) for each in series]}", timeout=45, pause=pause
        )
        assert match is not None
        return match

    def _get(self, path: str, **parameters: Any) -> dict[str, Any]:
        url = f"http://{HOST}:{self.port}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:
                body = json.load(answer)
        except urllib.error.HTTPError as error:
            raise ValueError(f"{parameters.get('query')}: {error.read().decode()}") from None
        data: dict[str, Any] = body["data"]
        return data
