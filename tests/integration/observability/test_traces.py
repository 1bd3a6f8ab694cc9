"""One trace from the generator to a notification, over real services, at a real collector's interface."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from services.streaming.tracing import sampled_traceparent
from tests.support.http_server import HttpServer
from tests.support.spans import NEEDED, collected_spans
from tools.harness.pipeline import Pipeline
from tools.harness.waiting import wait_for

pytest.importorskip("opentelemetry.exporter.otlp.proto.http", reason=NEEDED)

COUNT = 20
RULES = """
[rules.any]
severity = "high"
when = "amount > 0"
reason = "{amount} {currency}, the {payments}th of {source}"
windows.payments = { measure = "count", by = ["source"], over = "1h", at_least = 1 }
"""
NOTIFICATIONS = """
[route]
receivers = ["desk"]
group_wait = "1s"

[receivers.desk]
type = "webhook"
url = "{url}/desk"
signing_secret = {{ env = "WEBHOOK_SECRET" }}
"""


@pytest.fixture
def collector() -> Iterator[HttpServer]:
    with HttpServer() as server:
        yield server


def test_a_payment_is_followed_from_the_generator_to_the_notification(
    pipeline: Pipeline, collector: HttpServer, tmp_path: Path
) -> None:
    (tmp_path / "rules.toml").write_text(RULES)
    (tmp_path / "notifications.toml").write_text(NOTIFICATIONS.format(url=collector.url))
    traced = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "OTEL_BSP_SCHEDULE_DELAY": "200"}
    with (
        pipeline.start("detector", RULES_FILE=str(tmp_path / "rules.toml"), **traced) as detector,
        pipeline.start(
            "notifier", NOTIFICATIONS_FILE=str(tmp_path / "notifications.toml"), START_NOTIFYING_FROM="beginning",
            WEBHOOK_SECRET="whsec_c2VjcmV0LWZvci10ZXN0cw==", **traced,
        ) as notifier,
    ):  # fmt: skip
        notifier.wait_for("notifying")
        with pipeline.start("generator", MAX_TRANSACTIONS=str(COUNT), TRACE_SAMPLE_RATIO="1", **traced) as generator:
            assert generator.exit_code() == 0
        wait_for(lambda: of_service(collector, "fraud-notifier"), "a notification is traced", pause=0.2)
        assert (detector.stop(), notifier.stop()) == (0, 0)
    created, evaluated = (of_service(collector, f"fraud-{name}") for name in ("generator", "detector"))
    assert {span.name for span in created} == {f"create {pipeline.input}"}
    assert len({span.trace_id for span in created}) == len(created) == COUNT
    by_id = {span.span_id: span for _service, span in collected_spans(collector)}
    # Along the parents of a notification: evaluated by source, by target, created.
    for notified in of_service(collector, "fraud-notifier"):
        names, span = [], notified
        while span is not None:
            names.append(span.name)
            assert span.trace_id == notified.trace_id
            span = by_id.get(span.parent_span_id)
        assert names == ["notify desk", f"process {pipeline.by_source}", f"process {pipeline.input}", created[0].name]
    # Each batch links to the transactions in it.
    batches = [span for span in evaluated if span.name.startswith("process batch")]
    assert {link.span_id for span in batches for link in span.links} >= {span.span_id for span in created}
    # What is written of a transaction has its last span as the parent.
    written = [sampled_traceparent(message.headers()) for message in pipeline.read(pipeline.fraud)]
    last = {span.span_id.hex() for span in evaluated if span.name == f"process {pipeline.by_source}"}
    assert {(context or b"")[36:52].decode() for context in written} == last
    assert len(last) == COUNT


def test_without_a_collector_messages_have_no_context(pipeline: Pipeline) -> None:
    with pipeline.start("generator", MAX_TRANSACTIONS="5", TRACE_SAMPLE_RATIO="1") as generator:
        assert generator.exit_code() == 0
    assert [message.headers() for message in pipeline.read(pipeline.input)] == [None] * 5


def test_a_collector_that_is_away_delays_nobody(pipeline: Pipeline) -> None:
    away = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9", "OTEL_EXPORTER_OTLP_TIMEOUT": "1"}
    with pipeline.start("generator", MAX_TRANSACTIONS="200", TRACE_SAMPLE_RATIO="1", **away) as generator:
        assert generator.exit_code() == 0
    assert len(pipeline.read(pipeline.input)) == 200


def of_service(collector: HttpServer, service: str) -> list[Any]:
    return [span for name, span in collected_spans(collector) if name == service]
