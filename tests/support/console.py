"""A console without a cluster: a database with alerts, and decisions that are projected once they are published."""

import re
import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import Engine, select
from starlette.testclient import TestClient

from services.console.backtests.manager import Backtests, Run
from services.console.backtests.process import BacktestError, Report, Request
from services.console.clock import HOUR, now_ms
from services.console.monitor import PartitionLag, ServiceState, SystemState
from services.console.projection.alert_rows import CaseOptions, apply_alerts
from services.console.projection.decision_rows import apply_decisions
from services.console.projection.topic_offsets import advance, read_offsets
from services.console.publishing import Label
from services.console.recent import RecentTransactions
from services.console.records import Alert, Decision, Position, Transaction
from services.console.security.people import create_user
from services.console.security.sessions import create_session
from services.console.settings import ConsoleSettings
from services.console.storage.database import migrate, open_database, writing
from services.console.storage.tables import PROJECTION, cases
from services.console.web.app import build_app
from services.console.web.context import Console
from services.errors import Unavailable
from services.explanation import TransactionExplanation
from services.explanation.record_place import RecordPlace
from services.explanation.transaction_logs import TransactionNotFoundError
from services.rules.explanation import Check, Explanation, ModelExplanation, RuleExplanation
from services.rules.model import Mode, Severity
from services.rules.models.explanation import FeatureContribution

OPTIONS = CaseOptions(window_ms=24 * HOUR, claim_ms=HOUR // 2, scale=2)
PASSWORD = "correct horse 9"
URL = "http://127.0.0.1:8080"


def alert(
    account: str = "mule00000001", number: int = 0, *, at: int | None = None, rule: str = "many-senders", **changes: Any
) -> Alert:
    """An alert about an account: another number is another transaction, a second later."""
    at = now_ms() - 600_000 + 1000 * number if at is None else at
    transaction = Transaction(
        id=str(uuid.uuid5(uuid.NAMESPACE_OID, f"{account}/{number}")),
        source=f"payer{number % 10_000_000:07}",
        target=account,
        amount=changes.pop("amount", 10_000),
        currency=changes.pop("currency", "EUR"),
        created_at=at,
    )
    made = Alert(
        id=str(uuid.uuid5(uuid.NAMESPACE_OID, f"{rule}/{account}/{number}")),
        account=account,
        rule=rule,
        rule_version="0123456789ab",
        severity=3,
        reason="52 transfers of 100.00 EUR from 51 accounts in 24 h",
        transaction=transaction,
        key={"target": account, "amount": "100.00"},
        figures={"senders": "51", "payments": "52"},
        contributors=(transaction.id,),
        detected_at=at + 50,
        suppressed=0,
        position=Position(0, number),
    )
    return replace(made, **changes)


def project(engine: Engine, alerts: Iterable[Alert] = (), decisions: Iterable[Decision] = ()) -> None:
    """Project records, alerts first."""
    with writing(engine).begin() as connection:
        apply_alerts(connection, list(alerts), OPTIONS)
        apply_decisions(connection, list(decisions), OPTIONS)


def dump(engine: Engine) -> dict[str, list[tuple[Any, ...]]]:
    """The whole projection, but for offsets."""
    with engine.begin() as connection:
        return {
            table.name: sorted((tuple(row) for row in connection.execute(select(table))), key=str)
            for table in PROJECTION
            if table.name != "offsets"
        }


@dataclass
class Loopback:
    """Stands in for publisher and projector: what is published is in the database at once."""

    engine: Engine
    alerts_topic: str
    decisions: list[Decision] = field(default_factory=list)
    labels: list[Label] = field(default_factory=list)
    is_down: bool = False
    version: int = 0
    skipped: int = 0

    def publish(self, decision: Decision, labels: Sequence[Label] = ()) -> Position:
        """Project a decision."""
        if self.is_down:
            raise Unavailable("the decision is not confirmed: no broker answers; try again")
        position = Position(0, len(self.decisions))
        self.decisions.append(replace(decision, position=position))
        self.labels += labels
        project(self.engine, decisions=self.decisions[-1:])
        return position

    def await_decision(self, _position: Position, _timeout: float) -> bool:
        """Return at once."""
        return True

    def add(self, *alerts: Alert) -> None:
        """Project alerts with their offsets."""
        with writing(self.engine).begin() as connection:
            apply_alerts(connection, alerts, OPTIONS)
            known = read_offsets(connection)
            ends = {(self.alerts_topic, item.position.partition): item.position.offset + 1 for item in alerts}
            advance(connection, known, ends)
        self.version += 1


@dataclass
class Desk:
    """A console and people in front of it."""

    console: Console
    loop: Loopback
    app: Any

    def case(self, account: str = "mule00000001") -> Any:
        """The row of the latest case of an account."""
        with self.console.read() as connection:
            return connection.execute(
                select(cases).where(cases.c.account == account).order_by(cases.c.first_event_at.desc())
            ).first()

    def client(self, name: str = "anna", role: str = "analyst") -> "Person":
        """A browser of somebody who is logged in."""
        with self.console.write() as connection:
            create_user(connection, name, role, None)
            token = create_session(connection, name, HOUR)
        client = self.visitor()
        client.cookies.set("session", token)
        return Person(client)

    def visitor(self) -> TestClient:
        """A browser of somebody who is not logged in."""
        return TestClient(self.app, base_url=URL, follow_redirects=False, headers={"accept": "text/html"})


@dataclass
class Person:
    """A browser with a session."""

    http: TestClient

    def get(self, path: str) -> str:
        """The text of a page."""
        answer = self.http.get(path)
        assert answer.status_code == 200, (path, answer.status_code, answer.text[:500])
        return answer.text

    @property
    def csrf(self) -> str:
        """The token of the session's forms."""
        match = re.search(r'name="csrf" value="([^"]+)"', self.get("/"))
        assert match
        return match[1]

    def post(self, path: str, **fields: Any) -> Any:
        """The answer to a form with the session's token."""
        return self.http.post(path, data={"csrf": self.csrf} | fields)


def _no_topics(identity: str, _since_ms: int) -> TransactionExplanation:
    raise TransactionNotFoundError(f"no transaction {identity} is on queueing.transactions")


def _no_backtest(_request: Request, _report: Report) -> dict[str, Any]:
    raise BacktestError("rules.toml:1: expected at least one table [rules.NAME]")


@contextmanager
def desk(url: str, **settings: Any) -> Iterator[Desk]:
    """A console on a database of its own."""
    engine = open_database(url)
    migrate(engine)
    identity, explain = settings.pop("identity", None), settings.pop("explain", _no_topics)
    run: Run = settings.pop("run", _no_backtest)
    values: dict[str, Any] = {"kafka_broker_url": "127.0.0.1:1", "console_port": 8080, "four_eyes_amount": 0} | settings
    configured = ConsoleSettings(**values)
    loop = Loopback(engine, configured.alerts_topic)
    state = SystemState(
        [ServiceState("detector", "ready", [])], [PartitionLag("queueing.transactions", 0, 7, 9)], lag=7
    )
    console = Console(
        settings=configured,
        engine=engine,
        projector=loop,  # type: ignore[arg-type]
        publisher=loop,  # type: ignore[arg-type]
        recent=RecentTransactions(1000),
        options=OPTIONS,
        monitor=lambda: state,
        explain=explain,
        backtests=Backtests(engine, run),
        identity=identity,
    )
    try:
        yield Desk(console, loop, build_app(console))
    finally:
        engine.dispose()


def _count(transactions: int, known: int | None = 0, fraud: int | None = 0) -> dict[str, Any]:
    return {"transactions": transactions, "known": known, "fraud": fraud}


def backtest_result(transaction: str) -> dict[str, Any]:
    """The answer of a worker."""
    rule = {"name": "large", "status": "changed", "before": "live", "after": "shadow", "fired": _count(7, 4, 1),
            "fires": _count(9, 4, 3), "newly": _count(3), "no_longer": _count(1),
            "newly_in_shadow": _count(2)}  # fmt: skip
    example = {"rule": "large", "change": "newly", "reason": "950.00 <at> once", "verdict": "newly suspicious",
               "transaction": {"id": transaction, "amount": "950.00"}, "fraud": True}  # fmt: skip
    return {"transactions": 1234, "days_of_data": 0.5, "seconds": 1.25, "suspicious_before": _count(7, 4, 1),
            "suspicious_after": _count(9, 4, 3), "newly": _count(3), "no_longer": _count(1), "rules": [rule],
            "examples": [example, example | {"change": "no longer", "fraud": False}], "notes": ["<note>"]}  # fmt: skip


def explanation_of(identity: str, *, late: bool = False) -> TransactionExplanation:
    """An explanation: a rule that matched, and one that did not."""
    met = Check("amount >= 900", "", "amount 950.00", "", met=True)
    unmet = Check("senders", "distinct source by target", "12", "at least 50", False, "38 more", 0.24)
    match = {"id": alert().id, "reason": "950.00 at once by <b>", "contributors": [identity], "key": {}}
    rules = (
        RuleExplanation("large", "v1", Severity.LOW, Mode.LIVE, "target", (met,), True, match, True),
        RuleExplanation("many-senders", "v2", Severity.HIGH, Mode.SHADOW, "target", (unmet,), False),
    )
    part = FeatureContribution("paid", 950.0, 1.5, "paid 950, above 99 % of the training data")
    models = (ModelExplanation("cards", "d1", Mode.LIVE, 0.5, 0.75, (part,)),)
    explanation = Explanation("e43f", "rules.toml", ("large",), rules, models, {"cards": 0.75}, late)
    place = RecordPlace(
        "in", 1, 7, 1_767_225_600_000, "mule", (("rules.version", "e43f"),), "1", ("in-value version 1",)
    )
    return TransactionExplanation(
        {"id": identity}, place, ["by-source-1-2-3"], place, "fraud", "e43f", ("large",), explanation
    )
