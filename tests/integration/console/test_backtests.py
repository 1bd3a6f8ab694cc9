"""Backtests in the console: the pages, the limits, and the worker process."""

import json
import os
import sys
import time
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from sqlalchemy import select, update

from services.console.backtests.manager import STALE_MS
from services.console.backtests.process import BacktestError, Report, Request, run_worker
from services.console.clock import now_ms
from services.console.storage.tables import audit, backtests, rules_files
from services.console.web.backtest import MAX_RULES_BYTES
from tests.support.console import Desk, Person, backtest_result, desk
from tools.harness.waiting import wait_for

RULES = '[rules.large]\nseverity = "low"\nwhen = "amount >= 900"\nreason = "{amount} at once"\n'
UNKNOWN = "6f1b2c1e-8f6b-4d8e-9a55-0d1f2c3b4a59"


def put_in_force(here: Desk, text: str = RULES) -> None:
    with here.console.write() as connection:
        connection.execute(rules_files.insert().values(digest="d", text=text, seen_at=1))


def started(person: Person, text: str = RULES, days: str = "2") -> str:
    answer = person.post("/rules/backtest", rules=text, days=days)
    assert answer.status_code == 303, answer.text
    return str(answer.headers["location"])


def ended(person: Person, path: str) -> str:
    """The page of a backtest that is no longer running."""
    wait_for(lambda: "data-running" not in person.get(f"{path}/progress"), lambda: person.get(path))
    return person.get(path)


def test_a_changed_file_is_compared_with_the_one_in_force(tmp_path: Path) -> None:
    requests = []

    def run(request: Request, report: Report) -> dict[str, Any]:
        requests.append(request)
        assert report("read", 5, 10)
        return backtest_result(UNKNOWN)

    with desk(f"sqlite:///{tmp_path}/console.db", run=run) as here:
        put_in_force(here)
        lena = here.client("lena", "lead")
        assert "when = &#34;amount &gt;= 900&#34;" in lena.get("/rules/backtest")
        path = started(lena, RULES.replace("900", "800").replace("\n", "\r\n"), "0.5")
        page = ended(lena, path)
        assert requests == [Request(RULES.replace("900", "800"), RULES, 12.0)]
        for part in ("1,234 transactions over 12 h", "25% of 4", "75% of 4", "live → shadow", "+3", "+2 in shadow",
                     "\u22121", "950.00 &lt;at&gt; once", "removed", f'href="/transactions/{UNKNOWN}"', "&lt;note&gt;",
                     "-when = &#34;amount &gt;= 900&#34;", "+when = &#34;amount &gt;= 800&#34;"):  # fmt: skip
            assert part in page
        vera = here.client("vera", "viewer")
        assert "75% of 4" in vera.get(path)
        assert "run it again" not in vera.get(path)
        assert "7 → 9 suspicious" in vera.get("/rules")
        with here.console.read() as connection:
            entry = connection.execute(select(audit).where(audit.c.action == "backtest started")).one()
        assert (entry.user, entry.object) == ("lena", f"{path.rpartition('/')[2]}: 0.5 days")


@pytest.mark.parametrize("role", ["viewer", "analyst"])
def test_a_backtest_needs_the_role_lead(here: Desk, role: str) -> None:
    put_in_force(here)
    person = here.client("vera", role)
    assert person.http.get("/rules/backtest").status_code == 403
    assert person.post("/rules/backtest", rules=RULES, days="1").status_code == 403
    assert person.post(f"/backtests/{UNKNOWN}/stop").status_code == 403
    assert 'href="/rules/backtest"' not in person.get("/rules")


@pytest.mark.parametrize(
    ("text", "days", "problem"),
    [
        (RULES, "0", "Days: expected"),
        (RULES, "nan", "Days: expected"),
        (RULES, "many", "Days: expected"),
        (" ", "1", "Rules: expected"),
        ("#" * (MAX_RULES_BYTES + 1), "1", "Rules: expected"),
    ],
)
def test_a_wrong_form_is_refused_and_keeps_the_text(here: Desk, text: str, days: str, problem: str) -> None:
    put_in_force(here)
    answer = here.client("lena", "lead").post("/rules/backtest", rules=text, days=days)
    assert answer.status_code == 422
    assert problem in answer.text
    assert text.strip()[:1000].replace('"', "&#34;").replace(">", "&gt;") in answer.text


def test_a_form_beyond_the_limit_is_not_read(here: Desk) -> None:
    lena = here.client("lena", "lead")
    assert lena.post("/rules/backtest", rules="#" * 600_000, days="1").status_code == 413
    assert lena.post("/filters", name="x" * 70_000).status_code == 413  # other forms are smaller


def test_one_backtest_runs_at_a_time_and_can_be_stopped(tmp_path: Path) -> None:
    begun, seen = Event(), []

    def run(_request: Request, report: Report) -> dict[str, Any]:
        begun.set()
        while report("evaluated", 1, 3):
            time.sleep(0.01)
        seen.append("stopped")
        raise BacktestError("stopped")

    with desk(f"sqlite:///{tmp_path}/console.db", run=run) as here:
        lena = here.client("lena", "lead")
        refused = lena.post("/rules/backtest", rules=RULES, days="1")
        assert refused.status_code == 409
        assert "has not read the rules in force" in refused.text
        put_in_force(here)
        path = started(lena)
        assert begun.wait(10)
        wait_for(lambda: "Evaluating transactions" in lena.get(path), lambda: lena.get(path))
        assert 'max="3" value="1"' in lena.get(f"{path}/progress")
        second = lena.post("/rules/backtest", rules=RULES, days="1")
        assert second.status_code == 409
        assert "a backtest of lena is running" in second.text
        assert lena.post(f"{path}/stop").headers["location"] == path
        assert "It was stopped." in lena.get(path)
        wait_for(lambda: bool(seen), lambda: "the worker goes on")
        lena.post(f"{path}/stop")
        with here.console.read() as connection:
            actions = connection.scalars(select(audit.c.action).order_by(audit.c.id)).all()
        assert actions == ["backtest started", "backtest stopped"]


def test_faults_of_the_file_are_shown_and_the_text_is_kept(here: Desk) -> None:
    put_in_force(here)
    lena = here.client("lena", "lead")
    page = ended(lena, started(lena, "# <mine>"))
    assert "rules.toml:1: expected at least one table [rules.NAME]" in page
    assert "\n# &lt;mine&gt;</textarea>" in page


def test_a_backtest_whose_console_ended_has_failed(tmp_path: Path) -> None:
    forever = Event()

    def run(_request: Request, _report: Report) -> dict[str, Any]:
        forever.wait()
        raise RuntimeError("the disk is full")

    with desk(f"sqlite:///{tmp_path}/console.db", run=run) as here:
        put_in_force(here)
        lena = here.client("lena", "lead")
        path = started(lena)
        with here.console.write() as connection:
            connection.execute(update(backtests).values(seen_at=now_ms() - STALE_MS - 1))
        assert "its console has ended" in lena.get(path)
        second = started(lena)
        forever.set()
        assert "the console failed: its log has the reason" in ended(lena, second)


def test_there_is_no_page_of_an_unknown_backtest(here: Desk) -> None:
    lena = here.client("lena", "lead")
    for path in (f"/backtests/{UNKNOWN}", f"/backtests/{UNKNOWN}/progress"):
        assert lena.http.get(path).status_code == 404
    assert lena.post(f"/backtests/{UNKNOWN}/stop").status_code == 404


def worker(program: str, seconds: float = 30, report: Report = lambda *_: True) -> Any:
    return run_worker(Request(RULES, RULES, 1), report, seconds, [sys.executable, "-c", program])


def test_a_worker_that_takes_too_long_is_killed(tmp_path: Path) -> None:
    program = f"import os, time; open({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid())); time.sleep(600)"
    with pytest.raises(BacktestError, match=r"longer than 3 s \(BACKTEST_SECONDS\): choose fewer days"):
        worker(program, seconds=3)
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


def test_a_worker_that_is_not_wanted_any_more_is_killed() -> None:
    line = json.dumps({"phase": "read", "done": 1, "total": 2})
    with pytest.raises(BacktestError, match="stopped"):
        worker(f"import time; print({line!r}, flush=True); time.sleep(600)", report=lambda *_: False)


def test_a_worker_that_dies_has_no_result() -> None:
    with pytest.raises(BacktestError, match="ended without a result"):
        worker("import os; os.abort()")


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ('[rules.large]\nseverity = "low"\nwhen = "amout >= 1"\nreason = "x"', r"^rules.toml:3: .*amout"),
        ('[models.m]\nfile = "../../../../etc/passwd"\n' + RULES, "etc/passwd: not a model file of the rules in force"),
        ("[" + ".".join("a" * 60_000) + "]", "BACKTEST_SECONDS"),
    ],
)  # fmt: skip
def test_the_worker_says_what_is_wrong(monkeypatch: pytest.MonkeyPatch, changed: str, error: str) -> None:
    monkeypatch.setenv("KAFKA_BROKER_URL", "127.0.0.1:1")
    monkeypatch.setenv("SCHEMA_REGISTRY_URL", "http://127.0.0.1:1")
    with pytest.raises(BacktestError, match=error):
        run_worker(Request(changed, RULES, 1), lambda *_: True, 3 if "BACKTEST" in error else 60)
