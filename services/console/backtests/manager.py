"""Backtests that people ask for: one at a time, each with a row that pages read."""

import json
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from threading import Thread
from typing import Any

import structlog
from sqlalchemy import Connection, Engine, Row, delete, insert, select, update

from services.console.backtests.process import BacktestError, Report, Request
from services.console.clock import SECOND, now_ms
from services.console.storage.database import writing
from services.console.storage.tables import backtests, rules_files
from services.errors import ContractError

log = structlog.get_logger()

RUNNING, DONE, FAILED, STOPPED = "running", "done", "failed", "stopped"
KEPT = 50
STALE_MS = 60 * SECOND
"""A backtest that says nothing for so long has ended with its console."""

Run = Callable[[Request, Report], Mapping[str, Any]]
"""Makes a backtest.

Raises:
    BacktestError: It has no result.
"""


class BacktestRefusedError(ContractError):
    """No backtest can be started now."""


@dataclass(frozen=True)
class Backtest:
    """A backtest.

    Attributes:
        id: Its id.
        user: Who asked for it.
        hours: The time that it looks back.
        started_at: When it was asked for.
        state: `running`, `done`, `failed` or `stopped`.
        phase: Of a running one, what it does.
        done: How much of that is done.
        total: How much there is to do.
        error: Why it failed, one line for each fault of the rules.
        in_force: Content of the rules file in force.
        changed: Content of the changed file.
        result: What came out, as `services.history.result.Result` in JSON; empty without.
    """

    id: str
    user: str
    hours: float
    started_at: int
    seen_at: int
    state: str
    phase: str
    done: int
    total: int
    error: str
    in_force: str
    changed: str
    result: Mapping[str, Any]

    @property
    def is_running(self) -> bool:
        """Return whether there will be a result."""
        return self.state == RUNNING


def find_backtest(connection: Connection, identifier: str) -> Backtest | None:
    """Return a backtest; None where there is none."""
    row = connection.execute(select(backtests).where(backtests.c.id == identifier)).first()
    return None if row is None else _backtest(row)


def latest_backtests(connection: Connection, limit: int = 20) -> list[Backtest]:
    """Return the latest backtests, the newest first."""
    rows = connection.execute(select(backtests).order_by(backtests.c.started_at.desc()).limit(limit))
    return [_backtest(row) for row in rows]


def rules_in_force(connection: Connection) -> str:
    """Return the content of the rules file in force; empty where the console has not seen one."""
    text = select(rules_files.c.text).order_by(rules_files.c.seen_at.desc()).limit(1)
    return connection.scalar(text) or ""


class Backtests:
    """Starter of backtests.

    Args:
        engine: The database.
        run: Makes one.
    """

    def __init__(self, engine: Engine, run: Run) -> None:
        self._engine = writing(engine)
        self._run = run

    def start(self, user: str, changed: str, hours: float) -> str:
        """Start a backtest; return its id.

        Raises:
            BacktestRefusedError: Another one is running, or no rules are in force.
        """
        identifier = str(uuid.uuid4())
        with self._engine.begin() as connection:
            running = next((each for each in latest_backtests(connection) if each.is_running), None)
            if running is not None:
                raise BacktestRefusedError(f"a backtest of {running.user} is running: wait for it, or stop it")
            request = Request(changed, rules_in_force(connection), hours)
            if not request.in_force:
                raise BacktestRefusedError("the console has not read the rules in force yet: the log has the reason")
            now = now_ms()
            connection.execute(
                insert(backtests).values(
                    id=identifier,
                    user=user,
                    hours=hours,
                    started_at=now,
                    seen_at=now,
                    state=RUNNING,
                    phase="",
                    done=0,
                    total=0,
                    error="",
                    in_force=request.in_force,
                    changed=changed,
                    result="{}",
                )
            )
            old = select(backtests.c.id).order_by(backtests.c.started_at.desc()).offset(KEPT)
            connection.execute(delete(backtests).where(backtests.c.id.in_(connection.scalars(old).all())))
        Thread(target=self._make, args=(identifier, request), name="backtest", daemon=True).start()
        return identifier

    def stop(self, identifier: str) -> bool:
        """End a backtest; return whether it was running."""
        return self._change(identifier, state=STOPPED)

    def _make(self, identifier: str, request: Request) -> None:
        def report(phase: str, done: int, total: int) -> bool:
            return self._change(identifier, phase=phase, done=done, total=total)

        try:
            result = self._run(request, report)
            self._change(identifier, state=DONE, result=json.dumps(result))
        except BacktestError as error:
            self._change(identifier, state=FAILED, error=str(error))
        except Exception:
            log.exception("backtest failed")
            self._change(identifier, state=FAILED, error="the console failed: its log has the reason")

    def _change(self, identifier: str, **values: Any) -> bool:
        """Change the row of a backtest, if that is still running; return whether it is."""
        with self._engine.begin() as connection:
            changed = connection.execute(
                update(backtests)
                .where(backtests.c.id == identifier, backtests.c.state == RUNNING)
                .values(seen_at=now_ms(), **values)
            )
            return bool(changed.rowcount)


def _backtest(row: Row[Any]) -> Backtest:
    made = Backtest(**{**row._mapping, "result": json.loads(row.result)})  # noqa: SLF001 - its public name
    if made.is_running and made.seen_at < now_ms() - STALE_MS:
        return replace(made, state=FAILED, error="its console has ended before it: start it again")
    return made
