"""Alerts on a real broker become mails on a real SMTP server, and every step is on the topic."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from confluent_kafka import Producer

from services.commands import notify, silence
from services.contracts import RecordEncoder, frame
from services.notifier.events import Phase, Status
from tests.support.alerting import Account, AlertTopic, alert_record
from tests.support.mail_server import MailServer, mails_with
from tools.harness.pipeline import Pipeline
from tools.harness.processes import Service
from tools.harness.waiting import wait_for

NOTIFICATIONS = """
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
"""


class Notified:
    """A pipeline with a notifier's file and a mail server."""

    def __init__(self, pipeline: Pipeline, mail: MailServer, directory: Path) -> None:
        self.pipeline = pipeline
        self.mail = mail
        self.topic = AlertTopic(pipeline)
        self.file = directory / "notifications.toml"
        self.use(NOTIFICATIONS)

    def use(self, text: str) -> None:
        self.file.write_text(text.format(port=self.mail.port))

    @property
    def environment(self) -> dict[str, str]:
        return self.pipeline.environment | {"NOTIFICATIONS_FILE": str(self.file)}

    def start(self, **more: str) -> Service:
        return self.pipeline.start("notifier", NOTIFICATIONS_FILE=str(self.file), **more)

    def settled(self) -> Account:
        """The account as soon as every notification has its outcome."""
        wait_for(lambda: not Account(self.topic.events()).open, lambda: f"{self.topic.events()}", pause=0.3)
        return Account(self.topic.events())


@pytest.fixture
def notified(pipeline: Pipeline, tmp_path: Path) -> Iterator[Notified]:
    with MailServer() as mail:
        yield Notified(pipeline, mail, tmp_path)


def test_an_alert_becomes_a_mail_and_each_step_a_record(notified: Notified) -> None:
    with notified.start() as notifier:
        notifier.wait_for("notifying")
        ids = notified.topic.write(alert_record(), alert_record(), alert_record("structuring", target="shop00000002"))
        mails = mails_with(notified.mail, 2)
        assert {mail["Subject"] for mail in mails} == {
            "High: fan-in, target shop00000001 (2 alerts)", "High: structuring, target shop00000002",
        }  # fmt: skip
        account = notified.settled()
        assert notifier.stop() == 0
    assert all(account.has_outcome(id_, "desk") for id_ in ids)
    assert [len(account.outcomes[id_]) for id_ in account.intents] == [1, 1]
    phases = [(event.phase, event.status) for event in notified.topic.events()]
    assert phases.count((Phase.ATTEMPT, Status.PENDING)) == 2
    assert phases.count((Phase.OUTCOME, Status.DELIVERED)) == 2


def test_silences_changed_files_and_records_that_are_no_alerts(
    notified: Notified, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    for name, value in notified.environment.items():
        monkeypatch.setenv(name, value)
    assert silence.main(["list"]) == 0
    assert silence.main(["add", "--match", "rule=fan-*", "--match", "amount>=100", "--for", "1h", "--author", "ann",
                         "--reason", "known merchant"]) == 0  # fmt: skip
    id_ = capsys.readouterr().out.strip()
    with notified.start() as notifier:
        notifier.wait_for("notifying")
        (silenced,) = notified.topic.write(alert_record())
        wait_for(lambda: Account(notified.topic.events()).has_outcome(silenced, "desk"), "the outcome", pause=0.3)
        assert notify.main(["--dry-run", str(silenced)]) == 0
        assert "by ann: known merchant" in capsys.readouterr().out
        assert notified.mail.mails == []

        assert silence.main(["expire", id_[:8]]) == 0
        assert silence.main(["expire", id_[:8]]) == 1
        assert "has ended already" in capsys.readouterr().err
        assert silence.main(["list", "--all"]) == 0
        assert f"{id_}  ended  rule is fan-* and amount is at least 100" in capsys.readouterr().out

        notified.pipeline.produce([b"\x00\x00\x00\x00\x01junk"], notified.pipeline.alerts)
        assert "can't be read" in str(mails_with(notified.mail, 1)[0].get_body(("plain",)))

        notified.use(NOTIFICATIONS.replace('receivers = ["desk"]', 'receivers = ["dsk"]'))
        notifier.wait_for("notifications file rejected, keeping the previous one")
        notified.use(NOTIFICATIONS.replace("desk", "office"))
        notifier.wait_for("notifying", count=2)
        notified.topic.write(alert_record(target="shop00000005"))
        assert mails_with(notified.mail, 2)[1]["To"] == "office@example.com"
        notified.settled()
        assert notifier.stop() == 0
    account = Account(notified.topic.events())
    assert account.suppressed[silenced, "desk"] == [Status.SILENCED]
    assert [Status.UNREADABLE] in account.outcomes.values()


def test_a_standby_takes_over_and_tells_nobody_again(notified: Notified) -> None:
    with notified.start() as first:
        first.wait_for("notifying")
        with notified.start() as second:
            second.wait_for("standing by")
            notified.topic.write(alert_record())
            mails_with(notified.mail, 1)
            notified.settled()
            assert first.stop() == 0
            second.wait_for("notifying")
            notified.topic.write(alert_record(target="shop00000003"))
            mails = mails_with(notified.mail, 2)
            account = notified.settled()
            assert second.stop() == 0
    assert [mail["Subject"].count("shop") for mail in mails] == [1, 1]
    assert len(account.intents) == 2


def decide(pipeline: Pipeline, account: str, verdict: str) -> None:
    """Write a decision of a person about an account."""
    contract = pipeline.contracts.topic(f"{pipeline.prefix}streaming.decisions")
    fields = {field["name"]: field.get("default") for field in contract.required_schema.json["fields"]}
    record = fields | {
        "id": uuid4(), "case": uuid4(), "account": account, "action": "DECIDE", "verdict": verdict, "alerts": 1,
        "by": "ann", "at": datetime.now(UTC).replace(microsecond=0),
    }  # fmt: skip
    with pipeline.registry as registry:
        schema_id = registry.require(contract.subject, contract.required_schema).id
    value = frame(schema_id, RecordEncoder(contract.required_schema.json).encode(record))
    pipeline.produce([value], contract.name, key=account.encode())


def test_a_daily_report_has_figures_and_a_picture(notified: Notified) -> None:
    now = datetime.now(UTC)
    # The day of the report ends in a minute at most: it is for the minute that has just begun, and due at once.
    at = (now - timedelta(minutes=1)).strftime("%H:%M")
    notified.use(NOTIFICATIONS + f'[report]\nreceivers = ["desk"]\nat = "{at}"\n')
    notified.pipeline.produce(notified.pipeline.transactions(120), notified.pipeline.legit,
                              timestamp=round((now - timedelta(hours=1)).timestamp() * 1000))  # fmt: skip
    notified.topic.write(alert_record(severity="critical", amount="999.00"), at=now - timedelta(hours=2))
    decide(notified.pipeline, "shop00000001", "FRAUD")
    with notified.start(START_NOTIFYING_FROM="end") as notifier:
        (mail,) = mails_with(notified.mail, 1)
        notified.settled()
        assert notifier.stop() == 0
    text, html = mail.get_body(("plain",)), mail.get_body(("html",))
    assert text is not None
    assert html is not None
    assert "transactions, about: 120" in text.get_content()
    assert "[CRITICAL] target shop00000001: fan-in; alerts: 1; 999.00 EUR; fraud" in text.get_content()
    (picture,) = [part for part in mail.walk() if part.get_content_type() == "image/png"]
    assert picture.get_content().startswith(b"\x89PNG\r\n")
    assert f"cid:{picture['Content-ID'][1:-1]}" in html.get_content()


def test_a_broken_file_stops_the_notifier_with_its_lines(notified: Notified) -> None:
    notified.use(NOTIFICATIONS.replace('tls = "none"', 'tls = "no"\npassword = "hunter2"'))
    with notified.start() as notifier:
        assert notifier.exit_code() == 1
        reasons = [line["reason"] for line in notifier.events("stopped")]
    assert any(f"{notified.file}:13: receivers.desk: tls: expected one of" in reason for reason in reasons)
    assert any("a secret never stands in this file" in reason for reason in reasons)
    assert "hunter2" not in notifier.text


def test_the_commands_answer_without_a_broker(
    notified: Notified, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in notified.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("KAFKA_BROKER_URL", "localhost:1")
    monkeypatch.setenv("STARTUP_TIMEOUT", "0")
    file = notified.file.with_name("alert.json")
    file.write_text(json.dumps(alert_record(), default=str))
    assert notify.main(["--check"]) == 0
    assert "receiver desk: email" in capsys.readouterr().out
    assert notify.main(["--dry-run", str(file)]) == 0
    assert "desk would be told after 1 s, by route route" in capsys.readouterr().out
    assert notify.main(["--test", "desk"]) == 0
    assert "desk: delivered" in capsys.readouterr().out
    assert "nothing to do" in str(notified.mail.mails[0].get_body(("plain",)))
    notified.mail.on_data = lambda _mail: "554 no"
    assert notify.main(["--test", "desk"]) == 1
    assert notify.main(["--test", "dsk"]) == 2
    assert notify.main(["--dry-run", "missing.json"]) == 2
    assert notify.main(["--dry-run", "00000000-0000-0000-0000-000000000000"]) == 3
    assert silence.main(["add", "--match", "rul=x", "--for", "1h", "--reason", "x"]) == 3


def test_a_fenced_notifier_takes_over_again_and_goes_on(notified: Notified) -> None:
    with notified.start() as notifier:
        notifier.wait_for("notifying")
        notified.topic.write(alert_record())
        mails_with(notified.mail, 1)
        notified.settled()
        rival = Producer({
            "bootstrap.servers": notified.pipeline.cluster.bootstrap_servers,
            "transactional.id": notified.environment["NOTIFIER_GROUP"],
        })  # fmt: skip
        rival.init_transactions(30)
        notified.topic.write(alert_record(target="shop00000004"))
        notifier.wait_for("replacing Kafka clients")
        mails = mails_with(notified.mail, 2)
        account = notified.settled()
        assert notifier.stop() == 0
    assert [str(mail["Subject"])[-1] for mail in mails] == ["1", "4"]
    assert len(account.intents) == 2
    assert not account.unknown
