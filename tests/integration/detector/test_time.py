"""Event times before, far before and after the clock, through to the verdicts."""

import time
import urllib.request

from tests.support.payments import Payment, pay
from tests.support.ports import free_port
from tools.harness.pipeline import Pipeline
from tools.harness.processes import Service

DAY_MS = 86_400_000
RULES = """
[rules.rapid-fire]
severity = "high"
reason = "{payments} payments"
windows.payments = { measure = "count", by = ["target", "source"], over = "1m", at_least = 3 }
"""


def start(pipeline: Pipeline, **settings: str) -> Service:
    path = pipeline.directory / "rules.toml"
    path.write_text(RULES)
    return pipeline.start("detector", RULES_FILE=str(path), ALLOWED_LATENESS="600", **settings)


def fired(pipeline: Pipeline, *payments: Payment) -> list[bool]:
    """Return whether the rule matched each of some payments, written one after the other; all go to one account."""
    before = sum(len(pipeline.read(topic)) for topic in (pipeline.legit, pipeline.fraud))
    pay(pipeline, payments)
    pipeline.wait_for_outputs(before + len(payments))
    fraud = b"".join(message.value() or b"" for message in pipeline.read(pipeline.fraud))
    return [payment.id.encode() in fraud for payment in payments]


def test_no_date_of_one_account_changes_the_verdicts_on_others(pipeline: Pipeline) -> None:
    now = time.time_ns() // 1_000_000
    last_year = now - 365 * DAY_MS
    port = free_port()

    def of(name: str, *times: int) -> list[Payment]:
        return [Payment(name, "shop", 1000, at) for at in times]

    with start(pipeline, METRICS_PORT=str(port)) as detector:
        # A replay of last year's data is evaluated by last year's time.
        assert fired(pipeline, *of("old", last_year, last_year + 59_000, last_year + 59_500)) == [False, False, True]
        assert fired(pipeline, *of("old", last_year + 3 * 60_000)) == [False]
        # The present, and what is late by less than is allowed.
        assert fired(pipeline, *of("ann", now - 5000, now, now - 2000)) == [False, False, False]
        assert fired(pipeline, *of("ann", now + 1)) == [True]
        # Dates ahead, by a minute and by years: the other accounts' windows hold what they held.
        assert fired(pipeline, *of("bob", now, now + 1)) == [False, False]
        ahead = [now + 60_000, now + 20 * 60_000, now + 20 * 365 * DAY_MS]
        assert fired(pipeline, *of("eve", *ahead)) == [False, False, False]
        assert fired(pipeline, *of("bob", now + 2)) == [True]
        # Together in their own time they are what they are anywhere.
        assert fired(pipeline, *of("joe", *(now + 30 * DAY_MS + offset for offset in range(3)))) == [False, False, True]
        # Far before the clock: windows have gone on; they have verdicts, and are counted.
        assert fired(pipeline, *of("old", *(last_year + 10 * DAY_MS + offset for offset in range(3)))) == 3 * [False]
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as response:
            metrics = response.read().decode()
        (late,) = [line for line in metrics.splitlines() if line.startswith("fraud_detector_late_transactions_total{")]
        assert late == f'fraud_detector_late_transactions_total{{topic="{pipeline.input}"}} 3.0'
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz") as response:
            assert "CreateTime" not in response.read().decode()
        assert detector.stop() == 0


def test_producers_that_date_their_records_are_shown(pipeline: Pipeline) -> None:
    pipeline.alter(pipeline.input, message_timestamp_type="CreateTime")
    port = free_port()
    with start(pipeline, METRICS_PORT=str(port)) as detector:
        event = detector.wait_for("timestamps set by producers")
        assert f"{pipeline.input} has message.timestamp.type=CreateTime" in event["reason"]
        detector.wait_for("rebalance", change="assigned")
        pay(pipeline, [Payment("ann", "shop", 1000)])
        pipeline.wait_for_outputs(1)
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz") as response:  # it is ready all the same
            assert "message.timestamp.type=CreateTime" in response.read().decode()
        assert detector.stop() == 0
