"""The pages of the console, one by one."""

import asyncio
import re
from collections.abc import Mapping
from dataclasses import replace

import pytest
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from services.console.clock import HOUR, now_ms
from services.console.projection.alert_rows import apply_alerts
from services.console.records import CLAIM, DECIDE, NO_FRAUD
from services.console.storage.tables import audit, rule_texts, rules_files
from services.console.web.context import Console
from services.console.web.live import AlertFeed, Events
from services.errors import Unavailable
from services.explanation import TransactionExplanation
from tests.support.console import OPTIONS, Desk, alert, desk, explanation_of


def test_the_queue_has_the_most_urgent_case_first(here: Desk) -> None:
    here.loop.add(
        alert("small0000001", severity=1),
        alert("large0000001", amount=9_000_000),
        alert("late00000001", at=now_ms() - 3 * HOUR),
    )
    page = here.client().get("/")
    accounts = re.findall(r'class="account" href="[^"]+">(\w+)<', page)
    assert accounts == ["large0000001", "late00000001", "small0000001"]
    assert "90\u202f000.00" in page
    assert "2 h over" in page
    assert "large0000001" not in here.client("vera", "viewer").get("/?account=s*")


def test_a_case_is_claimed_decided_and_its_labels_written(here: Desk) -> None:
    here.loop.add(*(alert(number=n) for n in range(3)))
    case, anna = here.case(), here.client()
    text = anna.get(f"/cases/{case.id}")
    assert "52 transfers of 100.00 EUR from 51 accounts in 24 h." in text
    assert "<svg" in text
    assert anna.post(f"/cases/{case.id}/claim").headers["location"].endswith("done=claimed")
    ben = here.client("ben")
    refused = ben.post(f"/cases/{case.id}/decide", verdict="FRAUD", reason="money-mule", alerts="3")
    assert refused.status_code == 409
    assert "anna has claimed the case" in refused.text
    done = anna.post(
        f"/cases/{case.id}/decide", verdict="FRAUD", reason="money-mule", alerts="3", note="called <b>them</b>"
    )
    assert done.headers["location"].endswith("done=decided")
    assert [(label.fraud, label.transaction.target) for label in here.loop.labels] == [(True, case.account)] * 3
    page = anna.get(f"/cases/{case.id}?done=decided")
    assert "called &lt;b&gt;them&lt;/b&gt;" in page
    assert "Decided." in page
    assert here.case().status == "closed"
    assert "mule00000001" in anna.get("/?view=closed")


def test_a_form_that_is_sent_twice_counts_once(here: Desk) -> None:
    here.loop.add(alert())
    case, anna = here.case(), here.client()
    for _ in range(2):
        anna.post(f"/cases/{case.id}/note", note="once", id="6f1b2c1e-8f6b-4d8e-9a55-0d1f2c3b4a59")
    assert anna.get(f"/cases/{case.id}").count("<blockquote>once") == 1


def test_above_the_limit_a_second_person_approves(tmp_path: object) -> None:
    with desk(f"sqlite:///{tmp_path}/console.db", four_eyes_amount=50) as here:
        here.loop.add(alert())
        case, anna, ben = here.case(), here.client(), here.client("ben")
        decided = anna.post(f"/cases/{case.id}/decide", verdict="FRAUD", reason="scam")
        assert decided.headers["location"].endswith("done=proposed")
        assert here.loop.labels == []
        assert here.case().status == "approval"
        assert anna.post(f"/cases/{case.id}/approve").status_code == 409
        assert "needs approval" in ben.get("/?view=approval")
        assert ben.post(f"/cases/{case.id}/reject").headers["location"].endswith("done=rejected")
        anna.post(f"/cases/{case.id}/decide", verdict="NO_FRAUD", reason="known-pattern")
        assert ben.post(f"/cases/{case.id}/approve").headers["location"].endswith("done=approved")
        assert [label.fraud for label in here.loop.labels] == [False]
        assert here.case().verdict == NO_FRAUD


def test_a_rule_is_snoozed_for_an_account(here: Desk) -> None:
    here.loop.add(alert())
    case, anna = here.case(), here.client()
    assert anna.post(f"/cases/{case.id}/snooze", rule="many-senders", days="7").headers["location"].endswith("snoozed")
    here.loop.add(alert(number=1))
    assert here.case().status == "snoozed"
    assert "is snoozed until" in anna.get(f"/cases/{case.id}")
    assert anna.post(f"/cases/{case.id}/snooze", rule="another", days="7").status_code == 409
    assert anna.post(f"/cases/{case.id}/snooze", rule="many-senders", days="9999").status_code == 409


def test_many_cases_are_decided_at_once(here: Desk) -> None:
    here.loop.add(*(alert(f"mule0000000{n}") for n in range(4)))
    ids = [here.case(f"mule0000000{n}").id for n in range(4)]
    here.client("ben").post(f"/cases/{ids[3]}/claim")
    anna = here.client()
    anna.post("/bulk", action=CLAIM, case=ids[:1])
    assert here.case("mule00000000").assignee == "anna"
    done = anna.post("/bulk", action=DECIDE, verdict="NO_FRAUD:rule-too-broad", case=ids, severity="HIGH")
    assert done.headers["location"] == "/?severity=HIGH&done=bulk"
    assert [here.case(f"mule0000000{n}").status for n in range(4)] == ["closed", "closed", "closed", "claimed"]
    assert anna.post("/bulk", action=DECIDE, verdict="FRAUD:nonsense", case=ids).headers["location"] == "/?done=refused"
    assert anna.post("/bulk", action="DELETE", case=ids).headers["location"] == "/?done=refused"


def test_a_filter_is_saved_by_name(here: Desk) -> None:
    anna = here.client()
    anna.post("/filters", name="big ones", severity="HIGH", minimum="500")
    assert "/?severity=HIGH&amp;minimum=500" in anna.get("/")
    assert "big ones" not in here.client("ben").get("/")
    anna.post("/filters", remove="big ones")
    assert "big ones" not in anna.get("/")


def test_a_decision_that_brokers_do_not_confirm_is_not_shown_as_made(here: Desk) -> None:
    here.loop.add(alert())
    case, anna = here.case(), here.client()
    here.loop.is_down = True
    answer = anna.post(f"/cases/{case.id}/decide", verdict="FRAUD", reason="scam")
    assert answer.status_code == 503
    assert "not confirmed" in answer.text
    assert here.case().status == "open"


@pytest.mark.parametrize(
    ("action", "fields"), [("decide", {"verdict": "FRAUD", "reason": "x"}), ("note", {}), ("explode", {})]
)
def test_an_incomplete_form_is_refused_with_a_reason(here: Desk, action: str, fields: dict[str, str]) -> None:
    here.loop.add(alert())
    answer = here.client().post(f"/cases/{here.case().id}/{action}", **fields)
    assert answer.status_code == 409
    assert "Not done" in answer.text


def test_the_graph_of_a_case_is_a_fragment(here: Desk) -> None:
    here.loop.add(*(alert(number=n) for n in range(3)))
    text = here.client().get(f"/cases/{here.case().id}/graph")
    assert text.startswith('<div class="picture"')
    assert "<svg" in text
    assert "4 accounts" in text


def test_rules_show_false_alarms_among_decided_alerts(here: Desk) -> None:
    here.loop.add(*(alert(number=n) for n in range(2)), alert("other0000001", rule="rapid-fire"))
    with here.console.write() as connection:
        connection.execute(rules_files.insert().values(digest="d", text="[rules]", seen_at=1))
        connection.execute(rule_texts.insert().values(
            rule="many-senders", rule_version="0123456789ab", digest="d", text="[rules.many-senders]", mode="live",
            figures='{"senders": ["distinct source", "at least 50"]}', span_ms=HOUR, seen_at=1,
        ))  # fmt: skip
    anna = here.client()
    anna.post(f"/cases/{here.case().id}/decide", verdict="NO_FRAUD", reason="known-pattern")
    page = anna.get("/rules")
    assert "<dd>100%</dd>" in page
    assert "[rules.many-senders]" in page
    assert "Earlier versions" in page
    assert "at least 50" in anna.get(f"/cases/{here.case().id}")


def test_live_shows_figures_and_the_latest_alerts(here: Desk) -> None:
    here.loop.add(alert(at=now_ms()))
    page = here.client().get("/live")
    assert "since=0%3A1" in page
    assert "mule00000001" in page
    assert "detector" in here.client("ben").get("/live/figures")


def test_events_go_on_where_a_browser_left(here: Desk) -> None:
    here.loop.add(*(alert(number=n) for n in range(5)))
    anna = here.client()

    def events(**headers: str) -> list[str]:
        lines: list[str] = []
        with anna.http.stream("GET", "/live/events?since=0:1", headers=headers) as answer:
            for line in answer.iter_lines():
                lines.append(line)
                if len([text for text in lines if text.startswith("id: ")]) == (2 if headers else 4):
                    break
        return [line[4:] for line in lines if line.startswith("id: ")]

    assert events() == ["0:2", "0:3", "0:4", "0:5"]
    assert events(**{"last-event-id": "0:3"}) == ["0:4", "0:5"]


def test_browsers_that_are_equally_far_share_a_read(here: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    here.loop.add(*(alert(number=n) for n in range(5)))
    feed, reads = AlertFeed(here.console), []
    real = feed._read

    def read(positions: Mapping[int, int]) -> Events:
        reads.append(dict(positions))
        if len(reads) == 1:
            raise Unavailable("the database is away")
        return real(positions)

    monkeypatch.setattr(feed, "_read", read)

    async def look() -> list[Events]:
        with pytest.raises(Unavailable):
            await feed.read(1, {0: 1})
        return await asyncio.gather(feed.read(1, {0: 1}), feed.read(1, {0: 1}), feed.read(1, {0: 3}))

    first, second, third = asyncio.run(look())
    assert reads == [{0: 1}, {0: 1}, {0: 3}]  # the one that failed is not kept
    assert first is second
    assert [offset for _, offset, _ in first] == [1, 2, 3, 4]
    assert [offset for _, offset, _ in third] == [3, 4]


def test_a_database_that_is_away_is_named(here: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    anna = here.client()

    def read(_console: Console) -> None:
        raise OperationalError("SELECT", {}, Exception("connection refused"))

    monkeypatch.setattr(Console, "read", read)
    answer = anna.http.get("/")
    assert answer.status_code == 503
    assert "The database does not answer" in answer.text
    assert "connection refused" not in answer.text


def test_an_admin_invites_a_person_and_takes_the_access_away(here: Desk) -> None:
    boss = here.client("boss", "admin")
    page = boss.post("/people", role="analyst").text
    token = re.search(r"link\?token=([\w-]+)", page)
    assert token
    visitor = here.visitor()
    form = visitor.get(f"/link?token={token[1]}").text
    field = re.search(r'name="form_token" value="([^"]+)"', form)
    assert field
    fields = {"form_token": field[1], "token": token[1], "name": "carl", "password": "correct horse 9"}
    assert "at least" in visitor.post("/link", data=fields | {"password": "aaaaaaaaaaaa"}).text
    assert "2 to 63" in visitor.post("/link", data=fields | {"name": "<x>"}).text
    assert "taken" in visitor.post("/link", data=fields | {"name": "Boss"}).text
    assert visitor.post("/link", data=fields).headers["location"] == "/"
    assert visitor.get("/").status_code == 200
    assert here.visitor().get(f"/link?token={token[1]}").status_code == 404  # used
    boss.post("/people/carl", role="analyst", disabled="1")
    assert visitor.get("/").headers["location"] == "/login"
    assert boss.post("/people/boss", role="viewer").status_code == 409


def test_every_action_is_in_the_audit_log(here: Desk) -> None:
    here.loop.add(alert())
    anna, lead = here.client(), here.client("lena", "lead")
    anna.post(f"/cases/{here.case().id}/claim")
    anna.post("/filters", name="x")
    anna.post("/logout")
    with here.console.read() as connection:
        actions = connection.scalars(select(audit.c.action).order_by(audit.c.id)).all()
    assert actions == ["case claim", "filter saved", "logout"]
    assert "case claim" in lead.get("/audit")


def test_contributors_without_a_transaction_are_counted(here: Desk) -> None:
    with here.console.write() as connection:
        apply_alerts(connection, [alert(contributors=("6f1b2c1e-8f6b-4d8e-9a55-0d1f2c3b4a59",))], OPTIONS)
    assert "1 of the 1 contributing transactions" in here.client().get(f"/cases/{here.case().id}")


def test_why_says_each_value_against_its_limit(tmp_path: object) -> None:
    identity, asked = alert().transaction.id, []

    def explain(of: str, since_ms: int) -> TransactionExplanation:
        asked.append((of, since_ms))
        return explanation_of(of, late=True)

    with desk(f"sqlite:///{tmp_path}/console.db", explain=explain) as here:
        here.loop.add(alert(at=1_767_225_600_000))
        anna = here.client()
        assert f'href="/transactions/{identity}" data-key="y"' in anna.get(f"/cases/{here.case().id}")
        assert f'data-fragment="/transactions/{identity}/why"' in anna.get(f"/transactions/{identity}")
        text = anna.get(f"/transactions/{identity}/why")
        assert asked == [(identity, 1_767_225_600_000)]
        shown = ("as the detector wrote", "950.00 at once by &lt;b&gt;", "38 more", "24% of the limit", "at least 50",
                 "in-1-7", "in-value version 1", "by-source-1-2-3", "rules.version e43f", "score 0.7500",
                 "+1.50 paid 950", "later than allowed", f'href="/alerts/{alert().id}"')  # fmt: skip
        for part in shown:
            assert part in text


def test_why_says_where_the_detector_wrote_another_verdict(tmp_path: object) -> None:
    wrote = replace(explanation_of("x"), verdict="legit", fired=())
    with desk(f"sqlite:///{tmp_path}/console.db", explain=lambda *_: wrote) as here:
        text = here.client().get("/transactions/6f1b2c1e-8f6b-4d8e-9a55-0d1f2c3b4a59/why")
    assert "The detector wrote legit (no rule)" in text


def test_why_says_what_is_missing(here: Desk) -> None:
    text = here.client().get("/transactions/6f1b2c1e-8f6b-4d8e-9a55-0d1f2c3b4a59/why")
    assert "no transaction 6f1b2c1e-8f6b-4d8e-9a55-0d1f2c3b4a59 is on queueing.transactions" in text


def test_an_alert_leads_to_its_case(here: Desk) -> None:
    here.loop.add(alert())
    anna = here.client()
    answer = anna.http.get(f"/alerts/{alert().id}")
    assert (answer.status_code, answer.headers["location"]) == (303, f"/cases/{here.case().id}")
    assert anna.http.get("/alerts/6f1b2c1e-8f6b-4d8e-9a55-0d1f2c3b4a59").status_code == 404
    to_login = here.visitor().get(f"/alerts/{alert().id}")
    assert to_login.headers["location"] == f"/login?next=/alerts/{alert().id}"
