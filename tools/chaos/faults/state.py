"""The written state of windows: killed while it is written, gone, cut short, or of an older format."""

import signal
import time
from collections.abc import Callable

from confluent_kafka import OFFSET_END, IsolationLevel, Producer, TopicPartition
from confluent_kafka.admin import OffsetSpec

from tools.chaos.faults.detectors import kill
from tools.chaos.rules_over_time import RulesOverTime
from tools.chaos.traffic import Traffic, payments
from tools.chaos.trial import Trial
from tools.harness.waiting import DEADLINE, wait_for

COUNT = 5000
SECONDS = 5.0
WRITES = 2
"""Seconds within which state is written surely: it is once a second."""

FORMAT = 5
"""Position of the format in a record's value: the first field after the schema id."""


def killed_while_writing(trial: Trial) -> None:
    """SIGKILL while the transaction that writes state is open; another process restores from what is committed."""
    chance, pipeline, count = trial.chance, trial.pipeline, int(COUNT * max(trial.scale, 0.4))
    over = RulesOverTime(trial, 3 * count)
    detector = trial.detector(**over.environment)
    with Traffic(pipeline, payments(chance, count), SECONDS):
        trial.wait_for_output()
    with Traffic(pipeline, payments(chance, 2 * count), 2 * SECONDS):
        trial.random_moment(1.0, 2.0)
        unfinished = _halted_while_writing(trial, detector.process.send_signal)
        trial.exclude(detector)
        detector.kill()
        dead = time.monotonic()
        trial.prove(unfinished, f"{unfinished} partitions of the state topic held an open transaction at the kill")
        heir = trial.detector(**over.environment)
        trial.wait_for_recovery(dead + 0.2)
    restored = heir.events("state restored")
    trial.prove(restored, f"{len(restored)} partitions were restored from the state topic")


def topic_deleted(trial: Trial) -> None:
    """The state topic is deleted and made anew between two detectors: the input is read."""

    def delete() -> str:
        pipeline = trial.pipeline
        trial.admin.delete_topics([pipeline.state])[pipeline.state].result()
        wait_for(lambda: pipeline.state not in trial.admin.list_topics(timeout=10).topics, "the topic is gone")
        pipeline.create_topics_of(pipeline.state)
        return "the state topic was deleted and made anew"

    _without_state(trial, delete)


def topic_truncated(trial: Trial) -> None:
    """The first records of the state topic are deleted between two detectors: the input is read."""

    def truncate() -> str:
        ends = _ends(trial, IsolationLevel.READ_UNCOMMITTED)
        cut = [TopicPartition(topic, number, end - 1 if end else OFFSET_END) for (topic, number), end in ends.items()]
        for answer in trial.admin.delete_records(cut).values():
            answer.result()
        return f"all but the last of {sum(ends.values())} offsets of the state topic were deleted"

    _without_state(trial, truncate)


def older_format(trial: Trial) -> None:
    """The state topic has records of an older format when a detector comes back: the input is read."""

    def make_older() -> str:
        pipeline = trial.pipeline
        records = pipeline.read(pipeline.state)
        cut = [TopicPartition(pipeline.state, number, OFFSET_END) for number in range(4)]
        for answer in trial.admin.delete_records(cut).values():
            answer.result()
        producer = Producer({"bootstrap.servers": pipeline.cluster.bootstrap_servers})
        for record in records:
            value = record.value() or b""
            older = value[:FORMAT] + b"\0" + value[FORMAT + 1 :]
            producer.produce(pipeline.state, older, record.key(), record.partition() or 0)
        trial.require(producer.flush(DEADLINE) == 0, "older records were not written")
        return f"{len(records)} records of state were of format 0"

    _without_state(trial, make_older)


def _without_state(trial: Trial, lose: Callable[[], str]) -> None:
    """Kill a detector, make its state unusable, and start another one."""
    chance, pipeline, count = trial.chance, trial.pipeline, int(COUNT * max(trial.scale, 0.4))
    over = RulesOverTime(trial, 3 * count)
    detector = trial.detector(**over.environment)
    with Traffic(pipeline, payments(chance, count), SECONDS):
        trial.wait_for_output()
    with Traffic(pipeline, payments(chance, count), SECONDS):  # a transaction has to be open at the kill
        time.sleep(chance.uniform(WRITES, SECONDS - 1))
        trial.note_fault()
        kill(trial, detector, within=0.1)
    happened = lose()
    began = time.monotonic()
    heir = trial.detector(**over.environment)
    with Traffic(pipeline, payments(chance, count), SECONDS):
        trial.wait_for_recovery(began)
    noticed = heir.events("state not usable, reading the topic")
    trial.prove(noticed, f"{happened}, which {len(noticed)} partitions noticed")
    trial.require(not heir.events("state restored"), "a state was used that is not whole")


def _halted_while_writing(trial: Trial, send_signal: Callable[[int], None]) -> int:
    """Halt a detector as soon as new records are in the state topic; return the partitions with an open transaction."""
    until = time.monotonic() + DEADLINE
    before = sum(_ends(trial, IsolationLevel.READ_UNCOMMITTED).values())
    while time.monotonic() < until:
        now = sum(_ends(trial, IsolationLevel.READ_UNCOMMITTED).values())
        if now == before:
            continue
        before = now
        send_signal(signal.SIGSTOP)
        ends = _ends(trial, IsolationLevel.READ_UNCOMMITTED)
        stable = _ends(trial, IsolationLevel.READ_COMMITTED)
        if unfinished := sum(stable[partition] < end for partition, end in ends.items()):
            return unfinished
        send_signal(signal.SIGCONT)
    return 0


def _ends(trial: Trial, level: IsolationLevel) -> dict[tuple[str, int], int]:
    state = trial.pipeline.state
    spec: OffsetSpec = OffsetSpec.latest()  # type: ignore[no-untyped-call]
    request = {TopicPartition(state, number): spec for number in range(4)}
    answers = trial.admin.list_offsets(request, isolation_level=level, request_timeout=10)
    return {(where.topic, where.partition): answer.result().offset for where, answer in answers.items()}
