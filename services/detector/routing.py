"""Where judged transactions go: to the next stage, or to legit or fraud; alerts beside them, the unreadable aside."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import structlog
from confluent_kafka import Message

from services.contracts import HEADER_SIZE
from services.detector.alerts import Alerts, Found
from services.detector.batches import Batch
from services.detector.headers import OWNED, HeaderWriter
from services.detector.rules.model import Mode, Rule
from services.detector.stages import Plan
from services.detector.writers import Writers
from services.errors import PoisonError
from services.streaming.sink import Sink

log = structlog.get_logger()


@dataclass(frozen=True)
class Outputs:
    """The topics of judged transactions and of alerts."""

    legit: str
    fraud: str
    alerts: str


@dataclass(frozen=True)
class Judged:
    """Transactions of one stage, judged by the same rules.

    Attributes:
        number: Of the stage that they come from.
        plan: The rules.
        messages: The transactions.
        values: Their values.
        batch: What could be read of them.
        found: What fired here.
        live: By message the rules that fired on it here or before, without those that are only watched.
    """

    number: int
    plan: Plan
    messages: Sequence[Message]
    values: Sequence[bytes | None]
    batch: Batch
    found: Sequence[Found]
    live: Mapping[int, Sequence[str]]


@dataclass(frozen=True)
class Verdicts:
    """How many transactions were judged at last."""

    legit: int
    fraud: int


class Router:
    """Passes transactions on.

    Args:
        writers: How each was written; re-encodes where that doesn't belong to a topic.
        alerts: Makes alerts.
        outputs: Where everything goes in the end.
        log_transactions: Log one line per verdict.
    """

    def __init__(self, writers: Writers, alerts: Alerts, outputs: Outputs, *, log_transactions: bool = False) -> None:
        self._writers = writers
        self._alerts = alerts
        self._outputs = outputs
        self._log_transactions = log_transactions
        self._headers = HeaderWriter()

    def fields(self, rules: Iterable[Rule]) -> set[str]:
        """What telling about these rules needs of a transaction, besides its id."""
        return self._alerts.fields(rules)

    def route(self, judged: Judged, sink: Sink) -> Verdicts | None:
        """Passes transactions on, in the order that they were read.

        Returns:
            The verdicts; None if this was not the last stage.
        """
        messages, batch, live = judged.messages, judged.batch, judged.live
        number, plan = judged.number, judged.plan
        after = plan.after(number)
        values = list(judged.values)
        if after is None:
            topics = [self._outputs.legit] * len(values)
            for row in live:
                topics[row] = self._outputs.fraud
        else:
            topics = [plan.stages[after].topic] * len(values)
        headers = [self._headers(plan.version)] * len(values)
        for row, names in live.items():
            headers[row] = self._headers(plan.version, names)
        keys = self._keys(number, plan, after, messages, batch)
        failures = dict(batch.failures)
        self._one_by_one(batch, values, topics, failures)
        self._alert(judged, failures, sink)
        if failures:
            for row, error in sorted(failures.items()):
                sink.dead_letter(messages[row], error)
            kept = [row for row in range(len(values)) if row not in failures]
            messages, values = [messages[row] for row in kept], [values[row] for row in kept]
            topics, keys = [topics[row] for row in kept], [keys[row] for row in kept]
            headers = [headers[row] for row in kept]
        sink.forward(messages, values, topics, keys, headers, owned=OWNED)
        if after is not None:
            return None
        fraud = topics.count(self._outputs.fraud)
        return Verdicts(len(topics) - fraud, fraud)

    def _one_by_one(
        self, batch: Batch, values: list[bytes | None], topics: Sequence[str], failures: dict[int, PoisonError]
    ) -> None:
        """What the columns can't do: re-encode for an output that the writer's schema is foreign to, and log."""
        for writer, rows in batch.written:
            if writer.governed.issuperset(topics) and not self._log_transactions:
                continue
            for row in rows.tolist():
                value, topic = values[row], topics[row]
                if value is None:
                    continue
                try:
                    if self._log_transactions and topic in {self._outputs.legit, self._outputs.fraud}:
                        record = writer.records.decode(value[HEADER_SIZE:])
                        verdict = "fraud" if topic == self._outputs.fraud else "legit"
                        log.info("transaction", verdict=verdict, **{name: str(one) for name, one in record.items()})
                    if topic not in writer.governed:
                        values[row] = self._writers.reencode(writer, value[HEADER_SIZE:], topic)
                except PoisonError as error:
                    failures[row] = error

    def _alert(self, judged: Judged, failures: Mapping[int, PoisonError], sink: Sink) -> None:
        """Writes an alert for whatever fired, and a line in the log for what would have if it were live."""
        batch = judged.batch
        told = [one for one in judged.found if one.rule.told]
        writers = [(writer, frozenset(rows.tolist())) for writer, rows in batch.written] if told else []
        for one in told:
            row = int(batch.rows[one.position])
            value = judged.values[row]
            if row in failures or value is None:
                continue
            if one.rule.mode is Mode.SHADOW:
                self._alerts.tell(one, batch.columns)
                continue
            writer = next(writer for writer, rows in writers if row in rows)
            try:
                body = self._writers.own_body(writer, value[HEADER_SIZE:])
            except PoisonError:
                continue
            sink.send(self._outputs.alerts, self._alerts.encode(one, batch.columns, body), judged.messages[row].key())

    def _keys(
        self, number: int, plan: Plan, after: int | None, messages: Sequence[Message], batch: Batch
    ) -> Sequence[bytes | None]:
        """The key of each message where it goes: what the next topic is keyed by."""
        if number == 0 and after is None:
            return [message.key() for message in messages]
        column = batch.columns.get(plan.stages[0 if after is None else after].field)
        keys: list[bytes | None] = [None] * len(messages)
        if column is None:
            return keys
        texts = column.tolist()
        for row, text in zip(batch.rows.tolist(), texts, strict=True):
            keys[row] = text if isinstance(text, bytes) else str(text).encode()
        return keys
