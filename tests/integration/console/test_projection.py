"""Alerts and decisions in the database, of either kind."""

import random
import uuid
from dataclasses import replace

import pytest
from sqlalchemy import select

from services.console.clock import DAY, HOUR
from services.console.projection.rebuild import clear, counts, require_whole
from services.console.projection.topic_offsets import Overtaken, advance, read_offsets
from services.console.queries.case import labels_of
from services.console.queries.queue import Filter, following, queue_page
from services.console.queries.rules import rule_versions
from services.console.records import CLAIM, DECIDE, FRAUD, NO_FRAUD, SNOOZE, UNKNOWN, Decision, Position
from services.console.storage.database import migrate, open_database, writing
from services.console.storage.tables import cases, offsets
from services.errors import ContractError, Unavailable, UsageError
from tests.support.console import alert, dump, project

BASE = 1_700_000_000_000


def decide(case: str, verdict: str, alerts: int, offset: int, *, by: str = "anna", account: str = "m") -> Decision:
    identifier = str(uuid.uuid5(uuid.NAMESPACE_OID, f"{case}{offset}"))
    return Decision(identifier, case, account, DECIDE, by, BASE + offset, verdict, "other", None, alerts,
                    position=Position(0, offset))  # fmt: skip


def test_alerts_of_an_account_make_a_case_until_its_time_is_over(database_url: str) -> None:
    engine = open_database(database_url)
    migrate(engine)
    first = [alert("m", n, at=BASE + n * 1000, amount=1000 * (n + 1)) for n in range(3)]
    later = alert("m", 9, at=BASE + 25 * HOUR, severity=1)
    project(engine, [*first, alert("other", 0, at=BASE)])
    project(engine, [*first, later])  # the first ones again: they count once
    with engine.begin() as connection:
        rows = connection.execute(select(cases).order_by(cases.c.account, cases.c.first_event_at)).all()
        assert [(row.account, row.alerts, row.amount) for row in rows] == [
            ("m", 3, 6000), ("m", 1, 10_000), ("other", 1, 10_000),
        ]  # fmt: skip
        assert queue_page(connection, Filter(account="m")).total == 2
        assert queue_page(connection, Filter(account="o*", rule="many-senders")).total == 1
        assert queue_page(connection, Filter(severity="HIGH", minimum=6000)).total == 2
        assert queue_page(connection, Filter(assignee="-")).total == 3
        assert queue_page(connection, Filter(assignee="anna")).total == 0
    engine.dispose()


def test_a_transaction_with_two_alerts_counts_once(database_url: str) -> None:
    engine = open_database(database_url)
    migrate(engine)
    one = alert("m", 0, at=BASE)
    project(engine, [one])
    project(engine, [replace(one, id=str(uuid.uuid4()), rule="large-amount", position=Position(0, 1))])
    dollars = alert("m", 2, at=BASE, amount=70_000, currency="USD")
    project(engine, [dollars])
    with engine.begin() as connection:
        row = connection.execute(select(cases)).one()
    assert (row.alerts, row.amount, row.currency) == (3, 70_000, "USD")
    assert row.amounts == '{"EUR": 10000, "USD": 70000}'
    engine.dispose()


def test_a_verdict_counts_for_the_rules_and_a_new_alert_opens_the_case(database_url: str) -> None:
    engine = open_database(database_url)
    migrate(engine)
    project(engine, [alert("m", n, at=BASE + n) for n in range(3)])
    with engine.begin() as connection:
        case = connection.scalar(select(cases.c.id)) or ""
    project(engine, decisions=[decide(case, NO_FRAUD, 2, 0)])
    with engine.begin() as connection:
        (rule,) = rule_versions(connection)
        assert (rule.fired, rule.no_fraud, rule.false_alarm_rate) == (3, 2, 1.0)
        assert connection.scalar(select(cases.c.status)) == "open"  # the third alert was not seen
        assert len(labels_of(connection, case, 2, FRAUD)) == 2
        assert labels_of(connection, case, 2, UNKNOWN) == []
    project(engine, decisions=[decide(case, FRAUD, 3, 1)])
    with engine.begin() as connection:
        (rule,) = rule_versions(connection)
        assert (rule.fraud, rule.no_fraud, rule.false_alarm_rate) == (3, 0, 0.0)
        assert connection.scalar(select(cases.c.status)) == "closed"
        assert following(connection, 0, "anna") is None
    project(engine, [alert("m", 5, at=BASE + 5)])
    with engine.begin() as connection:
        assert connection.scalar(select(cases.c.status)) == "open"
        assert following(connection, 0, "anna") == case
    engine.dispose()


def test_a_snoozed_rule_needs_no_decision_until_its_date(database_url: str) -> None:
    engine = open_database(database_url)
    migrate(engine)
    project(engine, [alert("m", 0, at=BASE)])
    with engine.begin() as connection:
        case = connection.scalar(select(cases.c.id)) or ""

    def snooze(until: int, offset: int) -> Decision:
        return Decision(str(uuid.uuid4()), case, "m", SNOOZE, "anna", BASE, rule="many-senders", until=until,
                        position=Position(0, offset))  # fmt: skip

    def status() -> str | None:
        with engine.begin() as connection:
            return connection.scalar(select(cases.c.status))

    project(engine, decisions=[snooze(BASE + HOUR, 0)])
    assert status() == "snoozed"
    project(engine, [alert("m", 1, at=BASE + 1000)])
    assert status() == "snoozed"
    project(engine, [alert("m", 2, at=BASE + 2 * HOUR)])
    assert status() == "open"
    project(engine, decisions=[snooze(BASE, 1)])
    with engine.begin() as connection:
        assert connection.scalar(select(cases.c.unsnoozed_alerts)) == 3
    engine.dispose()


def test_the_second_of_two_people_is_told(database_url: str) -> None:
    engine = open_database(database_url)
    migrate(engine)
    project(engine, [alert("m", 0, at=BASE)])
    with engine.begin() as connection:
        case = connection.scalar(select(cases.c.id)) or ""
    claims = [Decision(str(uuid.uuid4()), case, "m", CLAIM, who, BASE, position=Position(0, n))
              for n, who in enumerate(("anna", "ben"))]  # fmt: skip
    project(engine, decisions=claims)
    project(engine, decisions=claims)
    rows = dump(engine)["decisions"]
    assert sorted(str(row[14]) for row in rows) == ["None", "anna has claimed the case"]
    engine.dispose()


def test_topics_may_be_read_in_any_order(database_url: str) -> None:
    engine = open_database(database_url)
    migrate(engine)
    randomness = random.Random(7)
    alerts = [
        alert(f"m{n % 5}", n, at=BASE + randomness.randrange(3 * DAY), severity=n % 4, rule=f"rule-{n % 3}")
        for n in range(60)
    ]
    project(engine, alerts)
    with engine.begin() as connection:
        found = connection.execute(select(cases.c.id, cases.c.account).order_by(cases.c.id)).all()
    verdicts = (FRAUD, NO_FRAUD, UNKNOWN)
    decisions = [
        decide(row.id, verdicts[n % 3], n % 7, n, by=f"p{n % 2}", account=row.account)
        for n, row in enumerate(randomness.choices(found, k=40))
    ]
    decisions.append(Decision(str(uuid.uuid4()), found[0].id, found[0].account, SNOOZE, "anna", BASE, rule="rule-1",
                              until=BASE + DAY, position=Position(0, 99)))  # fmt: skip
    project(engine, decisions=decisions)
    expected = dump(engine)
    for _ in range(2):
        clear(engine)
        assert not any(dump(engine).values())
        steps = [("a", [item]) for item in alerts] + [("d", [item]) for item in decisions]
        order = sorted(range(len(steps)), key=lambda _: randomness.random())
        # The order within each topic stays.
        queues = {"a": iter(alerts), "d": iter(decisions)}
        for index in order:
            kind = steps[index][0]
            item = next(queues[kind])
            project(engine, **{"alerts" if kind == "a" else "decisions": [item]})  # type: ignore[arg-type]
        again = dump(engine)
        assert {name: again[name] for name in expected} == expected
    engine.dispose()


def test_offsets_move_with_the_rows_or_not_at_all(database_url: str) -> None:
    engine = open_database(database_url)
    migrate(engine)
    with writing(engine).begin() as connection:
        advance(connection, {}, {("alerts", 0): 5})

    def overtaken() -> None:
        with writing(engine).begin() as connection:
            connection.execute(offsets.insert().values(topic="other", partition=0, next_offset=1))
            advance(connection, {("alerts", 0): 4}, {("alerts", 0): 6})

    with pytest.raises(Overtaken):
        overtaken()
    with engine.begin() as connection:
        assert read_offsets(connection) == {("alerts", 0): 5}
    engine.dispose()


def test_the_migrations_make_the_tables_of_the_code(database_url: str) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    from services.console.storage.tables import metadata

    engine = open_database(database_url)
    migrate(engine)
    migrate(engine)
    with engine.begin() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    engine.dispose()


@pytest.mark.parametrize("url", ["mysql://x/y", "nonsense", ""])
def test_another_database_is_refused(url: str) -> None:
    with pytest.raises(UsageError, match="DATABASE_URL: expected sqlite"):
        open_database(url)


def test_a_database_that_is_away_is_waited_for() -> None:
    with pytest.raises(Unavailable, match="the database does not answer"):
        migrate(open_database("postgresql://nobody@127.0.0.1:1/none"))


def test_a_rebuild_does_not_lose_what_topics_have_lost(database_url: str) -> None:
    engine = open_database(database_url)
    migrate(engine)
    project(engine, [alert("m", n, at=BASE + n) for n in range(3)])
    with engine.begin() as connection:
        require_whole(connection, {("alerts", 0): (0, 3)}, "alerts", "decisions")
        with pytest.raises(ContractError, match="2 records of the database are no longer in the topics"):
            require_whole(connection, {("alerts", 0): (2, 3), ("decisions", 0): (0, 0)}, "alerts", "decisions")
        assert counts(connection) == {"alerts": 3, "cases": 1, "decisions": 0}
    engine.dispose()
