"""`notify`: checks a notifications file, says who would be told of an alert and why, or sends a test message.

    notify --check             is the file right?
    notify --dry-run ALERT     who would be told; ALERT is the id of an alert on the topic, or a file with one as JSON,
                               as scripts/tail prints it; - reads it from standard input
    notify --test RECEIVER     send a test message to one receiver, and say how that ended

`--check`, and `--dry-run` with a file, need no broker.

Exit codes: 0 done, 1 the file has faults, there is no such alert, or the test message was not delivered, 2 wrong usage,
3 no broker or registry answers, 4 not authorised.
"""

import argparse
import json
import sys
import time
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from services.contracts import MessageRecords, Registry, RegistrySettings, load_contracts
from services.errors import ContractError, ExpectedError, UsageError
from services.notifier.alert import Alert
from services.notifier.events import Kind
from services.notifier.explanation import explain
from services.notifier.loading import load_notifications
from services.notifier.model import Notifications
from services.notifier.notification import Answer, Message
from services.notifier.receivers import sender_of
from services.notifier.settings import NotifierSettings
from services.notifier.silences import Silence, Silences
from services.notifier.topics import NotifierTopics, transaction_schema
from services.streaming.clients import KafkaClients
from services.streaming.logs import configure_logging
from services.streaming.settings import librdkafka_properties, load_settings
from services.streaming.topic_reader import TopicReader
from services.streaming.topics import await_brokers

_PROGRAM = "notify"


class _Settings(NotifierSettings):
    """Settings of the notifier; a broker is not always needed."""

    kafka_broker_url: str = "localhost:9092"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    options = _parser().parse_args(arguments)
    configure_logging(_PROGRAM, "critical")  # errors are printed below, in a line
    try:
        settings = load_settings(_Settings, RegistrySettings)
        topics = NotifierTopics.of(settings, load_contracts())
        path = options.file or settings.notifications_file
        notifications = load_notifications(path, transaction_schema(topics))
        if options.check:
            return _check(notifications)
        if options.test is not None:
            return _test(notifications, options.test)
        return _dry_run(settings, topics, notifications, options.dry_run)
    except ExpectedError as error:
        for line in str(error).splitlines():
            print(f"{_PROGRAM}: {line}", file=sys.stderr)
        return error.exit_code


def _check(notifications: Notifications) -> int:
    """Print the routes and receivers; a missing secret is a warning, as it may be on another machine."""
    for route in notifications.route.all():
        print(f"route {route.name}: {route.matcher} to {', '.join(route.receivers) or 'nobody'}")
    for receiver in notifications.receivers.values():
        print(f"receiver {receiver.name}: {type(receiver).__name__.removesuffix('Receiver').lower()}")
        for secret in receiver.secrets:
            try:
                secret.reveal()
            except UsageError as error:
                print(f"{_PROGRAM}: warning: {error}", file=sys.stderr)
    return 0


def _test(notifications: Notifications, name: str) -> int:
    """Send a test message."""
    receiver = notifications.receivers.get(name)
    if receiver is None:
        known = ", ".join(notifications.receivers) or "none"
        raise UsageError(f"--test {name}: {notifications.source} has no such receiver; it has {known}")
    message = Message(uuid.uuid4(), 1, Kind.NOTICE, at=time.time(),
                      reason="This is a test of the fraud notifier. There is nothing to do.")  # fmt: skip
    result = sender_of(receiver, notifications.case_url).send(message)
    print(f"{name}: {result.answer}{f': {result.reason}' if result.reason else ''}")
    return 0 if result.answer is Answer.DELIVERED else 1


def _dry_run(settings: NotifierSettings, topics: NotifierTopics, notifications: Notifications, text: str) -> int:
    """Print who would be told of an alert."""
    try:
        wanted = uuid.UUID(text)
    except ValueError:
        alert, silences = _alert_of_file(text), Silences()
    else:
        alert, silences = _read_topics(settings, topics, wanted)
    for line in explain(notifications, silences, alert, time.time()):
        print(line)
    return 0


def _read_topics(settings: NotifierSettings, topics: NotifierTopics, wanted: uuid.UUID) -> tuple[Alert, Silences]:
    """Return an alert of the topic, and the silences."""
    clients = KafkaClients(settings, librdkafka_properties(), client_id=_PROGRAM)
    await_brokers(clients.admin(), settings)
    reader = TopicReader(lambda **config: clients.consumer(_PROGRAM, **config))
    silences, alert = Silences(), None
    with Registry(RegistrySettings.load()) as registry:
        records = MessageRecords(registry, topics.silences.required_schema)
        for messages in reader.read(topics.silences.name):
            for message in messages:
                silences.put(Silence.of(records.decode(message.value(), None)))
        records = MessageRecords(registry, topics.alerts.required_schema)
        needle = str(wanted).encode()  # decoded are only the few records that have it somewhere
        for messages in reader.read(topics.alerts.name):
            for message in messages:
                if needle in (message.value() or b""):
                    record = records.decode(message.value(), None)
                    alert = Alert.of(record) if record["id"] == wanted else alert
    if alert is None:
        raise ContractError(f"{topics.alerts.name} has no alert {wanted}; scripts/tail {topics.alerts.name} shows them")
    return alert, silences


def _alert_of_file(text: str) -> Alert:
    """Return the alert in a JSON file.

    Raises:
        UsageError: There is none.
    """
    name = "standard input" if text == "-" else text
    try:
        content = sys.stdin.read() if text == "-" else Path(text).read_text(encoding="utf-8")
        record = json.loads(content, parse_float=Decimal)
        if not isinstance(record, Mapping):
            raise ValueError("no JSON object")
        return Alert.of(_completed(record))
    except OSError as error:
        raise UsageError(f"{name}: {error.strerror}; expected the id of an alert, or a file with one as JSON") from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UsageError(f"{name}: no alert as scripts/tail prints it: {error!r}") from None


def _completed(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return the record of an alert as the codec would decode it; what does not matter here may be missing."""
    transaction = {name: _number(value) for name, value in record["transaction"].items()}
    defaults = {
        "id": str(uuid.UUID(int=0)),
        "reason": "",
        "key": {},
        "figures": {},
        "contributors": [],
        "suppressed": 0,
    }
    completed = {**defaults, **record, "transaction": transaction}
    return completed | {"id": uuid.UUID(completed["id"]), "detected_at": datetime.now(UTC)}


def _number(value: Any) -> Any:
    return Decimal(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=_PROGRAM,
        description="Check who is told of which alerts.",
        epilog=(__doc__ or "").partition("\n\n")[2],
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--file", type=Path, help="the notifications file; by default NOTIFICATIONS_FILE")
    action = parser.add_mutually_exclusive_group(required=True)
    action.add_argument("--check", action="store_true", help="check the file, and list routes and receivers")
    action.add_argument("--dry-run", metavar="ALERT", help="say who would be told of an alert, and why; send nothing")
    action.add_argument("--test", metavar="RECEIVER", help="send a test message to one receiver")
    return parser


if __name__ == "__main__":
    sys.exit(main())
