"""``scripts/demo`` as its users run it, on the test session's cluster."""

import json
import os
import re
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]
import pytest

from tests.support.confluent import deserialized
from tools.harness.pipeline import Pipeline
from tools.harness.waiting import DEADLINE, wait_for

DEFAULT_RULES = Path(__file__).parents[2] / "services" / "detection" / "rules.toml"
SCRIPT = str(Path(__file__).parents[2] / "scripts" / "demo")


class Demo:
    """A running ``scripts/demo``; what it says on standard error goes to a file."""

    def __init__(self, pipeline: Pipeline, *arguments: str, **environment: str) -> None:
        self.log = pipeline.directory / "demo.log"
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [SCRIPT, *arguments], env={**os.environ, **pipeline.environment, **environment}, text=True,
                stdout=subprocess.PIPE, stderr=log, stdin=subprocess.DEVNULL, cwd=pipeline.directory,
            )  # fmt: skip

    @property
    def text(self) -> str:
        return self.log.read_text()

    def wait_for(self, text: str) -> None:
        def look() -> bool:
            assert self.process.poll() is None, self.text
            return text in self.text

        wait_for(look, lambda: self.text)

    def service(self, name: str) -> psutil.Process:
        children = psutil.Process(self.process.pid).children(recursive=True)
        (service,) = [child for child in children if child.cmdline()[-1] == f"services.{name}"]
        return service

    def end(self) -> tuple[int, str]:
        """Waits for its end; its exit code and its standard output."""
        output, _ = self.process.communicate(timeout=2 * DEADLINE)
        return self.process.returncode, output

    def summary(self) -> tuple[int, dict[str, Any]]:
        """Waits for its end; its exit code and the summary."""
        code, output = self.end()
        assert output, self.text
        (line,) = output.splitlines()
        return code, json.loads(line)


@contextmanager
def demo(pipeline: Pipeline, *arguments: str, **environment: str) -> Iterator[Demo]:
    started = Demo(pipeline, *arguments, **environment)
    children: list[psutil.Process] = []
    try:
        yield started
        assert started.process.returncode is not None
    finally:
        if started.process.poll() is None:
            children = psutil.Process(started.process.pid).children(recursive=True)
        for process in [started.process, *children]:
            process.kill()
        started.process.wait()


def require_consistent(summary: dict[str, Any]) -> None:
    assert summary["generated"] > 0
    assert summary["generated"] == summary["legit"] + summary["fraud"] + summary["dead_letter"]
    assert (summary["duplicates"], summary["missing"], summary["unexpected"], summary["dead_letter"]) == (0, 0, 0, 0)
    assert 0 <= summary["latency_ms_p50"] <= summary["latency_ms_p99"]


def test_it_shows_the_pipeline_and_counts_every_transaction_once(pipeline: Pipeline) -> None:
    with demo(pipeline, "--duration", "5", "--json", "--plain", SEED="7") as run:
        code, summary = run.summary()
        assert code == 0, run.text
        require_consistent(summary)
        assert 8 <= summary["fraud_percent"] <= 12
        assert summary["rate"] == pytest.approx(1000, rel=0.01)
        assert summary["seconds"] >= 4
        for step in ("cluster", "topics", "schemas", "detector", "warm-up", "generator", "drain", "count"):
            assert f"  {step}: " in run.text
    require_every_id_once_where_its_amount_belongs(pipeline)


def require_every_id_once_where_its_amount_belongs(pipeline: Pipeline) -> None:
    """Check the outputs as an independent reader has them: confluent-kafka's own deserializer."""
    generated, legit, fraud = (records(pipeline, topic) for topic in (pipeline.input, pipeline.legit, pipeline.fraud))
    assert generated
    assert min(record["amount"] for record in fraud) >= Decimal("900.00")
    assert max(record["amount"] for record in legit) < Decimal("900.00")
    assert set(Counter(record["id"] for record in generated).values()) == {1}
    by_id = {record["id"]: record for record in generated}
    assert Counter(record["id"] for record in [*legit, *fraud]) == Counter(dict.fromkeys(by_id, 1))
    assert all(record == by_id[record["id"]] for record in [*legit, *fraud])
    assert pipeline.read(pipeline.dead) == []


def test_incidents_of_fraud_are_mixed_in_and_the_console_shows_their_cases(pipeline: Pipeline) -> None:
    rules = pipeline.directory / "rules.toml"
    rules.write_text(DEFAULT_RULES.read_text())
    with demo(pipeline, "--duration", "12", RULES_FILE=str(rules)) as run:
        code, output = run.end()
    assert code == 0, output
    *_, verdict, _counts, share, _latency, _logs, link = output.splitlines()
    assert "every transaction evaluated exactly once" in verdict
    assert 8 <= float(re.search(r"([0-9.]+) % fraud", share)[1]) <= 12  # type: ignore[index]
    assert re.search(r"the console was at: http://127\.0\.0\.1:\d+/link\?token=\S+$", link)
    seen = {alert["rule"] for alert in records(pipeline, pipeline.alerts)}
    assert seen & {"rapid-fire", "structuring", "dormant-account"}
    assert any(f"alert: {rule}: " in output for rule in seen)


def records(pipeline: Pipeline, topic: str) -> list[dict[str, Any]]:
    return deserialized(pipeline.cluster.registry_url, pipeline.read(topic))


def test_a_second_run_evaluates_the_rest_first_and_counts_only_its_own(pipeline: Pipeline) -> None:
    pipeline.produce(pipeline.transactions(5_000))
    with demo(pipeline, "--duration", "2", "--rate", "500", "--json", "--plain") as run:
        code, summary = run.summary()
    assert code == 0, run.text
    require_consistent(summary)
    assert summary["generated"] < 5_000
    legit, fraud, _ = pipeline.outputs()
    assert len(legit) + len(fraud) == 5_000 + 1_000 + summary["generated"]  # what was left, the warm-up, the run


def test_ctrl_c_ends_it_well(pipeline: Pipeline) -> None:
    with demo(pipeline, "--duration", "600", "--json", "--plain") as run:
        run.wait_for("  2 s  ")
        run.process.send_signal(signal.SIGINT)
        code, summary = run.summary()
    assert code == 0, run.text
    require_consistent(summary)


def test_a_second_ctrl_c_ends_it_at_once_and_leaves_no_process(pipeline: Pipeline) -> None:
    with demo(pipeline, "--duration", "600", "--json", "--plain") as run:
        run.wait_for("  1 s  ")
        services = [run.service("generator"), run.service("detector")]
        services[0].suspend()  # so that the first one can't lead to an end
        run.process.send_signal(signal.SIGINT)
        run.wait_for("ending the generator")
        run.process.send_signal(signal.SIGINT)
        assert run.end() == (130, "")
    assert not any(service.is_running() for service in services)


def test_a_service_that_dies_ends_it_with_the_last_lines_of_its_log(pipeline: Pipeline) -> None:
    with demo(pipeline, "--duration", "600", "--json", "--plain") as run:
        run.wait_for("  1 s  ")
        run.service("detector").kill()
        assert run.end() == (1, "")
        assert "the detector ended early with exit code -9; the end of" in run.text
        assert '"service": "detector"' in run.text


def test_the_services_end_with_a_demo_that_is_killed(pipeline: Pipeline) -> None:
    with demo(pipeline, "--duration", "600", "--plain") as run:
        deadline = time.monotonic() + DEADLINE
        assert run.process.stdout is not None
        while "  1 s  " not in run.process.stdout.readline():
            assert time.monotonic() < deadline
        services = [run.service("generator"), run.service("detector")]
        run.process.kill()
        run.end()
        psutil.wait_procs(services, DEADLINE)
        assert not any(service.is_running() for service in services)


def test_a_doubled_and_a_foreign_verdict_are_reported_with_exit_code_1(pipeline: Pipeline) -> None:
    with demo(pipeline, "--duration", "600", "--json", "--plain") as run:
        run.wait_for("  2 s  ")
        doubled, foreign = pipeline.transactions(2)
        pipeline.produce([doubled])
        pipeline.produce([doubled], pipeline.fraud)
        pipeline.produce([foreign], pipeline.legit)
        run.process.send_signal(signal.SIGINT)
        code, summary = run.summary()
    assert code == 1
    assert (summary["duplicates"], summary["missing"], summary["unexpected"]) == (1, 0, 1)


def test_another_detector_in_the_group_is_an_error(pipeline: Pipeline) -> None:
    with pipeline.start("detector") as other:
        other.wait_for("rebalance", change="assigned")
        with demo(pipeline, "--duration", "5", "--json") as run:
            assert run.end() == (1, "")
            assert "has members already (detector-" in run.text
        assert other.stop() == 0


@pytest.mark.parametrize(
    ("arguments", "environment", "message"),
    [
        (["--duration", "0"], {}, "expected a number above 0, found '0'"),
        (["--duration", "nan"], {}, "expected a number above 0"),
        (["--rate", "-1"], {}, "expected a whole number from 0"),
        ([], {"SCHEMA_REGISTRY_URL": ""}, "SCHEMA_REGISTRY_URL: not set, but KAFKA_BROKER_URL is"),
        ([], {"SUSPICIOUS_AMOUNT": "much"}, "SUSPICIOUS_AMOUNT: "),
    ],
)
def test_wrong_usage(pipeline: Pipeline, arguments: list[str], environment: dict[str, str], message: str) -> None:
    with demo(pipeline, *arguments, **environment) as run:
        code, _ = run.end()
        assert code == 2
        assert message in run.text
        assert "Traceback" not in run.text
