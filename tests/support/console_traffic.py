"""Alerts and decisions that go on while parts of the system are killed, and the rows that have to come of them."""

import random
import re
import time
import uuid
from pathlib import Path
from threading import Event, Thread
from typing import Any

import httpx2
from confluent_kafka import KafkaError, Message, Producer

from benchmarks.console_data import alert_record
from services.console.decoding import RecordReader, read_alert, read_decision
from services.console.storage.database import migrate, open_database
from services.contracts import RecordEncoder, frame
from services.streaming.clients import PARTITIONER
from tests.support.console import dump, project
from tests.support.console_process import ConsoleProcess
from tools.harness.pipeline import Pipeline
from tools.harness.waiting import DEADLINE

ACCOUNTS = 8
_PAUSE = 0.03
_REASONS = {"FRAUD": "scam", "NO_FRAUD": "known-pattern", "UNKNOWN": "not-enough-data"}


class Alerts(Thread):
    """Writes alerts of some accounts until it is stopped, through the loss of a broker.

    Attributes:
        acknowledged: Ids of the alerts that the broker has confirmed.
    """

    def __init__(self, pipeline: Pipeline) -> None:
        super().__init__(daemon=True)
        contract = pipeline.contracts.topic(pipeline.alerts)
        with pipeline.registry as registry:
            self._schema_id = registry.require(contract.subject, contract.required_schema).id
        self._encode = RecordEncoder(contract.required_schema.json).encode
        self._topic = contract.name
        self._producer = Producer({
            **pipeline.cluster.client_config(), "enable.idempotence": True, "log_level": 0, "linger.ms": 5,
            "message.timeout.ms": 300_000, "partitioner": PARTITIONER,
        })  # fmt: skip
        self._ended = Event()
        self.acknowledged: list[str] = []

    def run(self) -> None:
        """Write until `finish`."""
        number = 0
        while not self._ended.wait(_PAUSE):
            number += 1
            identifier = str(uuid.uuid4())
            account = f"mule{number % ACCOUNTS:08}"

            def note(error: KafkaError | None, _message: Message, identifier: str = identifier) -> None:
                if error is None:
                    self.acknowledged.append(identifier)

            value = frame(self._schema_id, self._encode(alert_record(uuid.UUID(identifier), account, number)))
            self._producer.produce(self._topic, value, account.encode(), on_delivery=note)
            self._producer.poll(0)

    def finish(self) -> None:
        """Stop, and wait until all are acknowledged."""
        self._ended.set()
        self.join()
        assert self._producer.flush(DEADLINE) == 0


class Decisions(Thread):
    """A person who works on cases until stopped: a form that was not confirmed is sent again, with the same id.

    Attributes:
        acknowledged: Ids of the decisions that the console has confirmed.
        repeated: Number of forms that were sent again.
    """

    def __init__(self, console: ConsoleProcess, seed: int) -> None:
        super().__init__(daemon=True)
        self._console = console
        self._random = random.Random(seed)
        self._ended = Event()
        self.acknowledged: list[str] = []
        self.repeated = 0

    def run(self) -> None:
        """Decide until `finish`."""
        while not self._ended.is_set():
            try:
                page = self._console.http.get("/?view=closed" if self._random.random() < 0.3 else "/").text
            except httpx2.HTTPError:
                time.sleep(0.1)
                continue
            cases = re.findall(r'data-href="/cases/([0-9a-f-]{36})"', page)
            csrf = re.search(r'name="csrf" value="([^"]+)"', page)
            if cases and csrf:
                self._decide(self._random.choice(cases), csrf[1])
            else:
                time.sleep(0.1)

    def _decide(self, case: str, csrf: str) -> None:
        verdict = self._random.choice(list(_REASONS))
        fields = {"id": str(uuid.uuid4()), "csrf": csrf, "verdict": verdict, "reason": _REASONS[verdict],
                  "alerts": "99999", "note": "called"}  # fmt: skip
        action = self._random.choice(["decide", "note", "claim", "release"])
        while not self._ended.is_set():
            try:
                answer = self._console.http.post(f"/cases/{case}/{action}", data=fields)
            except httpx2.HTTPError:
                answer = None
            if answer is not None and answer.status_code == 303:
                self.acknowledged.append(fields["id"])
                return
            if answer is not None and answer.status_code < 500:
                return  # not possible as the case is now
            self.repeated += 1
            time.sleep(0.1)

    def finish(self) -> None:
        """Stop after the form that is on its way."""
        self._ended.set()
        self.join()


def expected_rows(pipeline: Pipeline, directory: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Return the rows that the topics come to, in a database of their own."""
    contracts = pipeline.contracts
    decisions_topic = f"{pipeline.prefix}streaming.decisions"
    with pipeline.registry as registry:
        alerts, decisions = (
            RecordReader(registry, contracts.topic(topic).required_schema)
            for topic in (pipeline.alerts, decisions_topic)
        )
        of_alerts = [read_alert(alerts, message, 2) for message in pipeline.read(pipeline.alerts)]
        of_decisions = [read_decision(decisions, message) for message in pipeline.read(decisions_topic)]
    file = directory / f"{uuid.uuid4()}.db"
    engine = open_database(f"sqlite:///{file}")
    migrate(engine)
    for first in range(0, len(of_alerts), 500):
        project(engine, of_alerts[first : first + 500])
    project(engine, decisions=of_decisions)
    rows = dump(engine)
    engine.dispose()
    file.unlink()
    return rows
