"""SIGKILL at random moments: every alert has its outcome, none is lost, and doubles are unknown ones on the topic.

`NOTIFIER_KILLS=50` makes 50 rounds of the three.
"""

import os
import random
import sys
import time
from collections import Counter
from email.message import EmailMessage
from pathlib import Path
from threading import Event
from uuid import UUID

from services.notifier.events import Kind, Status
from tests.support.alerting import Account, AlertTopic, alert_record
from tests.support.http_server import HttpServer
from tests.support.mail_server import MailServer
from tools.harness.pipeline import Pipeline
from tools.harness.waiting import wait_for

ROUNDS = int(os.environ.get("NOTIFIER_KILLS", "3"))
ALERTS = 12  # in a round

NOTIFICATIONS = """
[route]
receivers = ["desk", "program"]
group_by = ["target"]
group_wait = "1s"
group_interval = "1s"

[receivers.desk]
type = "email"
to = ["desk@example.com"]
from = "fraud@example.com"
host = "127.0.0.1"
port = {port}
tls = "none"
timeout = "2s"

[receivers.program]
type = "webhook"
url = "{url}/alerts"
signing_secret = {{ env = "WEBHOOK_SECRET" }}
timeout = "1s"
"""


def is_settled(account: Account, ids: list[UUID]) -> bool:
    return not account.open and all(account.has_outcome(id_, name) for id_ in ids for name in ("desk", "program"))


def require_marked_doubles(account: Account, http: HttpServer, mail: MailServer) -> int:
    """Doubles are unknown on the topic, and say that they are; their number."""
    # What a server took twice is unknown on the topic, and the second one says so itself.
    accepted = Counter(request.headers["webhook-id"] for request in http.requests if request.answer != "500")
    taken = [request for request in http.requests if request.answer in {"200", "half-body", "half", "nothing"}]
    doubles = [id_ for id_, count in Counter(request.headers["webhook-id"] for request in taken).items() if count > 1]
    assert set(map(UUID, doubles)) <= account.unknown
    for id_ in doubles:
        first, *others = [request.json for request in taken if request.headers["webhook-id"] == id_]
        assert all(other["may_be_repeated"] for other in others)
        assert {other["id"] for other in others} == {first["id"]}
    assert len(accepted) == sum(event.receiver == "program" for event in account.intents.values())
    mails = Counter(str(mail_["X-Notification-Id"]) for mail_ in mail.mails)
    assert {UUID(id_) for id_, count in mails.items() if count > 1} <= account.unknown
    assert len(mails) == sum(event.receiver == "desk" for event in account.intents.values())
    for id_, count in mails.items():
        marks = [mail_["X-Notification-May-Be-Repeated"] for mail_ in mail.mails if mail_["X-Notification-Id"] == id_]
        assert marks[1:] == ["yes"] * (count - 1)
    return len(doubles) + sum(count > 1 for count in mails.values())


def test_no_kill_loses_an_alert_or_doubles_one_silently(pipeline: Pipeline, tmp_path: Path) -> None:
    seed = int(os.environ.get("NOTIFIER_SEED", "0")) or random.randrange(1, 1_000_000)
    sys.stdout.write(f"NOTIFIER_SEED={seed}\n")
    dice = random.Random(seed)
    topic = AlertTopic(pipeline)
    answering = Event()

    def answer(_path: str, _body: bytes) -> str:
        answering.set()
        time.sleep(0.2 + dice.random() / 5)  # so that a kill may come between sending and knowing
        return dice.choice(["200", "200", "200", "429 1", "500", "nothing", "half", "half-body"])

    def on_data(_mail: EmailMessage) -> str | None:
        time.sleep(dice.random() / 5)
        return dice.choice([None, None, None, "451 later", "close"])

    with MailServer() as mail, HttpServer(answer) as http:
        mail.on_data = on_data
        path = tmp_path / "notifications.toml"
        path.write_text(NOTIFICATIONS.format(port=mail.port, url=http.url))
        environment = {
            "NOTIFICATIONS_FILE": str(path),
            "WEBHOOK_SECRET": "0123456789abcdef",
            "KAFKA_CONFIG_GROUP_INSTANCE_ID": "notifier-1",  # the next one need not wait for the session of the last
        }
        ids: list[UUID] = []
        in_flight = 0
        for number in range(ROUNDS):
            with pipeline.start("notifier", **environment) as notifier:
                ids += topic.write(*(alert_record(target=f"shop{number:04}{i % 4:04}") for i in range(ALERTS)))
                notifier.wait_for("notifying")
                if number % 2:
                    time.sleep(dice.random() * 3)
                else:  # while the server has a message and has not answered
                    answering.clear()
                    assert answering.wait(60)
                notifier.kill()
            in_flight += len(Account(topic.events()).under_way)
        mail.on_data = lambda _mail: None
        http.answer = lambda _path, _body: "200"
        with pipeline.start("notifier", **environment) as notifier:
            wait_for(lambda: is_settled(Account(topic.events()), ids), notifier.text[-3000:], timeout=300, pause=1.0)
            assert notifier.stop() == 0
    account = Account(topic.events())
    assert {event.kind for event in account.intents.values()} == {Kind.ALERTS}
    assert in_flight > ROUNDS // 2  # kills came between an attempt and its result
    assert {status for statuses in account.outcomes.values() for status in statuses} == {Status.DELIVERED}
    # One notification for each alert and receiver, with one outcome.
    assert Counter(len(account.told[id_, name]) for id_ in ids for name in ("desk", "program")) == {1: 2 * len(ids)}
    assert Counter(len(account.outcomes[id_]) for id_ in account.intents) == {1: len(account.intents)}
    doubles = require_marked_doubles(account, http, mail)
    sys.stdout.write(
        f"{ROUNDS} kills, {in_flight} attempts under way at a kill, {len(account.intents)} notifications, "
        f"{len(account.unknown)} of them unknown, {doubles} of these twice\n"
    )
