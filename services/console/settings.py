"""Settings of the console."""

import os
import socket
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import NoDecode

from services.console.records import SEVERITIES
from services.streaming.settings import ServiceSettings

_RULES = Path(__file__).parents[1] / "detection" / "rules.toml"


class ConsoleSettings(ServiceSettings):
    """The console's settings; docs/settings.md lists them with their meaning.

    Attributes:
        console_host: Address at which pages are served; only this machine reaches the default.
        console_port: Port at which pages are served.
        console_url: Address of the console as people reach it, in links; by default that of host and port.
        database_url: `sqlite:///PATH`, or `postgresql://USER:PASSWORD@HOST/DATABASE`.
        alerts_topic: Topic of alerts.
        decisions_topic: Topic of what people do with cases.
        labels_topic: Topic of labels, which verdicts of people become.
        legit_topic: Topic of legit transactions, read for what is around a case.
        fraud_topic: Topic of fraudulent transactions, read for the same.
        transactions_topic: The input topic of the detector, whose lag is shown.
        consumer_group: The consumer group of the detectors, whose lag is shown.
        rules_file: The rules in force; its versions are kept.
        instance_id: Part of the transactional id `console.<instance>`; by default the name of the host.
        case_window_hours: Time after the first alert of a case within which further alerts of its account belong to it.
        claim_minutes: Time after which a claim ends.
        four_eyes_amount: Amount at risk from which on a second person has to approve a verdict; 0 for never.
        sla_hours: Time until a case should be decided, by severity.
        session_hours: Time after which people log in again.
        backtest_messages: The greatest number of messages that a backtest reads.
        backtest_seconds: Time after which a backtest is ended.
        recent_transactions: Number of the latest transactions that are kept in memory, for what is around a case.
        service_endpoints: Services whose state is shown: `detector=http://HOST:9464,...`.
        oidc_issuer: Issuer of an OpenID Connect provider; without one people log in with passwords.
        oidc_client_id: The console's client id there.
        oidc_client_secret: Its secret.
        oidc_role_claim: Claim that has the names of roles.
    """

    console_host: str = "127.0.0.1"
    console_port: int = Field(default=8080, ge=1, le=65535)
    console_url: str = ""
    database_url: SecretStr = SecretStr("sqlite:///.local/console.db")
    alerts_topic: str = "streaming.alerts"
    decisions_topic: str = "streaming.decisions"
    labels_topic: str = "queueing.transactions.labels"
    legit_topic: str = "streaming.transactions.legit"
    fraud_topic: str = "streaming.transactions.fraud"
    transactions_topic: str = "queueing.transactions"
    consumer_group: str = "fraud-detector"
    rules_file: Path = _RULES
    instance_id: str = Field(default_factory=socket.gethostname)
    case_window_hours: float = Field(default=24, gt=0)
    claim_minutes: float = Field(default=30, gt=0)
    four_eyes_amount: float = Field(default=10_000, ge=0)
    sla_hours: Annotated[tuple[float, ...], NoDecode] = (72, 24, 4, 1)
    session_hours: float = Field(default=12, gt=0, le=720)
    backtest_messages: int = Field(default=2_000_000, ge=1, le=100_000_000)
    backtest_seconds: float = Field(default=600, gt=0, le=86_400)
    recent_transactions: int = Field(default=200_000, ge=1000, le=20_000_000)
    service_endpoints: Annotated[tuple[tuple[str, str], ...], NoDecode] = ()
    oidc_issuer: str = ""
    oidc_client_id: str = ""
    oidc_client_secret: SecretStr = SecretStr("")
    oidc_role_claim: str = "roles"

    @model_validator(mode="before")
    @classmethod
    def _read_secrets(cls, values: dict[str, Any]) -> dict[str, Any]:
        for name in ("database_url", "oidc_client_secret"):
            variable = f"{name.upper()}_FILE"
            if path := os.environ.get(variable):
                try:
                    values[name] = Path(path).read_text().strip()
                except OSError as error:
                    raise ValueError(f"{variable}: can't read the file: {error.strerror}") from None
        return values

    @field_validator("sla_hours", mode="before")
    @classmethod
    def _read_hours(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        pairs = dict(_pairs(value, "critical=1,high=4,medium=24,low=72"))
        if unknown := pairs.keys() - {severity.lower() for severity in SEVERITIES}:
            raise ValueError(f"expected low, medium, high or critical, not {', '.join(sorted(unknown))}")
        defaults = cls.model_fields["sla_hours"].default
        return tuple(
            float(pairs.get(severity.lower(), hours)) for severity, hours in zip(SEVERITIES, defaults, strict=True)
        )

    @field_validator("service_endpoints", mode="before")
    @classmethod
    def _read_endpoints(cls, value: Any) -> Any:
        return _pairs(value, "detector=http://127.0.0.1:9464") if isinstance(value, str) else value

    @property
    def url(self) -> str:
        """The address of the console as people reach it, without a slash at the end."""
        host = f"[{self.console_host}]" if ":" in self.console_host else self.console_host
        return (self.console_url or f"http://{host}:{self.console_port}").rstrip("/")


def _pairs(value: str, example: str) -> tuple[tuple[str, str], ...]:
    pairs = tuple(part.strip().partition("=")[::2] for part in value.split(",") if part.strip())
    if not all(name and content for name, content in pairs):
        raise ValueError(f"expected name=value, separated by commas, such as {example}")
    return pairs
