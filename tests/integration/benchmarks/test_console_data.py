"""Alerts for the load on the console, in a database of its own."""

import uuid
from pathlib import Path

from sqlalchemy import func, select

from benchmarks.console_data import account, alert_record, seed
from benchmarks.console_load import Measured
from services.console.queries.queue import Filter, queue_page
from services.console.storage.database import migrate, open_database
from services.console.storage.tables import alerts, cases
from services.contracts import RecordEncoder, load_contracts


def test_a_seeded_database_has_the_alerts_in_open_cases_and_is_seeded_once(tmp_path: Path) -> None:
    engine = open_database(f"sqlite:///{tmp_path}/console.db")
    migrate(engine)
    assert seed(engine, 1200, 30) == 0
    assert seed(engine, 1200, 30) == 1200
    with engine.begin() as connection:
        assert connection.scalar(select(func.count()).select_from(alerts)) == 1200
        assert connection.scalar(select(func.count()).select_from(cases).where(cases.c.status == "open")) == 30
        assert queue_page(connection, Filter(account=account(29))).total == 1
    engine.dispose()


def test_a_record_fits_the_contract() -> None:
    schema = load_contracts().topic("streaming.alerts").required_schema.json
    record = alert_record(uuid.uuid4(), account(1), 5)
    assert RecordEncoder(schema).encode(record)


def test_pages_are_summed_up_without_events() -> None:
    measured = Measured()
    measured.times |= {"queue": [0.001 * number for number in range(1, 101)], "live event": [9.0], "note": []}
    rows = measured.rows()
    assert rows["queue"] == {"count": 100, "median": 50.5, "p95": 96.0, "max": 100.0}
    assert rows["all pages"] == rows["queue"]
    assert rows["live event"]["max"] == 9000
    assert "note" not in rows
