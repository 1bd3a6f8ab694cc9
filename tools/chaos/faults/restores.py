"""Windows that have to be brought back: slowly, with expired offsets, and with dead letters that were redriven."""

import os
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime

from confluent_kafka import KafkaException, Message

from tools.chaos.faults.detectors import kill
from tools.chaos.rules_over_time import RulesOverTime
from tools.chaos.traffic import Payment, Producers, Traffic, payments
from tools.chaos.trial import DRAINED, Trial
from tools.chaos.verdict_comparison import content, headers
from tools.harness.processes import Service
from tools.harness.quota import limit_fetches
from tools.harness.registry_proxy import RegistryProxy
from tools.harness.waiting import DEADLINE, wait_for

COUNT = 5000
SECONDS = 5.0
POLL_SECONDS = 6
"""`max.poll.interval.ms` of the detector that restores; it has to be more than the session's time-out."""

BACKLOG = 20_000
QUOTA = 20
"""Bytes a second that may be fetched, for each message of the backlog: more than the ten seconds' worth that the broker
lets through at once is left then."""

BACKLOG_STEP_MS = 3
"""Milliseconds between the event times of two payments of the backlog, besides the time that writing takes."""

WITHOUT_STATE = {"STATE_TOPIC": "off"}
"""The detector's setting for a restore that reads the input: from the state topic it takes no time worth a fault."""

UNKNOWN_SHARE = 0.15
"""Share of the payments that have a schema id that is not known yet."""


def longer_than_the_poll_interval(trial: Trial) -> None:
    """The broker slows down a detector that restores its windows, which half of the times is killed meanwhile."""
    chance, pipeline = trial.chance, trial.pipeline
    backlog, count = int(BACKLOG * max(trial.scale, 0.5)), int(COUNT * max(trial.scale, 0.4))
    killed = chance.random() < 0.5
    over = RulesOverTime(trial, backlog + count)
    first = trial.detector(**over.environment, **WITHOUT_STATE)
    written = [replace(payment, at_ms=payment.at_ms - (backlog - number) * BACKLOG_STEP_MS)
               for number, payment in enumerate(payments(chance, backlog))]  # fmt: skip
    with Traffic(pipeline, written, SECONDS):
        trial.wait_for_output()
    wait_for(
        lambda: trial.watch.total >= backlog,
        lambda: f"{trial.watch.total} of {backlog} are judged",
        2 * DEADLINE,
    )
    trial.exclude(first)
    trial.require(first.stop() == 0, "SIGTERM: another exit code than 0")
    settings = over.environment | WITHOUT_STATE | {"KAFKA_CONFIG_MAX_POLL_INTERVAL_MS": str(POLL_SECONDS * 1000),
                                   "KAFKA_CONFIG_CLIENT_ID": pipeline.prefix}  # fmt: skip
    brokers = pipeline.cluster.bootstrap_servers
    limit_fetches(brokers, pipeline.prefix, backlog * QUOTA)
    try:
        began = time.monotonic()
        detector = trial.detector("slow", **settings)
        detector.wait_for("rebalance", change="assigned")
        trial.note_fault()
        with Traffic(pipeline, payments(chance, count), SECONDS):
            if killed:
                time.sleep(chance.uniform(0.0, POLL_SECONDS))
                trial.prove(not _slowest(detector), "it was restoring when it was killed")
                trial.exclude(detector)
                detector.kill()
                detector = trial.detector("slow", **settings)
                detector.wait_for("rebalance", change="assigned")
        restored = wait_for(lambda: _slowest(detector), "windows restored", 2 * DEADLINE, pause=0.2)
    finally:
        limit_fetches(brokers, pipeline.prefix, None)
    after = "after a kill midway" if killed else "in one go"
    trial.prove(
        restored > POLL_SECONDS,
        f"windows took {restored:.1f} s to restore, {after}, with a poll interval of {POLL_SECONDS} s",
    )
    trial.wait_for_recovery(began)
    trial.drain()
    changes = [event["change"] for event in detector.events("rebalance")]
    trial.require(changes == ["assigned"], f"it did not stay a member: {changes}")
    trial.require(len(detector.events("windows restored")) == 8, "partitions were restored several times, or never")


def _slowest(detector: Service) -> float:
    """Seconds that the slowest partition took; 0 while any of the eight is missing."""
    events = detector.events("windows restored")
    return max(float(event["seconds"]) for event in events) if len(events) == 8 else 0.0


def offsets_expired(trial: Trial) -> None:
    """The group is gone when a detector comes back: it refuses, and goes on from a time that it is given."""
    chance, pipeline, count = trial.chance, trial.pipeline, int(COUNT * max(trial.scale, 0.4))
    over = RulesOverTime(trial, 4 * count)
    first = trial.detector(**over.environment)
    with Traffic(pipeline, payments(chance, count), SECONDS):
        trial.wait_for_output()
    wait_for(lambda: trial.watch.total >= count, "everything is judged", DEADLINE)
    trial.exclude(first)
    trial.require(first.stop() == 0, "SIGTERM: another exit code than 0")
    time.sleep(0.2)
    moment = datetime.now(UTC).isoformat(timespec="milliseconds")
    time.sleep(0.2)
    with Traffic(pipeline, payments(chance, count), SECONDS):
        time.sleep(chance.uniform(0.0, 1.0))
        _delete_group(trial)
        has_offsets = any(offset >= 0 for offset in trial.committed().values())
        trial.note_fault()
        refused = trial.detector(**over.environment)
        trial.exclude(refused)
        code = refused.exit_code()
        said = [str(event.get("reason", event)) for event in refused.lines if "START_FROM" in str(event)]
        trial.prove(not has_offsets, "the group had no offsets")
        trial.require(code == 1 and said, f"it did not refuse: exit code {code}: {refused.text[-300:]}")
    began = time.monotonic()
    second = trial.detector(START_FROM=moment, **over.environment)
    second.wait_for("rebalance", change="assigned")
    with Traffic(pipeline, payments(chance, count), SECONDS):
        trial.wait_for_recovery(began)
    with Traffic(pipeline, payments(chance, count), SECONDS):  # its own: a transaction has to be open at the kill
        time.sleep(chance.uniform(0.0, 1.0))
        dead = kill(trial, second, within=0.3)
        trial.detector(START_FROM=moment, **over.environment)
        trial.watch.wait_until_more(dead + 0.2, DRAINED)


def _delete_group(trial: Trial) -> None:
    def deleted() -> bool:
        with suppress(KafkaException):  # its member is just leaving
            for answer in trial.admin.delete_consumer_groups([trial.pipeline.group], request_timeout=10).values():
                answer.result()
            return True
        return False

    wait_for(deleted, "the group is deleted", pause=0.1)


def redriven_then_killed(trial: Trial) -> None:
    """Dead letters of an unknown schema id are redriven when it is known, and detectors are killed meanwhile."""
    chance, pipeline, count = trial.chance, trial.pipeline, int(COUNT * max(trial.scale, 0.4))
    over = RulesOverTime(trial, 3 * count)
    written = payments(chance, 3 * count)
    producers = Producers(pipeline)
    unknown = {payment.id for payment in written[:count] if chance.random() < UNKNOWN_SHARE}
    rubbish: set[bytes] = set()

    def is_dead(message: Message) -> bool:
        return content(message) in rubbish and "__redrive.count" not in headers(message)

    over.is_dead = is_dead
    with RegistryProxy(pipeline.cluster.registry_url) as proxy:
        settings = over.environment | WITHOUT_STATE | {"SCHEMA_REGISTRY_URL": proxy.url}
        detector = trial.detector(**settings)
        with Traffic(pipeline, payments(chance, 100), 0.5):
            trial.wait_for_output()  # the first schema id is known
        before = pipeline.schema_id
        proxy.mode = "forget"
        pipeline.evolve()

        def send(payment: Payment, value: bytes) -> None:
            old = b"\0" + before.to_bytes(4, "big") + value[5:-1]  # without the field that is new
            if payment.id in unknown:
                rubbish.add(value)
            producers.of("murmur2_random").produce(
                pipeline.input, value if payment.id in unknown else old, payment.target)  # fmt: skip
            producers.poll()

        with Traffic(pipeline, written[:count], SECONDS, send):
            pass
        producers.flush()
        wait_for(lambda: trial.watch.total >= count + 100, "everything is judged or dead", DEADLINE)
        dead = len(pipeline.read(pipeline.dead))
        trial.prove(dead == len(unknown), f"{dead} dead letters of an unknown schema id")
        with Traffic(pipeline, written[count : 2 * count], SECONDS, send):
            trial.random_moment(0.0, 1.0)
            killed = kill(trial, detector, within=0.3)
            proxy.mode = "pass"  # the schema is registered
            _redrive(trial, len(unknown))
            detector = trial.detector(**settings)
            trial.wait_for_recovery(killed + 0.2)
        # Traffic of its own: that of the first kill may be over by now, and no transaction would be open any more.
        with Traffic(pipeline, written[2 * count :], SECONDS, send):
            time.sleep(chance.uniform(0.0, 0.3))
            kill(trial, detector, within=0.3)
            detector = trial.detector(**settings)
        trial.drain()
        left_out = sum(event["dead_letters"] for event in detector.events("windows restored"))
        trial.prove(left_out, f"{left_out} dead originals that had become readable were left out of windows")


def _redrive(trial: Trial, count: int) -> None:
    """Puts the dead letters back."""
    done = subprocess.run([sys.executable, "-m", "services.commands.redrive"], capture_output=True, text=True,
                          env=os.environ | trial.pipeline.environment, check=False, timeout=DEADLINE)  # fmt: skip
    trial.require(done.returncode == 0, f"redrive ended with {done.returncode}: {done.stderr[-300:]}")
    trial.prove(f"{count} redriven" in done.stdout, done.stdout.strip().splitlines()[-1] if done.stdout else "nothing")
