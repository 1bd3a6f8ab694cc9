"""Parts that the pages work with."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

from sqlalchemy import Connection, Engine
from starlette.requests import Request

from services.console.backtests.manager import Backtests
from services.console.clock import HOUR, MINUTE
from services.console.projection.alert_rows import CaseOptions
from services.console.projection.projector import Projector
from services.console.publishing import DecisionPublisher
from services.console.recent import RecentTransactions
from services.console.security import audit
from services.console.security.sessions import Session
from services.console.settings import ConsoleSettings
from services.console.storage.database import writing
from services.explanation import TransactionExplanation


@dataclass(frozen=True)
class Console:
    """The parts of the console that pages use.

    Attributes:
        settings: The settings.
        engine: The database.
        projector: The projection.
        publisher: Writes decisions.
        recent: The latest transactions.
        options: Settings of cases.
        monitor: Returns the state of services and partitions.
        explain: Says why the verdict of a transaction is what it is.
        backtests: Compares changed rules with those in force.
        identity: The OpenID Connect provider; None without one.
    """

    settings: ConsoleSettings
    engine: Engine
    projector: Projector
    publisher: DecisionPublisher
    recent: RecentTransactions
    options: CaseOptions
    monitor: Callable[[], Any]
    explain: Callable[[str, int], TransactionExplanation]
    backtests: Backtests
    identity: Any = None

    def read(self) -> Any:
        """Return a context manager of a connection for reading."""
        return self.engine.begin()

    def write(self) -> Any:
        """Return a context manager of a transaction that writes."""
        return writing(self.engine).begin()

    @property
    def session_ms(self) -> int:
        """The time that a session lasts."""
        return round(self.settings.session_hours * HOUR)

    @property
    def claim_ms(self) -> int:
        """The time that a claim lasts."""
        return round(self.settings.claim_minutes * MINUTE)

    @property
    def is_secure(self) -> bool:
        """True where people reach the console by HTTPS."""
        return self.settings.url.startswith("https://")


def console_of(request: Request) -> Console:
    """Return the parts that pages use."""
    return cast("Console", request.app.state.console)


def session_of(request: Request) -> Session:
    """Return the session of a request behind the login."""
    return cast("Session", request.state.session)


def address_of(request: Request) -> str:
    """Return the address of the client."""
    return request.client.host if request.client else ""


def log_action(connection: Connection, request: Request, action: str, subject: str) -> None:
    """Add an action of the person who is logged in to the audit log."""
    audit.record(connection, session_of(request).user, action, subject, address_of(request))
