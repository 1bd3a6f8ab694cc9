"""Senders and the answers of real servers: proper ones, refusals, none, half ones."""

import base64
import hashlib
import hmac
import json
import ssl
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import fastjsonschema
import pytest

from services.notifier.model import EmailReceiver, SlackReceiver, WebhookReceiver
from services.notifier.notification import Answer
from services.notifier.receivers.email import EmailSender
from services.notifier.receivers.slack import SlackSender
from services.notifier.receivers.webhook import WebhookSender
from services.notifier.secret import Secret
from tests.support.certificates import write_certificates
from tests.support.http_server import HttpServer
from tests.support.mail_server import MailServer
from tests.support.messages import message
from tests.support.ports import free_port

SECRET = "whsec_" + base64.b64encode(b"twenty-four bytes secret").decode()


@pytest.fixture(autouse=True)
def _secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_SECRET", SECRET)


@pytest.fixture
def http() -> Iterator[HttpServer]:
    with HttpServer() as server:
        yield server


@pytest.fixture
def mail() -> Iterator[MailServer]:
    with MailServer() as server:
        yield server


def webhook(url: str) -> WebhookSender:
    receiver = WebhookReceiver("program", url=url, signing_secrets=(Secret("f:1", "A_SECRET"),), timeout=1)
    return WebhookSender(receiver, "https://console/alerts/{alert}")


def slack(http: HttpServer, **changes: object) -> SlackSender:
    receiver = SlackReceiver(
        "chat", channel="C1", token=Secret("f:1", "A_SECRET"), api_url=f"{http.url}/api", timeout=1
    )
    return SlackSender(replace(receiver, **changes), "")


def email(port: int, **changes: object) -> EmailSender:
    to = ("a@example.com", "b@example.com")
    receiver = EmailReceiver(
        "desk", to=to, sender="fraud@example.com", host="127.0.0.1", port=port, tls="none", timeout=1
    )
    return EmailSender(replace(receiver, **changes), "")


@pytest.mark.parametrize(
    ("answer", "expected", "reason", "retry_after"),
    [
        ("200", Answer.DELIVERED, "", None),
        ("204", Answer.DELIVERED, "", None),
        ("429 7", Answer.RETRY, "HTTP 429", 7.0),
        ("503 3", Answer.RETRY, "HTTP 503", 3.0),
        ("500", Answer.RETRY, "HTTP 500", None),
        ("408", Answer.RETRY, "HTTP 408", None),
        ("400", Answer.REFUSED, "HTTP 400", None),
        ("302 x", Answer.REFUSED, "HTTP 302", None),
        ("nothing", Answer.UNKNOWN, "sent, and no answer", None),
        ("half", Answer.UNKNOWN, "sent, and no answer", None),
        ("half-body", Answer.DELIVERED, "", None),
    ],
)
def test_answers_to_a_webhook(
    http: HttpServer, answer: str, expected: Answer, reason: str, retry_after: float | None
) -> None:
    http.answer = lambda _path, _body: answer
    result = webhook(http.url).send(message())
    assert (result.answer, result.retry_after) == (expected, retry_after)
    assert result.reason.startswith(reason)
    assert [request.answer for request in http.requests] == [answer]


def test_a_webhook_without_an_answer_in_time_is_unknown(http: HttpServer) -> None:
    def late(_path: str, _body: bytes) -> str:
        time.sleep(2)
        return "200"

    http.answer = late
    assert webhook(http.url).send(message()).answer is Answer.UNKNOWN


def test_a_webhook_without_a_server_is_not_sent() -> None:
    result = webhook(f"http://127.0.0.1:{free_port()}").send(message())
    assert (result.answer, result.pauses_receiver) == (Answer.RETRY, True)


def test_a_webhook_is_signed_and_follows_its_schema(http: HttpServer) -> None:
    sent = message(attempt=2, may_be_repeated=True)
    webhook(http.url).send(sent)
    (request,) = http.requests
    content = f"{sent.id}.{request.headers['webhook-timestamp']}.".encode() + request.body
    expected = base64.b64encode(hmac.new(b"twenty-four bytes secret", content, hashlib.sha256).digest()).decode()
    assert request.headers["webhook-signature"] == f"v1,{expected}"
    assert request.headers["webhook-id"] == str(sent.id)
    assert abs(int(request.headers["webhook-timestamp"]) - time.time()) < 60
    schema = Path("docs/notifications/webhook.schema.json").read_text()
    validate = fastjsonschema.compile(json.loads(schema))
    validate(request.json)
    assert request.json["alerts"][0]["url"] == f"https://console/alerts/{sent.alerts[0].id}"
    for name in request.json:
        broken = {key: value for key, value in request.json.items() if key != name}
        with pytest.raises(fastjsonschema.JsonSchemaException):
            validate(broken)


@pytest.mark.parametrize(
    ("answer", "expected", "reason"),
    [
        ('200 {"ok": true, "channel": "C1", "ts": "17.5"}', Answer.DELIVERED, ""),
        ('200 {"ok": false, "error": "ratelimited"}', Answer.RETRY, "chat.postMessage: ratelimited"),
        ('200 {"ok": false, "error": "channel_not_found"}', Answer.REFUSED, "chat.postMessage: channel_not_found"),
        ("200", Answer.UNKNOWN, "chat.postMessage: the answer is no JSON"),
        ("429 30", Answer.RETRY, "HTTP 429"),
        ("500", Answer.RETRY, "HTTP 500"),
        ("nothing", Answer.UNKNOWN, "sent, and no answer"),
        ("half-body", Answer.UNKNOWN, "chat.postMessage: RemoteProtocolError"),
    ],
)
def test_answers_of_slack(http: HttpServer, answer: str, expected: Answer, reason: str) -> None:
    http.answer = lambda _path, _body: answer
    result = slack(http).send(message())
    assert result.answer is expected
    assert result.reason.startswith(reason)


def test_slack_messages_of_a_group_go_into_its_thread(http: HttpServer) -> None:
    http.answer = lambda _path, _body: '200 {"ok": true, "channel": "C1", "ts": "17.5"}'
    sender = slack(http)
    first = sender.send(message())
    assert first.reference == "C1:17.5"
    sender.send(message(thread=first.reference))
    assert [request.path for request in http.requests] == ["/api/chat.postMessage"] * 2
    assert http.requests[0].headers["authorization"] == f"Bearer {SECRET}"
    assert "thread_ts" not in http.requests[0].json
    assert http.requests[1].json["thread_ts"] == "17.5"
    assert "&lt;b&gt;" in str(http.requests[0].json["blocks"])


def test_slack_edits_the_first_message_and_writes_another_where_it_is_gone(http: HttpServer) -> None:
    answers = ['200 {"ok": true, "channel": "C1", "ts": "17.5"}', '200 {"ok": false, "error": "message_not_found"}',
               '200 {"ok": true, "channel": "C1", "ts": "18.5"}']  # fmt: skip
    http.answer = lambda _path, _body: answers[len(http.requests)]
    sender = slack(http, updates="edit")
    sender.send(message(thread="C1:17.5"))
    assert http.requests[0].path == "/api/chat.update"
    assert http.requests[0].json["ts"] == "17.5"
    assert sender.send(message(thread="C1:17.5")).reference == "C1:18.5"
    assert [request.path for request in http.requests[1:]] == ["/api/chat.update", "/api/chat.postMessage"]


def test_an_incoming_webhook_of_slack(http: HttpServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_SECRET", f"{http.url}/services/T/B/x")
    sender = slack(http, token=None, channel="", url=Secret("f:1", "A_SECRET"), updates="new")
    assert sender.send(message()).answer is Answer.DELIVERED
    http.answer = lambda _path, _body: "404"
    assert sender.send(message()).answer is Answer.REFUSED
    http.answer = lambda _path, _body: "nothing"
    assert sender.send(message()).answer is Answer.UNKNOWN


def test_a_mail_has_text_and_html_and_is_one_thread(mail: MailServer) -> None:
    sender = email(mail.port)
    first = message()
    result = sender.send(first)
    assert (result.answer, result.reference) == (Answer.DELIVERED, f"<{first.id}@example.com>")
    sender.send(message(thread=result.reference, may_be_repeated=True, notified_before=2))
    assert mail.envelopes == [["a@example.com", "b@example.com"]] * 2
    one, two = mail.mails
    text, html = (one.get_body((kind,)) for kind in ("plain", "html"))
    assert text is not None
    assert html is not None
    assert "8 accounts paid shop00000001" in text.get_content()
    assert "&lt;b&gt;&amp;amp; *9* payments&lt;/b&gt;" in html.get_content()
    assert two["References"] == two["In-Reply-To"] == one["Message-ID"]
    assert two["X-Notification-May-Be-Repeated"] == "yes"
    assert "may have reached you before" in str(two.get_body(("plain",)))


@pytest.mark.parametrize(
    ("answer", "expected", "reason"),
    [
        ("451 busy", Answer.RETRY, "451 busy"),
        ("552 too big", Answer.REFUSED, "552 too big"),
        ("close", Answer.UNKNOWN, "the server got the message and did not answer"),
    ],
)
def test_answers_to_a_mail(mail: MailServer, answer: str, expected: Answer, reason: str) -> None:
    mail.on_data = lambda _mail: answer
    result = email(mail.port).send(message())
    assert result.answer is expected
    assert result.reason.startswith(reason)


def test_mailboxes_that_have_the_mail_get_it_no_second_time(mail: MailServer) -> None:
    mail.on_recipient = lambda address: "450 later" if address.startswith("b@") else None
    sender, sent = email(mail.port), message()
    assert sender.send(sent).answer is Answer.RETRY
    mail.on_recipient = lambda _address: None
    assert sender.send(sent).answer is Answer.DELIVERED
    assert mail.envelopes == [["a@example.com"], ["b@example.com"]]


def test_a_mailbox_that_is_refused_for_good_is_a_failure(mail: MailServer) -> None:
    mail.on_recipient = lambda address: "550 unknown user" if address.startswith("b@") else None
    result = email(mail.port).send(message())
    assert (result.answer, len(mail.mails)) == (Answer.REFUSED, 1)
    assert "b@example.com: 550" in result.reason
    mail.on_recipient = lambda _address: "550 unknown user"
    assert email(mail.port).send(message()).answer is Answer.REFUSED
    mail.on_recipient = lambda _address: "450 later"
    assert email(mail.port).send(message()).answer is Answer.RETRY


def test_a_mail_server_that_is_away_or_offers_no_encryption(mail: MailServer) -> None:
    result = email(free_port()).send(message())
    assert (result.answer, result.pauses_receiver) == (Answer.RETRY, True)
    assert email(mail.port, tls="starttls").send(message()).answer is Answer.RETRY
    assert email(mail.port, tls="tls").send(message()).answer is Answer.RETRY
    assert mail.mails == []


def test_a_certificate_of_an_unknown_authority_is_refused(tmp_path: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificates = write_certificates(tmp_path)
    context.load_cert_chain(certificates.server)
    with MailServer(tls_context=context) as server:
        result = email(server.port, tls="starttls").send(message())
    assert (result.answer, server.mails) == (Answer.RETRY, [])
    assert "CERTIFICATE_VERIFY_FAILED" in result.reason
