"""Alerts on a real broker become mails on a real SMTP server, and every step is on the topic."""

from pathlib import Path

from services.notifier.events import Phase, Status
from tests.support.alerting import Account, AlertTopic, alert_record
from tests.support.mail_server import MailServer, mails_with
from tools.harness.pipeline import Pipeline
from tools.harness.waiting import wait_for


def notifications(directory: Path, port: int, more: str = "") -> str:
    path = directory / "notifications.toml"
    path.write_text(
        f"""
[route]
receivers = ["desk"]
group_wait = "1s"
group_interval = "1s"

[receivers.desk]
type = "email"
to = ["desk@example.com"]
from = "fraud@example.com"
host = "127.0.0.1"
port = {port}
tls = "none"
{more}
"""
    )
    return str(path)


def test_an_alert_becomes_a_mail_and_each_step_a_record(pipeline: Pipeline, tmp_path: Path) -> None:
    topic = AlertTopic(pipeline)
    with (
        MailServer() as server,
        pipeline.start("notifier", NOTIFICATIONS_FILE=notifications(tmp_path, server.port)) as notifier,
    ):
        notifier.wait_for("notifying")
        ids = topic.write(alert_record(), alert_record(), alert_record("structuring", target="shop00000002"))
        mails = mails_with(server, 2)
        assert {mail["Subject"] for mail in mails} == {
            "High 2 alerts: fan-in, target shop00000001",
            "High alert: structuring, target shop00000002",
        }
        wait_for(lambda: not Account(topic.events()).open, lambda: f"{topic.events()}")
        assert notifier.stop() == 0
    account = Account(topic.events())
    assert all(account.has_outcome(id_, "desk") for id_ in ids)
    assert [len(account.outcomes[id_]) for id_ in account.intents] == [1, 1]
    phases = [(event.phase, event.status) for event in topic.events()]
    assert phases.count((Phase.ATTEMPT, Status.PENDING)) == 2
    assert phases.count((Phase.OUTCOME, Status.DELIVERED)) == 2
