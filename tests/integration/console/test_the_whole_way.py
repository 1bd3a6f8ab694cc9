"""The whole way in a real browser: a fan-in arrives, is understood and decided, and the system knows.

Detector, notifier and console are processes on a real broker and registry; the mail goes to a real SMTP server.
``CONSOLE_PICTURES=DIRECTORY`` keeps pictures of the pages.
"""

import os
import re
import time
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from tests.support.console import PASSWORD
from tests.support.console_process import ConsoleProcess, records
from tests.support.mail_server import MailServer, mails_with
from tests.support.payments import Payment, account, pay
from tools.harness.pipeline import Pipeline

pytestmark = pytest.mark.browser

RULES = Path(__file__).parents[3] / "services" / "detection" / "rules.toml"
NOTIFICATIONS = """
case_url = "{url}/alerts/{{alert}}"
[route]
receivers = ["desk"]
group_wait = "1s"
[receivers.desk]
type = "email"
to = ["desk@example.com"]
from = "detector@example.com"
host = "127.0.0.1"
port = {port}
tls = "none"
"""
SECONDS = 60_000  # of a browser's wait, in milliseconds: a busy machine


def person(browser: Any, link: str, name: str, address: str) -> Any:
    """A page of a person who has opened a one-time link and chosen a password."""
    context = browser.new_context(base_url=address, viewport={"width": 1360, "height": 1000}, color_scheme="light")
    context.set_default_timeout(SECONDS)
    page = context.new_page()
    page.problems = []
    page.on("pageerror", lambda error: page.problems.append(str(error)))
    page.goto(link)
    page.fill("[name=name]", name)
    page.fill("[name=password]", PASSWORD)
    page.click("button.primary")
    page.wait_for_url(f"{address}/")
    return page


def picture(page: Any, name: str, directory: Path) -> None:
    page.screenshot(path=Path(os.environ.get("CONSOLE_PICTURES", directory)) / f"{name}.png")


def false_alarms(page: Any) -> str:
    """The share of false alarms that the rules page shows for the rule."""
    page.goto("/rules")
    shown: str = (
        page.locator("article.rule", has_text="many-senders").locator("dt:text-is('False alarms') + dd").inner_text()
    )
    return shown


@dataclass
class Case:
    """A case and those who work on it."""

    pipeline: Pipeline
    anna: Any
    address: str
    pictures: Path
    url: str = ""

    def arrives_live(self) -> None:
        """A fan-in arrives while she looks at the live page."""
        page = self.anna
        page.goto("/live")
        page.wait_for_selector("[data-connection]:text-is('live')")
        start = time.time_ns() // 1_000_000 - 900_000
        pay(self.pipeline, [Payment(f"payer{n:02}", "mule", 20_000, start + 17_000 * n) for n in range(52)])
        row = page.wait_for_selector(f"[data-feed] tr:has-text('many-senders') .account:text-is('{account('mule')}')")
        picture(page, "live", self.pictures)
        row.click()
        page.wait_for_url("**/cases/*")
        self.url = page.url

    def is_understood(self) -> None:
        """She reads its reason, its evidence, and why."""
        page = self.anna
        page.goto(self.url)  # with the alerts that came since
        page.wait_for_selector("[data-graph-body] svg")
        assert re.search(r"5\d transfers of 200.00 EUR from 5\d accounts in 24 h", page.inner_text(".why"))
        picture(page, "case", self.pictures)
        page.keyboard.press("y")
        page.wait_for_selector("[data-fragment] .verdict")
        assert "as the detector wrote" in page.inner_text("[data-fragment]")
        assert "at least 50" in page.inner_text("[data-fragment]")
        picture(page, "why", self.pictures)

    def is_linked_from(self, mail: EmailMessage) -> None:
        """The mail leads back to the case."""
        body = mail.get_body(("plain",))
        assert body
        link = re.search(rf"{self.address}/alerts/[0-9a-f-]{{36}}", body.get_content())
        assert link, body.get_content()
        self.anna.goto(link[0])
        assert self.anna.url == self.url

    def is_decided(self, ben: Any) -> None:
        """She decides, and above the limit a second person approves."""
        self.anna.keyboard.press("n")
        self.anna.keyboard.press("1")
        self.anna.wait_for_url("**done=proposed")
        assert records(self.pipeline, "queueing.transactions.labels") == []
        ben.goto("/?view=approval")
        ben.click(f".account:text-is('{account('mule')}')")
        ben.wait_for_url("**/cases/*")
        assert "anna decided No fraud" in ben.inner_text(".proposal")
        ben.keyboard.press("a")
        ben.wait_for_url("**done=approved")


def is_backtested(page: Any, pictures: Path) -> None:
    """She looks at what a wider window of the rule would have done with what is decided now."""
    page.goto("/rules")
    page.click("text=Backtest a change")
    text = page.input_value("[name=rules]")
    assert "at_least = 50" in text
    page.set_input_files("[data-into]", {"name": "rules.toml", "mimeType": "text/plain", "buffer": b"[rules.broken]"})
    page.wait_for_function("document.querySelector('[name=rules]').value === '[rules.broken]'")
    page.click("button:text-is('Backtest')")
    page.wait_for_selector("pre.error")
    assert "rules.toml:1: rule broken" in page.inner_text("pre.error")
    page.fill("[name=rules]", text.replace("at_least = 50", "at_least = 52"))
    page.click("button:text-is('Backtest')")
    page.wait_for_selector("h2:has-text('many-senders')")
    row = page.locator("tr", has=page.locator("a:text-is('many-senders')"))
    assert row.locator("td").all_inner_texts() == [
        "many-senders", "changed", "live", "3", "1", "0", "\u22122", "0% of 3", "0% of 1",
    ]  # fmt: skip
    assert "removed 5" in page.locator(".examples li").first.inner_text()
    assert page.locator(".examples .verdict.no_fraud").count() == page.locator(".examples li").count()
    picture(page, "backtest", pictures)
    page.locator(".examples a").first.click()
    page.wait_for_selector("[data-fragment] .verdict")


def test_a_fan_in_goes_all_the_way(pipeline: Pipeline, browser: Any, tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    console = ConsoleProcess(pipeline, tmp_path / "own", RULES.read_text(), FOUR_EYES_AMOUNT="500")
    address = f"http://127.0.0.1:{console.port}"
    with MailServer() as mailbox, pipeline.start("detector", **console.environment):
        file = tmp_path / "notifications.toml"
        file.write_text(NOTIFICATIONS.format(url=address, port=mailbox.port))
        with pipeline.start("notifier", NOTIFICATIONS_FILE=str(file)):
            anna = person(browser, console.link, "anna", address)
            anna.goto("/people")
            anna.click("button:text-is('Invite')")
            invitation = anna.inner_text("code.link")
            assert false_alarms(anna) == "\u2013"  # nothing is decided
            case = Case(pipeline, anna, address, tmp_path)
            case.arrives_live()
            case.is_understood()
            case.is_linked_from(mails_with(mailbox, 1)[0])
            ben = person(browser, invitation, "ben", address)
            case.is_decided(ben)
            labels = records(pipeline, "queueing.transactions.labels")
            alerts = [each for each in records(pipeline, "streaming.alerts") if each["rule"] == "many-senders"]
            assert {label["transaction_id"] for label in labels} == {each["transaction"]["id"] for each in alerts}
            assert all(label["fraud"] is False and label["transaction"] is not None for label in labels)
            assert false_alarms(ben) == "100%"
            picture(ben, "rules", tmp_path)
            is_backtested(anna, tmp_path)
            assert (anna.problems, ben.problems) == ([], [])
