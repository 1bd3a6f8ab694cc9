"""The console as a process, on a real broker and registry: from an alert to a label, and back after a kill."""

from pathlib import Path

import pytest

from services.console.storage.database import open_database
from tests.support.console import dump
from tests.support.console_process import ConsoleProcess, records
from tools.harness.pipeline import Pipeline
from tools.harness.waiting import wait_for


@pytest.fixture
def console(pipeline: Pipeline, tmp_path: Path) -> ConsoleProcess:
    (tmp_path / "own").mkdir()
    return ConsoleProcess(pipeline, tmp_path / "own")


def test_from_an_alert_to_a_label_and_back_after_a_kill(pipeline: Pipeline, console: ConsoleProcess) -> None:
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
