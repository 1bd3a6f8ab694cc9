"""The pages in a real browser: keys, the live feed, and what axe-core finds (WCAG A and AA)."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from services.console.backtests.manager import latest_backtests
from services.console.clock import HOUR, now_ms
from services.console.records import Position
from services.console.security.people import create_user
from services.console.security.sessions import create_session
from services.console.storage.tables import rule_texts, rules_files
from tests.support.console import Desk, alert, backtest_result, desk, explanation_of
from tools.local_cluster.ports import free_ports

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """A console with cases of every kind, at an address."""
    (port,) = free_ports(1)
    database = tmp_path_factory.mktemp("browser") / "console.db"
    with desk(
        f"sqlite:///{database}", console_port=port, four_eyes_amount=500,
        explain=lambda identity, _since: explanation_of(identity, late=True),
        run=lambda _request, _report: backtest_result(alert().transaction.id),
    ) as here:  # fmt: skip
        here.loop.add(*(alert(number=n, at=now_ms() - 60_000 + 500 * n) for n in range(4)))
        here.loop.add(
            alert("high00000001", severity=2), alert("closed000001", severity=0), alert("large0000001", amount=90_000)
        )
        with here.console.write() as connection:
            connection.execute(rules_files.insert().values(digest="d", text="[rules]", seen_at=1))
            connection.execute(rule_texts.insert().values(
                rule="many-senders", rule_version="0123456789ab", digest="d", text="[rules.many-senders]", mode="live",
                figures='{"senders": ["distinct source", "at least 50"]}', span_ms=HOUR, seen_at=1,
            ))  # fmt: skip
        anna = here.client("first")
        anna.post(f"/cases/{here.case('closed000001').id}/decide", verdict="NO_FRAUD", reason="known-pattern")
        anna.post(f"/cases/{here.case('large0000001').id}/decide", verdict="FRAUD", reason="scam", note="called")
        anna.post("/filters", name="high", severity="HIGH")
        here.client("lena", "lead").post("/rules/backtest", rules="[rules.large]", days="2")
        server = uvicorn.Server(uvicorn.Config(here.app, port=port, log_config=None, timeout_graceful_shutdown=1))
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        while not server.started:
            thread.join(0.05)
        yield here
        server.should_exit = True
        thread.join(10)


def open_page(browser: Any, here: Desk, *, role: str = "admin", **context: Any) -> Any:
    """A page of somebody who is logged in."""
    address = here.console.settings.url
    with here.console.write() as connection:
        create_user(connection, f"{role}-1", role, None)
        token = create_session(connection, f"{role}-1", HOUR)
    opened = browser.new_context(base_url=address, **context)
    opened.add_cookies([{"name": "session", "value": token, "url": address}])
    page = opened.new_page()
    page.problems = []
    page.on("pageerror", lambda error: page.problems.append(str(error)))
    page.on("console", lambda message: page.problems.append(message.text) if message.type == "error" else None)
    return page


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1360, 390])
def test_axe_finds_nothing_on_any_page(browser: Any, served: Desk, scheme: str, width: int, tmp_path: Path) -> None:
    from axe_playwright_python.sync_playwright import Axe

    page = open_page(browser, served, color_scheme=scheme, viewport={"width": width, "height": 850}, bypass_csp=True)
    cases = {name: served.case(name).id for name in ("mule00000001", "closed000001", "large0000001")}
    why = f"/transactions/{alert().transaction.id}"
    with served.console.read() as connection:
        backtest = f"/backtests/{latest_backtests(connection)[0].id}"
    paths = ["/", why, backtest, "/rules/backtest",
             "/?view=closed", "/?view=approval", "/?severity=HIGH", "/?account=none", "/live", "/rules",
             "/people", "/audit",
             "/nowhere", *(f"/cases/{case}" for case in cases.values())]  # fmt: skip
    found = {}
    for path in paths:
        page.goto(path)
        if path.startswith("/cases/"):
            page.wait_for_selector("[data-graph-body] svg")
        if path == why:
            page.wait_for_selector("[data-fragment] .records")
        if response := Axe().run(
            page, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]}
        ):
            violations = response.response["violations"]
            found |= {path: [(v["id"], v["nodes"][0]["html"][:120]) for v in violations]} if violations else {}
        page.screenshot(
            path=tmp_path / f"{path.strip('/').replace('/', '-').replace('?', '-') or 'queue'}-{scheme}-{width}.png"
        )
        # Nothing but a table may be wider than the window.
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
    for path, keys in (("/", "?"), (f"/cases/{cases['mule00000001']}", "f"), (f"/cases/{cases['mule00000001']}", "s")):
        page.goto(path)
        page.keyboard.press(keys)
        violations = Axe().run(page).response["violations"]
        found |= {f"{path} {keys}": [v["id"] for v in violations]} if violations else {}
    visitor = browser.new_context(base_url=served.console.settings.url, color_scheme=scheme, bypass_csp=True).new_page()
    visitor.goto("/login")
    violations = Axe().run(visitor).response["violations"]
    found |= {"/login": [v["id"] for v in violations]} if violations else {}
    assert found == {}


def test_a_case_is_worked_by_keys_alone(browser: Any, served: Desk) -> None:
    served.loop.add(alert("keys00000001", severity=3, amount=40_000, at=now_ms() - HOUR))
    page = open_page(browser, served, role="analyst")
    page.goto("/?account=keys*")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_url("**/cases/*")
    page.keyboard.press("c")
    page.wait_for_url("**done=claimed")
    page.keyboard.press("m")
    page.keyboard.type("called the bank")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_url("**done=noted")
    page.keyboard.press("f")
    page.keyboard.press("2")
    page.wait_for_url("**done=decided")
    assert served.case("keys00000001").verdict == "FRAUD"
    assert served.case("keys00000001").verdict_reason == "money-mule"
    page.keyboard.press("g")
    page.keyboard.press("l")
    page.wait_for_url("**/live")
    assert page.problems == []


def test_alerts_arrive_live_and_a_script_in_a_name_does_not_run(browser: Any, served: Desk) -> None:
    page = open_page(browser, served, role="viewer")
    page.goto("/live")
    page.wait_for_selector("[data-connection]:has-text('live')")
    evil = "<img src=x onerror=window.stolen=1>"
    served.loop.add(alert(evil, reason=f"paid by {evil}", at=now_ms(), position=Position(0, 100)))
    page.wait_for_selector(f"[data-feed] tr:first-child .account:text-is('{evil}')")
    assert page.evaluate("window.stolen") is None
    assert page.problems == []


def test_the_slider_hides_later_payments(browser: Any, served: Desk) -> None:
    page = open_page(browser, served, role="viewer")
    page.goto(f"/cases/{served.case().id}")
    page.wait_for_selector("[data-slider]")
    shown = "document.querySelectorAll('.edge:not(.later)').length"
    before = page.evaluate(shown)
    assert before >= 4
    page.focus("[data-slider]")
    page.keyboard.press("Home")
    assert 0 < page.evaluate(shown) < before
    assert page.problems == []
