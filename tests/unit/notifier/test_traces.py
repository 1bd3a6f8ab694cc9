"""Spans of attempts: of those that tell of sampled alerts."""

import time
from typing import TYPE_CHECKING, Any, cast
from uuid import uuid4

import pytest

from services.notifier.alert import Alert
from services.notifier.events import Kind
from services.notifier.notification import Answer, Message, Result
from services.notifier.traces import AttemptTraces
from tests.support.alerting import alert_record
from tests.support.spans import MemoryTracer

if TYPE_CHECKING:
    from services.notifier.model import Receiver

FIRST = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
SECOND = b"00-1af7651916cd43dd8448eb211c80319c-c7ad6b7169203331-01"
DESK = cast("Receiver", type("Desk", (), {"name": "desk"})())


def ended(memory: MemoryTracer, result: Result, *traces: bytes | None) -> list[Any]:
    message = Message(uuid4(), 1, Kind.ALERTS, alerts=[Alert.of(alert_record(), trace) for trace in traces])
    AttemptTraces(memory.tracer).ended(DESK, message, result, time.time_ns())
    return memory.spans


def test_an_attempt_is_in_the_trace_of_its_first_alert_and_links_to_the_others() -> None:
    (span,) = ended(MemoryTracer(), Result(Answer.DELIVERED), None, FIRST, SECOND, FIRST)
    assert (span.name, span.status.status_code.name) == ("notify desk", "UNSET")
    assert f"{span.context.trace_id:032x}".encode() == FIRST[3:35]
    assert f"{span.parent.span_id:016x}".encode() == FIRST[36:52]
    assert [f"{link.context.span_id:016x}".encode() for link in span.links] == [SECOND[36:52]]


@pytest.mark.parametrize("answer", [Answer.REFUSED, Answer.UNKNOWN, Answer.RETRY])
def test_an_attempt_that_did_not_deliver_has_the_reason(answer: Answer) -> None:
    (span,) = ended(MemoryTracer(), Result(answer, "no such channel"), FIRST)
    assert (span.status.status_code.name, span.status.description) == ("ERROR", "no such channel")


def test_an_attempt_about_alerts_that_are_not_sampled_leaves_no_trace() -> None:
    assert ended(MemoryTracer(), Result(Answer.DELIVERED), None) == []
