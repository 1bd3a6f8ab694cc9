"""The figures of a daily report. Pure: alerts, decisions and events go in one by one."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from uuid import UUID

from services.notifier.alert import SEVERITIES, Alert, text_of
from services.notifier.events import Event, Kind, Phase

HOURS = 24
TOP_CASES = 10

AMOUNT, CURRENCY = "amount", "currency"  # fields of a transaction that the report shows

FRAUD, NO_FRAUD = "FRAUD", "NO_FRAUD"


@dataclass
class RuleFigures:
    """Figures of one rule.

    Attributes:
        alerts: Number of its alerts.
        keys: Accounts that it alerted of.
        amounts: Sums of its alerts by currency.
        fraud: Alerts that people decided to be fraud.
        no_fraud: Alerts that people decided to be false alarms.
    """

    alerts: int = 0
    keys: set[str] = field(default_factory=set)
    amounts: Counter[str] = field(default_factory=Counter)
    fraud: int = 0
    no_fraud: int = 0

    @property
    def false_alarms(self) -> float | None:
        """Share of false alarms among the alerts that people decided on; None where they decided on none."""
        reviewed = self.fraud + self.no_fraud
        return self.no_fraud / reviewed if reviewed else None


@dataclass
class CaseFigures:
    """Figures of the alerts of one key.

    Attributes:
        key: The key.
        severity: The worst severity.
        alerts: Number of alerts.
        rules: Rules that alerted.
        amounts: Sums by currency.
        alert: The newest alert, for a link.
        verdict: What people decided; empty where they did not.
    """

    key: Mapping[str, str]
    severity: str
    alert: UUID
    alerts: int = 0
    rules: set[str] = field(default_factory=set)
    amounts: Counter[str] = field(default_factory=Counter)
    verdict: str = ""


class Figures:
    """Counts of a report.

    Args:
        since: The beginning of the day, in seconds since the epoch.
        until: Its end.
        verdicts: What people decided, by account: see `verdicts_of`.
    """

    def __init__(self, since: float, until: float, verdicts: Mapping[str, str] | None = None) -> None:
        self.since = since
        self.until = until
        self.verdicts = verdicts or {}
        self.transactions: dict[str, int] = {}
        self.hours: list[Counter[str]] = [Counter() for _ in range(HOURS)]
        self.severities: Counter[str] = Counter()
        self.rules: dict[str, RuleFigures] = defaultdict(RuleFigures)
        self.deliveries: dict[str, Counter[str]] = defaultdict(Counter)
        self._cases: dict[str, CaseFigures] = {}

    def add_alert(self, alert: Alert, at: float) -> None:
        """Count an alert.

        Args:
            alert: The alert.
            at: When it was written, in seconds since the epoch; others than of the day are not counted.
        """
        if not self.since <= at < self.until:
            return
        self.hours[int((at - self.since) * HOURS / (self.until - self.since))][alert.severity] += 1
        self.severities[alert.severity] += 1
        key, currency = text_of(alert.key), str(alert.value(CURRENCY) or "")
        amount = alert.value(AMOUNT)
        verdict = next((self.verdicts[value] for value in alert.key.values() if value in self.verdicts), "")
        rule = self.rules[alert.rule]
        rule.alerts += 1
        rule.keys.add(key)
        rule.fraud += verdict == FRAUD
        rule.no_fraud += verdict == NO_FRAUD
        case = self._cases.setdefault(key, CaseFigures(alert.key, alert.severity, alert.id))
        case.severity = max(case.severity, alert.severity, key=SEVERITIES.index)
        case.alert, case.alerts, case.verdict = alert.id, case.alerts + 1, verdict
        case.rules.add(alert.rule)
        if isinstance(amount, Decimal):
            rule.amounts[currency] += amount  # type: ignore[assignment]  # a Counter of decimals
            case.amounts[currency] += amount  # type: ignore[assignment]

    def add_event(self, event: Event) -> None:
        """Count the outcome of a notification."""
        if event.phase is Phase.OUTCOME and event.kind is not Kind.REPORT and self.since <= event.at < self.until:
            self.deliveries[event.receiver or "nobody"][event.status.lower()] += 1

    @property
    def alerts(self) -> int:
        """Number of alerts."""
        return sum(self.severities.values())

    @property
    def cases(self) -> int:
        """Number of keys with alerts."""
        return len(self._cases)

    def top_cases(self) -> list[CaseFigures]:
        """Return the keys with the worst alerts, and of these the largest amounts."""

        def rank(case: CaseFigures) -> tuple[int, Decimal, int]:
            return SEVERITIES.index(case.severity), Decimal(max(case.amounts.values(), default=0)), case.alerts

        return sorted(self._cases.values(), key=rank, reverse=True)[:TOP_CASES]

    def by_rule(self) -> list[tuple[str, RuleFigures]]:
        """Return the rules, those with the most alerts first."""
        return sorted(self.rules.items(), key=lambda item: (-item[1].alerts, item[0]))


def verdicts_of(decisions: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Return the verdict of each account, by the records of payments.Decision in the order of their writing.

    A decision that needs a second person counts once that person approved it.
    """
    verdicts: dict[str, str] = {}
    waiting: dict[UUID, tuple[str, str]] = {}
    for decision in decisions:
        account, verdict = decision["account"], decision["verdict"]
        if decision["action"] == "DECIDE" and verdict:
            if decision["needs_approval"]:
                waiting[decision["id"]] = account, verdict
            else:
                verdicts[account] = verdict
        elif decision["action"] == "APPROVE" and decision["decision"] in waiting:
            account, verdict = waiting.pop(decision["decision"])
            verdicts[account] = verdict
    return verdicts


def shown_amounts(amounts: Mapping[str, Any]) -> str:
    """Return sums by currency for people, the largest first."""
    ordered: Sequence[tuple[str, Any]] = sorted(amounts.items(), key=lambda item: -item[1])
    return ", ".join(f"{amount:,.2f} {currency}".strip() for currency, amount in ordered)
