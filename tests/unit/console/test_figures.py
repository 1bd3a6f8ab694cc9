"""Figures, pictures and filters of the console."""

import uuid
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal as Number
from urllib.parse import parse_qsl

import numpy as np
import pytest

from services.console.charts.account_graph import MAX_ACCOUNTS, draw_graph
from services.console.charts.sparkline import draw_bars, draw_rates
from services.console.charts.svg import tag
from services.console.charts.timeline import draw_timeline
from services.console.formats import duration, moment, money
from services.console.queries.live import event_id, parse_event_id
from services.console.queries.queue import Filter
from services.console.recent import RecentTransactions
from services.console.records import Position, Transaction, alert_of, decision_of
from services.console.security.roles import allows, highest
from services.console.security.secrets import hash_password, password_problem, verify_password
from services.console.settings import ConsoleSettings
from services.console.web.protection import local_path


def payment(source: str, target: str, number: int, amount: int = 500) -> Transaction:
    return Transaction(str(uuid.UUID(int=number << 96)), source, target, amount, "EUR", number)


@pytest.mark.parametrize(
    ("milliseconds", "shown"),
    [
        (0, "0 s"),
        (59_999, "60 s"),
        (60_000, "1 min"),
        (-7_200_000, "2 h"),
        (47 * 3_600_000, "47 h"),
        (172_800_000, "2 d"),
    ],
)
def test_durations_have_one_unit(milliseconds: int, shown: str) -> None:
    assert duration(milliseconds) == shown


def test_money_is_exact() -> None:
    assert money(123456789, 2) == "1\u202f234\u202f567.89"
    assert money(-5, 2) == "-0.05"
    assert money(1234, 0) == "1\u202f234"
    assert money(1500, 3) == "1.500"


def test_moments_are_utc() -> None:
    assert moment(0) == "1970-01-01 00:00:00"
    assert moment(None) == ""


def test_a_single_payment_is_at_the_end_of_the_line_with_one_caption() -> None:
    drawn = draw_timeline([replace(payment("a", "b", 1), created_at=1_700_000_000_000)], [], 86_400_000, str)
    assert drawn
    assert drawn.count(">11-14 22:13:20<") == 1
    assert 'text-anchor="start"' not in drawn


def test_svg_escapes_every_value() -> None:
    made = tag("text", tag("title", text="<b>"), text="a & b", x=1.25, class_='"x"', none=None)
    assert made == '<text x="1.2" class="&quot;x&quot;">a &amp; b<title>&lt;b&gt;</title></text>'


def test_the_timeline_marks_alerts_and_the_window() -> None:
    payments = [payment("a", "b", 1_000), payment("<script>", "b", 61_000, 900)]
    picture = draw_timeline(payments, {payments[1].id}, 60_000, lambda minor: money(minor, 2))
    assert picture is not None
    assert picture.count("<circle") == 2
    assert picture.count("alerted") == 1
    assert "window of 1 min" in picture
    assert "<script>" not in picture
    assert draw_timeline([], set(), 0, str) is None


def test_a_long_window_does_not_squeeze_the_payments() -> None:
    payments = [payment("a", "b", number * 1000) for number in range(10)]
    picture = draw_timeline(payments, set(), 72 * 3_600_000, str)
    assert picture is not None
    places = [float(part.split('"')[0]) for part in picture.split('cx="')[1:]]
    assert max(places) - min(places) > 700


def test_the_graph_has_two_steps_and_no_more() -> None:
    chain = [payment("a", "b", 1), payment("b", "c", 2), payment("c", "d", 3)]
    graph = draw_graph(chain, "a", str)
    assert graph is not None
    assert (graph.accounts, graph.payments, graph.begin, graph.end, graph.left_out) == (3, 2, 1, 2, 0)
    assert graph.picture == draw_graph(chain, "a", str).picture  # type: ignore[union-attr]
    assert draw_graph(chain, "z", str) is None


def test_a_large_graph_says_what_it_leaves_out() -> None:
    star = [payment(f"payer{number}", "mule", number) for number in range(1, 100)]
    graph = draw_graph(star, "mule", str)
    assert graph is not None
    assert (graph.accounts, graph.left_out) == (MAX_ACCOUNTS, 100 - MAX_ACCOUNTS)


def test_small_charts_show_nothing_as_nothing() -> None:
    assert draw_bars([0, 3], "x").count("none") == 2  # the empty bar, and preserveAspectRatio
    assert "at most 5" in draw_rates([1, 5], [0, 0])


def test_event_ids_lead_back_to_positions() -> None:
    assert parse_event_id(event_id({1: 5, 0: 7})) == {0: 7, 1: 5}
    for text in ("", "1", "a:b", "1:2;drop", "1:2,", "9" * 30_000):
        assert parse_event_id(text) is None


def test_filters_come_back_from_their_address() -> None:
    given = {"view": "closed", "severity": "high", "account": "ab*", "minimum": "12", "page": "3", "rule": "x"}
    selection = Filter.of(given, 2)
    assert (selection.severity, selection.minimum, selection.page) == ("HIGH", 1200, 3)
    assert Filter.of(dict(parse_qsl(selection.query(2))), 2) == selection


@pytest.mark.parametrize(
    "query", [{"view": "x"}, {"severity": "x"}, {"minimum": "nan"}, {"minimum": "1e999"}, {"page": "-1"}]
)
def test_senseless_filters_select_nothing_special(query: dict[str, str]) -> None:
    assert Filter.of(query, 2) == Filter()


def columns(payments: list[Transaction]) -> dict[str, np.ndarray]:  # type: ignore[type-arg]
    fields = ("id", "source", "target", "amount", "currency", "created_at")
    values = {name: [getattr(item, name) for item in payments] for name in fields}
    return {name: np.array([v.encode() for v in vs] if isinstance(vs[0], str) else vs) for name, vs in values.items()}


def test_the_latest_transactions_push_out_the_oldest() -> None:
    recent, payments = RecentTransactions(5), [payment(f"a{n}", "b", n) for n in range(1, 9)]
    recent.add(columns(payments[:4]))
    recent.add(columns(payments[4:]))
    assert recent.find([item.id for item in payments]) == [payments[i] for i in (5, 6, 7, 3, 4)]
    assert recent.of_accounts({"a8", "a7"}, 1) == [payments[7]]
    assert recent.find([]) == []
    recent.add(columns(payments))
    assert recent.find([payments[2].id]) == []


def test_rates_are_of_whole_seconds() -> None:
    recent = RecentTransactions(10)
    recent.count("legit", 4, now=100)
    recent.count("legit", 1, now=101)
    recent.count("fraud", 2, now=101.9)
    assert recent.rates(3, now=102) == (expected := type(recent.rates(1))([0, 4, 1], [0, 0, 2])), expected
    recent.count("legit", 1, now=1000)
    assert sum(recent.rates(900, now=1001).legit) == 1


def test_records_become_alerts_and_decisions() -> None:
    at = datetime(2026, 1, 2, tzinfo=UTC)
    transaction = {"id": uuid.UUID(int=1), "source": "a", "target": "b", "amount": Number("12.30"), "currency": "EUR",
                   "created_at": at}  # fmt: skip
    record = {"id": uuid.UUID(int=2), "rule": "r", "rule_version": "v", "severity": "HIGH", "reason": "x",
              "transaction": transaction, "key": {}, "figures": {}, "contributors": [uuid.UUID(int=1)],
              "detected_at": at, "suppressed": 0}  # fmt: skip
    made = alert_of(record, None, Position(0, 0), 2)
    assert (made.account, made.severity, made.transaction.amount) == ("b", 2, 1230)
    assert alert_of(record, b"key\xff", Position(0, 0), 2).account == "key\ufffd"
    decision = decision_of(
        {"id": uuid.UUID(int=3), "case": uuid.UUID(int=4), "account": "b", "action": "SNOOZE", "verdict": None,
         "reason": None, "note": None, "alerts": 0, "needs_approval": False, "decision": uuid.UUID(int=5), "rule": "r",
         "until": at, "by": "anna", "at": at}, Position(1, 2),
    )  # fmt: skip
    assert decision_of(decision.record(), Position(1, 2)) == decision


def test_each_role_includes_those_before_it() -> None:
    assert allows("lead", "analyst")
    assert not allows("viewer", "analyst")
    assert not allows("root", "viewer")
    assert highest(["analyst", "x", "lead"]) == "lead"
    assert highest("viewer") == "viewer"
    assert highest({"role": "admin"}) is None


def test_passwords_are_stored_as_salted_hashes() -> None:
    one, other = hash_password("correct horse"), hash_password("correct horse")
    assert one != other
    assert one.startswith("$argon2id$")
    assert verify_password("correct horse", one)
    assert not verify_password("wrong horse", one)


@pytest.mark.parametrize(
    ("password", "name"), [("short", "x"), ("a" * 300, "x"), ("aaaaaaaaaaaa", "x"), ("Anna-123456", "anna")]
)
def test_poor_passwords_are_refused(password: str, name: str) -> None:
    assert password_problem(password, name)
    assert password_problem("correct horse", "anna") is None


@pytest.mark.parametrize(
    "path", ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)", ""]
)
def test_a_login_leads_nowhere_else(path: str) -> None:
    assert local_path(path) == "/"
    assert local_path("/cases/1?x=2") == "/cases/1?x=2"


def test_settings_are_read_from_words(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    monkeypatch.setenv("KAFKA_BROKER_URL", "h:1")
    monkeypatch.setenv("SLA_HOURS", "critical=0.5, low=9")
    monkeypatch.setenv("SERVICE_ENDPOINTS", "detector=http://d:1,generator=http://g:2")
    settings = ConsoleSettings()
    assert settings.sla_hours == (9, 24, 4, 0.5)
    assert settings.service_endpoints[1] == ("generator", "http://g:2")
    assert settings.url == "http://127.0.0.1:8080"
    assert ConsoleSettings(console_host="::1").url == "http://[::1]:8080"


@pytest.mark.parametrize(
    ("name", "value"), [("SLA_HOURS", "worst=1"), ("SLA_HOURS", "low"), ("SERVICE_ENDPOINTS", "x")]
)
def test_wrong_words_are_refused(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv("KAFKA_BROKER_URL", "h:1")
    monkeypatch.setenv(name, value)
    with pytest.raises(ValueError, match="expected"):
        ConsoleSettings()
