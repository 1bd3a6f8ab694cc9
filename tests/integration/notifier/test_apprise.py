"""Receivers by Apprise: told by the real package where it is installed, and named where it is not."""

import sys

import pytest

from services.errors import UsageError
from services.notifier.model import AppriseReceiver
from services.notifier.notification import Answer
from services.notifier.receivers.apprise import AppriseSender
from services.notifier.secret import Secret
from tests.support.http_server import HttpServer
from tests.support.messages import message

RECEIVER = AppriseReceiver("phone", url=Secret("f:9", "APPRISE_URL"))


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "apprise", None)
    with pytest.raises(UsageError, match="receiver phone: Apprise is not installed; run scripts/install --apprise"):
        AppriseSender(RECEIVER, "")


def test_a_message_by_apprise(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("apprise", reason="needs scripts/install --apprise")
    with HttpServer() as http:
        monkeypatch.setenv("APPRISE_URL", http.url.replace("http://", "json://"))
        sender = AppriseSender(RECEIVER, "")
        assert sender.send(message()).answer is Answer.DELIVERED
        assert http.requests[0].json["title"].startswith("High: fan-in")
        http.answer = lambda _path, _body: "500"
        assert sender.send(message()).answer is Answer.RETRY
    monkeypatch.setenv("APPRISE_URL", "nosuchthing://x")
    with pytest.raises(UsageError, match="f:9: Apprise does not know this kind of address"):
        AppriseSender(RECEIVER, "")
