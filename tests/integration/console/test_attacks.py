"""The usual attacks, each of which the console withstands."""

import re
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from services.console.security.people import create_link, create_user
from services.console.storage.tables import audit, cases, filters, sessions, users
from tests.support.console import PASSWORD, Desk, alert, desk

EVIL = "<script>alert(1)</script>"
CASE = "/cases/6f1b2c1e-8f6b-4d8e-9a55-0d1f2c3b4a59"
UNKNOWN = "6f1b2c1e-8f6b-4d8e-9a55-0d1f2c3b4a59"
PAGES = [
    "/", "/live", "/live/figures", "/live/events", "/rules", "/people", "/audit",
    f"/transactions/{UNKNOWN}", f"/transactions/{UNKNOWN}/why", f"/alerts/{UNKNOWN}",
    "/rules/backtest", f"/backtests/{UNKNOWN}", f"/backtests/{UNKNOWN}/progress",
]  # fmt: skip


def log_in(here: Desk, http: Any, name: str = "anna", password: str = PASSWORD, **more: str) -> Any:
    page = http.get("/login").text
    token = re.search(r'name="form_token" value="([^"]+)"', page)
    assert token
    fields = {"form_token": token[1], "name": name, "password": password} | more
    return http.post("/login", data=fields)


@pytest.fixture
def anna(here: Desk) -> None:
    with here.console.write() as connection:
        create_user(connection, "anna", "analyst", PASSWORD)


def test_an_account_named_as_a_script_is_text_on_every_page(here: Desk) -> None:
    payer = alert(EVIL, reason=f"paid by {EVIL}", rule='"><img src=x onerror=alert(1)>')
    here.loop.add(payer)
    here.loop.add(alert(EVIL, 1, rule="other"))
    case, client = here.case(EVIL), here.client("boss", "admin")
    client.post(f"/cases/{case.id}/note", note=EVIL)
    pages = ["/", "/live", "/live/figures", "/rules", f"/cases/{case.id}", f"/cases/{case.id}/graph", "/audit",
             f"/?account={EVIL}", f"/?rule={EVIL}"]  # fmt: skip
    for path in pages:
        text = client.get(path)
        assert "<script>alert" not in text, path
        assert "<img src=x" not in text, path
    assert "&lt;script&gt;" in client.get("/")


def test_the_policy_allows_no_inline_script_and_pages_have_none(here: Desk) -> None:
    here.loop.add(alert())
    client = here.client("boss", "admin")
    for path in [*[page for page in PAGES if page != "/live/events"], f"/cases/{here.case().id}", "/nowhere"]:
        answer = client.http.get(path)
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert not re.search(r"<script(?![^>]* src=)|\son\w+=|\sstyle=|javascript:", answer.text), path
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    "path",
    ["/bulk", "/filters", "/logout", "/people", "/rules/backtest", "/cases/{case}/claim", "/cases/{case}/decide"],
)
def test_a_forged_form_does_nothing(here: Desk, path: str) -> None:
    here.loop.add(alert())
    client = here.client("boss", "admin")
    address = path.format(case=here.case().id)
    right = {"csrf": client.csrf, "role": "admin", "name": "x"}
    for data, headers in (
        ({"csrf": ""}, {}),
        ({"csrf": "x" * 43}, {}),
        (right, {"origin": "https://evil.example"}),
        (right, {"sec-fetch-site": "cross-site"}),
    ):
        assert client.http.post(address, data=data, headers=headers).status_code == 403
    assert client.http.post(address, json=right).status_code == 413  # no form that a page could send
    assert here.loop.decisions == []
    with here.console.read() as connection:
        assert connection.scalar(select(func.count()).select_from(audit)) == 0


def test_a_token_of_another_session_is_no_use(here: Desk) -> None:
    anna, ben = here.client(), here.client("ben")
    assert anna.http.post("/filters", data={"csrf": ben.csrf, "name": "x"}).status_code == 403


def test_a_session_from_before_the_login_is_not_used_after_it(here: Desk, anna: None) -> None:
    victim = here.visitor()
    victim.cookies.set("session", "planted-by-an-attacker")
    assert log_in(here, victim).status_code == 303
    with here.console.read() as connection:
        assert connection.scalar(select(func.count()).select_from(sessions)) == 1
    attacker = here.visitor()
    attacker.cookies.set("session", "planted-by-an-attacker")
    assert attacker.get("/").headers["location"] == "/login"


def test_a_login_ends_the_session_that_was_there(here: Desk, anna: None) -> None:
    browser = here.visitor()
    log_in(here, browser)
    first = browser.cookies["session"]
    log_in(here, browser)
    with here.console.read() as connection:
        assert connection.scalar(select(func.count()).select_from(sessions)) == 1
    assert browser.cookies["session"] != first


def test_the_cookie_is_for_the_browser_alone(here: Desk, anna: None, tmp_path: object) -> None:
    cookie = log_in(here, here.visitor()).headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    with desk(f"sqlite:///{tmp_path}/https.db", console_url="https://127.0.0.1:8080") as there:
        with there.console.write() as connection:
            create_user(connection, "anna", "analyst", PASSWORD)
        browser = there.visitor()
        browser.base_url = "https://127.0.0.1:8080"  # type: ignore[assignment]
        answer = log_in(there, browser)
        assert "__host-session=" in answer.headers["set-cookie"].lower()
        assert "secure" in answer.headers["set-cookie"].lower()
        assert "max-age" in answer.headers["strict-transport-security"]


@pytest.mark.parametrize(
    "path",
    ["/static/../settings.py", "/static/%2e%2e/settings.py", "/static/..%2fsettings.py", "/static//etc/passwd",
     "/static/%2e%2e%2f%2e%2e%2f%2e%2e%2fpyproject.toml", "/static/....//settings.py"],
)  # fmt: skip
def test_static_files_lead_to_no_others(here: Desk, path: str) -> None:
    answer = here.visitor().get(path)
    assert answer.status_code == 404
    assert "ConsoleSettings" not in answer.text
    assert here.visitor().get("/static/console.css").status_code == 200


ROLES = [
    ("viewer", "post", "/cases/{case}/claim"),
    ("viewer", "post", "/cases/{case}/decide"),
    ("viewer", "post", "/cases/{case}/note"),
    ("viewer", "post", "/bulk"),
    ("analyst", "get", "/audit"),
    ("analyst", "get", "/people"),
    ("lead", "get", "/people"),
    ("lead", "post", "/people"),
    ("lead", "post", "/people/boss"),
]


@pytest.mark.parametrize(("role", "method", "path"), ROLES)
def test_a_role_does_no_more_than_it_may(here: Desk, role: str, method: str, path: str) -> None:
    here.loop.add(alert())
    here.client("boss", "admin")
    client, address = here.client("eve", role), path.format(case=here.case().id)
    answer = client.http.get(address) if method == "get" else client.post(address, role="admin", name="eve")
    assert answer.status_code == 403
    assert f"yours is {role}" in answer.text
    assert here.loop.decisions == []
    with here.console.read() as connection:
        assert connection.scalar(select(users.c.role).where(users.c.name == "boss")) == "admin"


def test_an_analyst_does_not_release_the_claim_of_another(here: Desk) -> None:
    here.loop.add(alert())
    case = here.case().id
    here.client("anna").post(f"/cases/{case}/claim")
    assert here.client("ben").post(f"/cases/{case}/release").status_code == 409
    assert here.client("lena", "lead").post(f"/cases/{case}/release").headers["location"].endswith("released")


def test_a_filter_of_another_is_not_removed(here: Desk) -> None:
    here.client("anna").post("/filters", name="mine", severity="HIGH")
    here.client("ben").post("/filters", remove="mine")
    with here.console.read() as connection:
        assert connection.scalars(select(filters.c.name)).all() == ["mine"]


@pytest.mark.parametrize(
    "text", ["' OR 1=1 --", "'; DROP TABLE cases; --", "%", "a' UNION SELECT password FROM users --*"]
)
def test_text_in_queries_is_never_part_of_a_statement(here: Desk, anna: None, text: str) -> None:
    here.loop.add(alert())
    client = here.client("vera", "viewer")
    for field in ("account", "rule", "assignee"):
        assert "mule00000001" not in client.http.get("/", params={field: text}).text
    client.http.get("/", params={"severity": text, "minimum": text, "page": text, "view": text})
    assert log_in(here, here.visitor(), text, text).status_code == 401
    with here.console.read() as connection:
        assert connection.scalar(select(func.count()).select_from(cases)) == 1


@pytest.mark.parametrize("path", [*PAGES, CASE, f"{CASE}/graph"])
def test_nothing_is_shown_without_a_login(here: Desk, path: str) -> None:
    here.loop.add(alert())
    answer = here.visitor().get(path)
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/login")
    assert "mule" not in answer.text
    without = here.visitor().get(path, headers={"accept": "text/event-stream"})
    assert (without.status_code, without.text) == (401, "Log in first.")


def test_logins_are_limited_by_user_and_nobody_else_is_locked_out(here: Desk, anna: None) -> None:
    browser = here.visitor()
    answers = [log_in(here, browser, password="wrong horse 9").status_code for _ in range(7)]
    assert answers == [401] * 5 + [429] * 2
    assert log_in(here, browser).status_code == 429  # the right one does not help now
    with here.console.write() as connection:
        create_user(connection, "ben", "analyst", PASSWORD)
    assert log_in(here, here.visitor(), "ben").status_code == 303


def test_logins_are_limited_by_address(here: Desk) -> None:
    browser = here.visitor()
    answers = [log_in(here, browser, f"user{n}", "x").status_code for n in range(22)]
    assert answers == [401] * 20 + [429] * 2


def test_an_unknown_user_is_told_the_same(here: Desk, anna: None) -> None:
    known, unknown = (log_in(here, here.visitor(), name, "wrong horse 9").text for name in ("anna", "nobody"))
    assert re.sub('value="[^"]*"', "", known) == re.sub('value="[^"]*"', "", unknown)


def test_a_login_form_of_another_site_does_not_work(here: Desk, anna: None) -> None:
    visitor = here.visitor()
    assert visitor.post("/login", data={"name": "anna", "password": PASSWORD}).status_code == 403
    assert log_in(here, here.visitor(), next="https://evil.example/").headers["location"] == "/"


def test_another_host_name_is_refused(here: Desk) -> None:
    assert here.visitor().get("/login", headers={"host": "evil.example"}).status_code == 400


def test_a_link_logs_in_once(here: Desk, anna: None) -> None:
    with here.console.write() as connection:
        token = create_link(connection, "analyst", 60_000, user="anna")
        expired = create_link(connection, "analyst", -1, user="anna")
    assert here.visitor().get(f"/link?token={expired}").status_code == 404
    answers = []
    for _ in range(2):
        visitor = here.visitor()
        visitor.get(f"/link?token={token}")
        answers.append(visitor.post("/link", data={"form_token": visitor.cookies.get("form", ""), "token": token}))
    assert [answer.headers["location"] for answer in answers] == ["/", "/login"]


def test_secrets_are_stored_as_hashes(here: Desk, anna: None, tmp_path: Path) -> None:
    visitor = here.visitor()
    log_in(here, visitor)
    with here.console.write() as connection:
        link = create_link(connection, "admin", 60_000)
    here.console.engine.dispose()
    stored = b"".join(path.read_bytes() for path in tmp_path.glob("console.db*"))
    assert b"anna" in stored
    for secret in (PASSWORD, link, visitor.cookies["session"]):
        assert secret.encode() not in stored


def test_a_form_that_is_too_large_is_refused(here: Desk) -> None:
    here.loop.add(alert())
    client = here.client()
    assert client.post(f"/cases/{here.case().id}/note", note="x" * 70_000).status_code == 413
