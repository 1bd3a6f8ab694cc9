"""The records of the contracts as the codec decodes them.

Generated from the schemas by `python -m services.commands.generate_types`; change those and run it again.
"""

from datetime import datetime
from decimal import Decimal
from typing import Literal, TypedDict
from uuid import UUID


# One payment from one account to another, as it was ordered.
class Transaction(TypedDict):
    """The record payments.Transaction."""

    # Identifies the transaction; a repeated id is the same transaction delivered again.
    id: UUID

    # The account that pays: 12 characters of 0-9a-zA-Z.
    source: str

    # The account that receives: 12 characters of 0-9a-zA-Z. The message key.
    target: str

    # What is paid, in units of the currency, exact to the cent.
    amount: Decimal

    # ISO 4217 code of the amount's currency, such as EUR.
    currency: str

    # When the transaction was ordered, in UTC: the event time.
    created_at: datetime


# How bad it is if the rule is right, from the least to the worst.
Severity = Literal[
    "LOW",
    "MEDIUM",
    "HIGH",
    "CRITICAL",
]


# A rule fired on a transaction: what fired, why, and on which evidence.
class Alert(TypedDict):
    """The record payments.Alert."""

    # Identifies the alert: the same rule, version, key and transaction always give the same id, in
    # a replay too.
    id: UUID

    # The rule that fired, by its name in the rules file.
    rule: str

    # What the rule meant when it fired: 12 hex digits that change with its definition.
    rule_version: str

    # How bad it is if the rule is right.
    severity: Severity

    # Why it fired, for people.
    reason: str

    # The transaction that it fired on.
    transaction: Transaction

    # What the rule's windows are kept by: field and value, amounts in units of the currency. Empty
    # for a rule without a window.
    key: dict[str, str]

    # What the rule found in its windows, by the figure's name: numbers as text, averages rounded,
    # durations in milliseconds.
    figures: dict[str, str]

    # Ids of the transactions in the window, in the order of their event time: the latest 100 at
    # most.
    contributors: list[UUID]

    # When the detector judged the transaction, in UTC.
    detected_at: datetime

    # How many matches of the same rule and key became no alerts in the interval of alert_every
    # before this one's; 0 for a rule without alert_every.
    suppressed: int


# The truth about one transaction, for measuring how well rules do. Never part of the transaction.
class Label(TypedDict):
    """The record payments.Label."""

    # The transaction that this is the truth about.
    transaction_id: UUID

    # Whether it is fraud. A transaction without a label is not.
    fraud: bool

    # The kind of fraud, such as fan-in; null where nobody said.
    scenario: str | None

    # Which occurrence of the scenario the transaction belongs to; null where nobody said.
    incident: str | None
