"""The file watcher, the log receiver, and what waits as metrics."""

from pathlib import Path
from threading import Event

import pytest
import structlog
from prometheus_client import CollectorRegistry, generate_latest

from services.commands import silence
from services.errors import UsageError
from services.notifier.condition_reading import FieldReader
from services.notifier.file_watcher import FileWatcher
from services.notifier.matching import Condition
from services.notifier.metrics import NotifierMetrics, Waiting, WaitingState
from services.notifier.model import LogReceiver, Notifications, Receiver, Route
from services.notifier.notification import Answer, Message, Result
from services.notifier.receivers import sender_of
from services.notifier.steps import Send
from services.notifier.workers import Workers
from services.streaming.progress import LoopProgress
from tests.support.messages import message


def test_a_changed_file_is_activated_and_a_broken_one_is_not(tmp_path: Path) -> None:
    file = tmp_path / "notifications.toml"
    file.write_text("a")

    def load() -> Notifications:
        text = file.read_text()
        if text == "broken":
            raise UsageError("f:1: broken")
        return Notifications(text, Route("route"), {})

    progress, stop = LoopProgress(), Event()
    watcher = FileWatcher(file, load, NotifierMetrics(CollectorRegistry()), progress, stop)
    watcher.look()
    assert not watcher.changed.is_set()
    file.write_text("broken")
    watcher.look()
    assert (watcher.current.source, watcher.changed.is_set()) == ("a", False)
    assert progress.conditions() == ("notifications-file",)
    file.write_text("b")
    watcher.look()
    assert (watcher.current.source, watcher.changed.is_set()) == ("b", True)
    assert progress.conditions() == ()


def test_the_log_has_a_line_for_each_message() -> None:
    with structlog.testing.capture_logs() as lines:
        result = sender_of(LogReceiver("log", mask=("target",)), "").send(message())
    assert result.answer is Answer.DELIVERED
    assert lines[0]["title"] == "High: fan-in (2 alerts)"
    assert "shop00000001" not in str(lines)


def test_metrics_of_what_waits() -> None:
    registry = CollectorRegistry()
    states: list[WaitingState | None] = [WaitingState(7, 3, 1, {"desk": (2, 12.5)}), None]
    registry.register(Waiting(lambda: states[0]))
    text = generate_latest(registry).decode()
    assert 'fraud_notifier_open_notifications{receiver="desk"} 2.0' in text
    assert 'fraud_notifier_oldest_notification_age_seconds{receiver="desk"} 12.5' in text
    assert "fraud_notifier_unsettled_alerts 7.0" in text
    del states[0]
    assert "fraud_notifier_unsettled_alerts 0.0" in generate_latest(registry).decode()


class _Failing:
    """A sender that fails in its own ways."""

    def __init__(self) -> None:
        self.errors: list[Exception] = [UsageError("no secret"), RuntimeError("a bug")]

    def send(self, _message: Message) -> Result:
        raise self.errors.pop(0)


def test_a_sender_that_fails_ends_no_thread() -> None:
    workers = Workers(lambda _receiver: _Failing(), NotifierMetrics(CollectorRegistry()))
    receiver: Receiver = LogReceiver("desk")
    workers.use({"desk": receiver})
    workers.submit(Send(receiver, message()))
    workers.submit(Send(receiver, message(attempt=2)))
    assert workers.busy
    results = [result for _id, _attempt, result in workers.drain(30)]
    assert [(result.answer, result.reason) for result in results] == [
        (Answer.RETRY, "no secret"), (Answer.UNKNOWN, "the notifier failed: RuntimeError: a bug"),
    ]  # fmt: skip
    assert not workers.busy
    workers.use({})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("rule=fan-in,smurf*", Condition("rule", ("fan-in", "smurf*"))),
        ("severity<=medium", Condition("severity", (), None, "medium")),
        ("severity>=high", Condition("severity", (), "high")),
    ],
)
def test_conditions_of_the_command_line(text: str, expected: Condition) -> None:
    assert silence._condition(FieldReader({}), text) == expected


@pytest.mark.parametrize("text", ["rule", "rul=x", "rule=", "severity>=bad", "severity=bad"])
def test_wrong_conditions_of_the_command_line_are_named(text: str) -> None:
    with pytest.raises(UsageError, match=f"--match {text}: "):
        silence._condition(FieldReader({}), text)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["add", "--match", "rule=x", "--reason", "x"], "one of the arguments --for --until is required"),
        (["add", "--match", "rule=x", "--reason", " ", "--for", "1h"], "expected a text"),
        (["add", "--match", "rule=x", "--reason", "x", "--for", "1"], "expected a number and s, m, h or d"),
        (["add", "--match", "rule=x", "--reason", "x", "--until", "soon"], "expected a time such as"),
    ],
)
def test_wrong_arguments_are_named(arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        silence.main(arguments)
    assert end.value.code == 2
    assert words in capsys.readouterr().err
