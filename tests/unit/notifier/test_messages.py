"""Messages as people read them: nothing that is masked, nothing that is markup, and everything that they need."""

import struct
import zlib
from dataclasses import replace
from decimal import Decimal
from uuid import UUID, uuid4

import numpy as np
import pytest

from services.notifier.alert import Alert
from services.notifier.events import Event, Kind, Phase, Status
from services.notifier.masking import mask_message, masked
from services.notifier.matching import Condition, Matcher
from services.notifier.notification import Message
from services.notifier.rendering.content import content_of, one_line
from services.notifier.rendering.mail import html_of, text_of_content
from services.notifier.rendering.payload import payload_of
from services.notifier.rendering.report import report_content, report_html, report_text
from services.notifier.rendering.slack import slack_message
from services.notifier.report.figures import Figures, verdicts_of
from services.notifier.report.picture import HEIGHT, WIDTH, bars_by_hour
from tests.support.alerting import alert

SOURCE, TARGET = "payer0000001", "shop00000001"


def message(*alerts: Alert, **changes: object) -> Message:
    labels = {"rule": "fan-in", "key": f"target {TARGET}"}
    return replace(Message(UUID(int=7), 1, Kind.ALERTS, labels=labels, alerts=alerts or [alert()], at=1e9), **changes)


def renderings(sent: Message) -> list[str]:
    content = content_of(sent)
    return [html_of(content), text_of_content(content), str(slack_message(content)), str(payload_of(sent, ""))]


def test_masked_values_are_nowhere_in_a_message() -> None:
    one = alert(reason=f"{SOURCE} paid {TARGET}")
    one = replace(one, figures={"last": TARGET})
    for text in renderings(message(one)):
        assert TARGET in text
        assert SOURCE in text
    for text in renderings(mask_message(message(one, reason=f"about {TARGET}"), ["source", "target"])):
        assert TARGET not in text
        assert SOURCE not in text
        assert "•••001" in text


def test_a_label_is_masked_where_no_alert_is_at_hand() -> None:
    for labels in ({"target": TARGET}, {"key": f"source {SOURCE}, target {TARGET}"}):
        hidden = mask_message(message(kind=Kind.REMINDER, alerts=[], labels=labels), ["target"])
        assert TARGET not in str(hidden)
    assert mask_message(message(), ()).labels["key"] == f"target {TARGET}"


@pytest.mark.parametrize(("value", "shown"), [("payer0000001", "•••001"), ("12345678", "•••"), ("", "•••")])
def test_a_short_value_is_hidden_whole(value: str, shown: str) -> None:
    assert masked(value) == shown


def test_names_and_reasons_are_no_markup() -> None:
    evil = alert("<img src=x>", reason="<script>alert(1)</script> <!channel> *bold*\r\nBcc: x@y", target="a&b<c>00000")
    html, text, slack, _json = renderings(message(evil, labels={"rule": "<img src=x>"}))
    assert "<script>" not in html
    assert "<img" not in html
    assert "<!channel>" not in slack
    assert "&lt;!channel&gt;" in slack
    assert "\r" not in text
    assert one_line("a\r\nBcc: b\x00") == "a Bcc: b"
    assert len(one_line("x" * 500)) == 150


def test_the_worst_alerts_are_shown_and_the_others_counted() -> None:
    alerts = [alert(severity="critical"), *(alert(severity="low") for _ in range(14))]
    content = content_of(message(*alerts, notified_before=3, missing=2, may_be_repeated=True), "https://c/{alert}")
    assert content.title == f"Critical: fan-in, target {TARGET} (17 alerts)"
    assert (len(content.alerts), content.more, content.severity) == (10, 5, "critical")
    assert content.introduction == [
        "17 alerts: 1 critical, 14 low. Rules: fan-in (15).", "3 alerts of this group were told before.",
    ]  # fmt: skip
    assert [warning.split(" ")[0] for warning in content.warnings] == ["This", "2"]
    assert content.alerts[0].link == f"https://c/{alerts[0].id}"
    assert "... and 5 more" in text_of_content(content)
    assert "Open the case" in html_of(content)
    assert "and 5 more" in str(slack_message(content))


def test_titles_of_other_messages() -> None:
    assert content_of(message(kind=Kind.NOTICE, reason="x")).title == "Notice from the fraud notifier"
    assert content_of(message(kind=Kind.REMINDER, notified_before=2, alerts=[])).title.startswith("Reminder: fan-in")
    assert content_of(message(kind=Kind.REPORT, labels={"day": "d"}, alerts=[])).title == "Fraud report of d"
    assert content_of(message(labels={})).title == "High: all rules"
    assert "2 more matches" in content_of(message(replace(alert(), suppressed=2))).alerts[0].note


def test_conditions_compare_texts_numbers_and_severities() -> None:
    one = alert(severity="high", amount="100.00")
    for condition, expected in (
        (Condition("rule", ("fan-*",)), True),
        (Condition("rule", ("fan",)), False),
        (Condition("amount", (), "100"), True),
        (Condition("amount", (), "100.01"), False),
        (Condition("amount", (), None, "99.99"), False),
        (Condition("amount", ("100.00",)), True),
        (Condition("severity", (), "medium", "high"), True),
        (Condition("severity", (), "critical"), False),
        (Condition("key", (TARGET,)), True),
        (Condition("missing", ("*",)), False),
    ):
        assert Matcher((condition,)).matches(one) is expected, condition
    assert str(Matcher()) == "every alert"
    assert str(Matcher((Condition("amount", (), "1", "2"),))) == "amount is at least 1 and amount is at most 2"


def figures() -> Figures:
    counted = Figures(1000.0, 1000.0 + 86_400, {TARGET: "FRAUD", "shop00000002": "NO_FRAUD"})
    counted.transactions = {"legit": 90, "fraud": 10}
    counted.add_alert(alert(severity="critical", amount="5.00"), 1000.0)
    counted.add_alert(alert(severity="low", amount="7.50"), 1000.0 + 86_399)
    counted.add_alert(alert("structuring", target="shop00000002", currency="USD", amount="9"), 1000.0)
    counted.add_alert(alert("structuring", target="shop00000003"), 999.0)  # of the day before
    counted.add_alert(alert("structuring", target="shop00000003"), 1000.0)
    for status in (Status.DELIVERED, Status.DELIVERED, Status.FAILED, Status.SILENCED):
        counted.add_event(Event(uuid4(), Phase.OUTCOME, Kind.ALERTS, status, 1500.0, "desk"))
    counted.add_event(Event(uuid4(), Phase.INTENT, Kind.ALERTS, Status.PENDING, 1500.0, "desk"))
    return counted


def test_the_figures_of_a_report() -> None:
    counted = figures()
    assert (counted.alerts, counted.cases, dict(counted.severities)) == (4, 3, {"critical": 1, "low": 1, "high": 2})
    assert [sum(hour.values()) for hour in counted.hours] == [3] + [0] * 22 + [1]
    (fan_in, one), (structuring, other) = counted.by_rule()
    assert (fan_in, one.alerts, one.fraud, one.no_fraud, one.false_alarms) == ("fan-in", 2, 2, 0, 0.0)
    assert one.amounts == {"EUR": Decimal("12.50")}
    assert (structuring, other.false_alarms, len(other.keys)) == ("structuring", 1.0, 2)
    assert [case.verdict for case in counted.top_cases()] == ["FRAUD", "", "NO_FRAUD"]


def test_a_report_says_its_figures_and_masks_accounts() -> None:
    content = report_content(figures(), message(kind=Kind.REPORT, labels={"day": "2026-01-31"}, may_be_repeated=True),
                             ("target",), "https://c/{alert}")  # fmt: skip
    text, html = report_text(content), report_html(content, "cid:x")
    assert content.title == "Fraud report of 2026-01-31: 4 alerts on 3 accounts"
    for rendered in (text, html):
        assert TARGET not in rendered
        assert "10 (10.0%)" in rendered
        assert "12.50 EUR" in rendered
        assert "may have reached you before" in rendered
    assert "desk: 2 delivered, 1 failed, 0 unknown, 1 suppressed" in text
    assert 'src="cid:x"' in html


def test_a_report_of_a_day_without_anything() -> None:
    content = report_content(Figures(0.0, 86_400.0), message(kind=Kind.REPORT, labels={"day": "d"}), (), "")
    assert "of them fraud, by the rules: 0" in report_text(content)
    assert "Top cases" not in report_html(content, "cid:x")
    assert len(bars_by_hour(Figures(0.0, 1.0).hours)) > 100


def test_a_picture_is_a_png_with_a_bar_for_each_hour() -> None:
    content = bars_by_hour([{"low": 4}, {"critical": 2}, {}])
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = struct.unpack(">II", content[16:24])
    assert (width, height) == (WIDTH, HEIGHT)
    start = content.index(b"IDAT") + 4
    (length,) = struct.unpack(">I", content[start - 8 : start - 4])
    rows = np.frombuffer(zlib.decompress(content[start : start + length]), np.uint8).reshape(HEIGHT, 1 + WIDTH * 3)
    image = rows[:, 1:].reshape(HEIGHT, WIDTH, 3)
    middle = [tuple(image[HEIGHT - 3, WIDTH // 6 * number]) for number in (1, 3, 5)]
    assert middle == [(0x03, 0x69, 0xA1), (0xB3, 0x00, 0x3C), (255, 255, 255)]
    assert tuple(image[HEIGHT // 4, WIDTH // 2]) != middle[1]  # half as high as the first


def test_a_decision_that_needs_a_second_person_counts_once_approved() -> None:
    def decision(action: str, id_: int, **fields: object) -> dict[str, object]:
        return {"id": UUID(int=id_), "action": action, "account": "a", "verdict": None, "needs_approval": False,
                "decision": None} | fields  # fmt: skip

    first = decision("DECIDE", 1, verdict="NO_FRAUD")
    second = decision("DECIDE", 2, verdict="FRAUD", needs_approval=True)
    assert verdicts_of([decision("NOTE", 3), first, second]) == {"a": "NO_FRAUD"}
    assert verdicts_of([first, second, decision("APPROVE", 4, decision=UUID(int=2))]) == {"a": "FRAUD"}
