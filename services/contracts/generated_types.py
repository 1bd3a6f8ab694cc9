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

    # The account that pays, by the id that its owner knows: up to 34 characters, as an IBAN has.
    source: str

    # The account that receives, by the id that its owner knows: up to 34 characters, as an IBAN
    # has. The message key.
    target: str

    # What is paid, in units of the currency, exact to the cent.
    amount: Decimal

    # ISO 4217 code of the amount's currency, such as EUR.
    currency: str

    # When the transaction was ordered, in UTC: the event time.
    created_at: datetime


# Transactions that the same live rules matched.
class BatchMatch(TypedDict):
    """The record payments.BatchMatch."""

    # The names of the rules, in the order of the rules file.
    rules: list[str]

    # Their rows: 4 bytes each.
    rows: bytes


# One header.
class BatchHeader(TypedDict):
    """The record payments.BatchHeader."""

    # Its name.
    name: str

    # Its value; null for none.
    value: bytes | None


# Headers of consecutive transactions that have the same.
class BatchHeaders(TypedDict):
    """The record payments.BatchHeaders."""

    # The number of these transactions.
    count: int

    # The headers as they were read from the input, in their order.
    headers: list[BatchHeader]


# A feature that a stage before has computed, and the next one needs.
class BatchFeature(TypedDict):
    """The record payments.BatchFeature."""

    # Its name in the rules file.
    name: str

    # Its value for each transaction, a little-endian double of 8 bytes each; NaN where it has none.
    values: bytes


# Transactions on their way from one stage of a detector to the next: of one partition, in their
# order. Row 0 is the first of them. Sizes, timestamps and rows are little-endian integers without
# anything between them.
class TransactionBatch(TypedDict):
    """The record payments.TransactionBatch."""

    # The version of the rules that evaluated them in the stages before.
    rules_version: str

    # The timestamp of each transaction's record in the input, in milliseconds since the epoch: 8
    # bytes each.
    timestamps: bytes

    # The number of bytes of each value: 4 bytes each.
    value_sizes: bytes

    # The values as the output topics get them, one after the other.
    values: bytes

    # The number of bytes of each key: 4 bytes each, -1 for no key.
    key_sizes: bytes

    # The keys in the repartition topic, one after the other.
    keys: bytes

    # The live rules that matched in the stages before; rows without any are left out.
    matches: list[BatchMatch]

    # The headers of all transactions in runs; empty where none has any.
    headers: list[BatchHeaders]

    # The features that the next stage needs; empty where it needs none.
    features: list[BatchFeature]

    # Null for a batch of transactions. Else it is one of labels: for each transaction a byte, 1 for
    # fraud and 0 for none; the timestamps are those of the labels.
    labels: bytes | None


# A field that entries have a slot for.
class EntrySlot(TypedDict):
    """The record payments.EntrySlot."""

    # The name of the field.
    field: str

    # Whether the slot has the length of a text, and not a number.
    is_text: bool


# The keys of the entries, or one part of each.
class KeyColumn(TypedDict):
    """The record payments.KeyColumn."""

    # The length in bytes of each value, 4 bytes each, little-endian; one length where all are the
    # same; null where the values are JSON.
    lengths: bytes | None

    # The values one after the other, or a JSON array of them.
    values: bytes


# Entries of one window.
class WindowEntries(TypedDict):
    """The record payments.WindowEntries."""

    # What the window measures, such as count.
    measure: str

    # The field that is measured; null for count and inactivity.
    field: str | None

    # The fields of the key.
    by: list[str]

    # The length of the window in milliseconds.
    over_ms: int

    # The condition on the transactions that count; empty if all do.
    where: str

    # The number of entries.
    count: int

    # The length in bytes of each entry, 4 bytes each, little-endian; one length where all are the
    # same.
    entry_lengths: bytes

    # The entries, one after the other.
    entries: bytes

    # One column where keys are single values; several where they are tuples.
    key_columns: list[KeyColumn]

    # Whether keys are tuples.
    is_composite: bool

    # For a window over labels the time after a transaction from which its label counts, in
    # milliseconds; null for one over transactions.
    delay_ms: int | None

    # The same number for windows whose entries are kept once; 0 for a window that keeps its own.
    shares: int


# A part of what a detector's windows over one partition keep: the entries added since the record
# before, and some of those that were there already. All records of a chain from first to last, as
# the committed offset's metadata names them, are the whole state. The detector alone writes and
# reads it.
class WindowState(TypedDict):
    """The record payments.WindowState."""

    # The version of the layout of keys and entries; a detector restores none but its own.
    format: int

    # The topic whose partition of this number the windows are over.
    topic: str

    # Names the chain that the record belongs to; another one begins where windows were restored
    # from the topic itself.
    chain: str

    # The position in the chain, without gaps.
    sequence: int

    # The first offset of the topic that this state is without.
    next_offset: int

    # The number of rows read, which is the position of the next one in the order of reading.
    next_order: int

    # The watermark in milliseconds since the epoch; null before the first row.
    watermark_ms: int | None

    # The newest event time of any row that may still count, in milliseconds since the epoch; null
    # without any.
    newest_ms: int | None

    # The allowed lateness in milliseconds, for which entries were kept.
    lateness_ms: int

    # The layout of entries, in order; slots are only ever appended.
    slots: list[EntrySlot]

    # All windows that the chain is complete for, also those that have no entries in this record.
    windows: list[WindowEntries]


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


# INTENT: it shall be sent. ATTEMPT: it is about to be sent. RETRY: an attempt failed, another one
# follows. OUTCOME: nothing follows.
NotificationPhase = Literal[
    "INTENT",
    "ATTEMPT",
    "RETRY",
    "OUTCOME",
]


# ALERTS: new alerts of a group. REMINDER: alerts that were told before. REPORT: a daily report.
# NOTICE: about the notifier itself.
NotificationKind = Literal[
    "ALERTS",
    "REMINDER",
    "REPORT",
    "NOTICE",
]


# PENDING: of intents and attempts. DELIVERED: the receiver has confirmed it. FAILED: it has not
# arrived. UNKNOWN: it was sent and no answer was read, so it may have arrived. SILENCED, INHIBITED,
# UNROUTED: nobody was to be told. UNREADABLE: the record of the alert can't be read.
NotificationStatus = Literal[
    "PENDING",
    "DELIVERED",
    "FAILED",
    "UNKNOWN",
    "SILENCED",
    "INHIBITED",
    "UNROUTED",
    "UNREADABLE",
]


# One step in the life of a notification. The steps of one id, in order, say who was told what, and
# whether it arrived.
class NotificationEvent(TypedDict):
    """The record payments.NotificationEvent."""

    # Identifies the notification: receivers get it with every attempt, as the idempotency key.
    id: UUID

    # The step.
    phase: NotificationPhase

    # What it tells.
    kind: NotificationKind

    # What is known about its delivery.
    status: NotificationStatus

    # The receiver, by its name in the notifications file; empty for UNROUTED and UNREADABLE.
    receiver: str

    # The group of alerts: receiver, route and labels. Empty where there is none.
    group: str

    # The labels of the group, by the fields of group_by.
    labels: dict[str, str]

    # Of an intent, and of an outcome without one, the ids of the alerts; a longer list goes on in a
    # further record of the same id and phase.
    alerts: list[UUID]

    # The number of the attempt, from 1; 0 before the first.
    attempt: int

    # Why it failed, was silenced, or is sent; empty where there is nothing to say.
    reason: str

    # Of a delivered one, the name that the receiver has for the message, such as a Slack channel
    # and timestamp.
    reference: str | None

    # Of a retry, the earliest time of the next attempt, in UTC.
    next_attempt_at: datetime | None

    # When the step was recorded, in UTC.
    recorded_at: datetime


# A condition on one field of an alert.
class SilenceMatcher(TypedDict):
    """The record payments.SilenceMatcher."""

    # rule, severity, or a field of the transaction.
    field: str

    # Values of which one must be equal, with * for any characters; empty for any value.
    values: list[str]

    # The least value, of a number or a severity; null for none.
    at_least: str | None

    # The greatest value, of a number or a severity; null for none.
    at_most: str | None


# Alerts of which nobody is told for a time. The newest record of an id holds.
class Silence(TypedDict):
    """The record payments.Silence."""

    # Identifies the silence. The message key.
    id: UUID

    # All of them must be true of an alert.
    matchers: list[SilenceMatcher]

    # Who silenced it.
    author: str

    # Why.
    reason: str

    # From when on it holds, in UTC.
    starts_at: datetime

    # Until when it holds, in UTC.
    ends_at: datetime

    # When this record was written, in UTC.
    recorded_at: datetime


# A version of the rules that a detector activated: what is needed to evaluate a transaction by it
# again.
class Rules(TypedDict):
    """The record payments.Rules."""

    # The version, as transactions have it in the header rules.version. The message key.
    version: str

    # The content of the rules file. The files of models are not in it; their digests are part of
    # the version.
    text: str

    # The numbers that conditions call by name, such as suspicious_amount, in units of the currency.
    constants: dict[str, str]

    # The name of the file.
    source: str

    # When a detector began to evaluate by it, in UTC.
    activated_at: datetime


# What a model says about one transaction, and what it says that of.
class Score(TypedDict):
    """The record payments.Score."""

    # The transaction that was scored.
    transaction_id: UUID

    # The model, by its name in the rules file.
    model: str

    # Which file the model was: 12 hex digits of its SHA-256.
    model_digest: str

    # What the features meant: the digest of their definitions.
    features_digest: str

    # The version of the rules file that declared the model.
    rules_version: str

    # Whether rules with the model decided; a model in shadow is only watched.
    live: bool

    # The score, from 0 for no suspicion to 1.
    score: float

    # The score from which on a rule that asks for the threshold matches.
    threshold: float

    # The value of each feature, in the order of the model file; NaN where it is missing.
    features: list[float]


# A kind of action.
Action = Literal[
    "NOTE",
    "CLAIM",
    "RELEASE",
    "DECIDE",
    "APPROVE",
    "REJECT",
    "SNOOZE",
]


# What a person holds a case for.
Verdict = Literal[
    "UNKNOWN",
    "FRAUD",
    "NO_FRAUD",
]


# An action of a person on a case: a case is what these records and the alerts of its account make
# of it.
class Decision(TypedDict):
    """The record payments.Decision."""

    # Identifies the action; a repeated id is the same action delivered again.
    id: UUID

    # The case: it follows from the account and the first alert of the case.
    case: UUID

    # The account that the case is about, which is the key of its alerts. The message key.
    account: str

    # What the person did. APPROVE and REJECT answer the DECIDE of another person that needs
    # approval.
    action: Action

    # The verdict of a DECIDE; null for other actions.
    verdict: Verdict | None

    # The reason of a verdict, from the list of the console, such as account-takeover; null for
    # other actions.
    reason: str | None

    # Free text of the person; null for none.
    note: str | None

    # The number of the alerts of the case that a DECIDE is about: the first ones. Later alerts open
    # the case again.
    alerts: int

    # Whether a DECIDE takes effect only by the APPROVE of another person.
    needs_approval: bool

    # The id of the DECIDE that an APPROVE or REJECT answers; null for other actions.
    decision: UUID | None

    # The rule that a SNOOZE silences for the account; null for other actions.
    rule: str | None

    # The end of a SNOOZE in UTC: alerts detected before it need no decision; null for other
    # actions.
    until: datetime | None

    # The user name of the person.
    by: str

    # When the person did it, in UTC.
    at: datetime


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

    # The transaction itself, for windows over labels; null where whoever wrote the label did not
    # have it.
    transaction: Transaction | None
