"""Tables of the database. Times are milliseconds since the epoch, amounts minor units of their currency.

The first group is the projection: it can be made again from the topics (`scripts/console rebuild`). The second is the
console's own: people, their sessions and filters, the audit log, texts of rules, backtests.
"""

from sqlalchemy import BigInteger, Boolean, Column, Float, ForeignKey, Index, Integer, MetaData, String, Table, Text

metadata = MetaData(
    naming_convention={"ix": "ix_%(table_name)s_%(column_0_N_name)s", "pk": "pk_%(table_name)s",
                       "fk": "fk_%(table_name)s_%(column_0_N_name)s"}
)  # fmt: skip

ID = String(36)

offsets = Table(
    "offsets", metadata,
    Column("topic", String(249), primary_key=True),
    Column("partition", Integer, primary_key=True, autoincrement=False),
    Column("next_offset", BigInteger, nullable=False),
)  # fmt: skip

cases = Table(
    "cases", metadata,
    Column("id", ID, primary_key=True),
    Column("account", Text, nullable=False),
    Column("first_event_at", BigInteger, nullable=False),
    Column("latest_event_at", BigInteger, nullable=False),
    Column("detected_at", BigInteger, nullable=False),
    Column("alerts", Integer, nullable=False),
    Column("severity", Integer, nullable=False),
    Column("amounts", Text, nullable=False),  # JSON: minor units by currency
    Column("amount", BigInteger, nullable=False),
    Column("currency", String(16), nullable=False),
    Column("rules", Text, nullable=False),  # JSON: number of alerts by rule
    Column("reason", Text, nullable=False),  # of its latest alert of the worst severity
    Column("rank", BigInteger, nullable=False),
    Column("status", String(16), nullable=False),
    Column("undecided_alerts", Integer, nullable=False),
    Column("unsnoozed_alerts", Integer, nullable=False),
    Column("assignee", String(64)),
    Column("claimed_at", BigInteger),
    Column("verdict", String(16)),
    Column("verdict_reason", String(64)),
    Column("decided_by", String(64)),
    Column("decided_at", BigInteger),
    Column("decided_alerts", Integer, nullable=False),
    Column("proposal", ID),
    Column("proposed_by", String(64)),
    Column("proposed_verdict", String(16)),
    Column("proposed_reason", String(64)),
    Column("proposed_alerts", Integer, nullable=False),
    Index(None, "status", "rank"),
    Index(None, "account", "first_event_at"),
    Index(None, "status", "decided_at"),
)  # fmt: skip

alerts = Table(
    "alerts", metadata,
    Column("id", ID, primary_key=True),
    Column("case_id", ID, nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("account", Text, nullable=False),
    Column("rule", String(200), nullable=False),
    Column("rule_version", String(64), nullable=False),
    Column("severity", Integer, nullable=False),
    Column("reason", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("figures", Text, nullable=False),
    Column("contributors", Text, nullable=False),
    Column("transaction_id", ID, nullable=False),
    Column("event_at", BigInteger, nullable=False),
    Column("detected_at", BigInteger, nullable=False),
    Column("suppressed", Integer, nullable=False),
    Column("snoozed", Boolean, nullable=False),
    Column("verdict", String(16)),
    Column("partition", Integer, nullable=False),
    Column("offset", BigInteger, nullable=False),
    Index(None, "case_id", "sequence"),
    Index(None, "partition", "offset"),
    Index(None, "detected_at", "rule"),
    Index(None, "transaction_id"),
)  # fmt: skip

transactions = Table(
    "transactions", metadata,
    Column("id", ID, primary_key=True),
    Column("source", Text, nullable=False),
    Column("target", Text, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("currency", String(16), nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Index(None, "source", "created_at"),
    Index(None, "target", "created_at"),
)  # fmt: skip

decisions = Table(
    "decisions", metadata,
    Column("id", ID, primary_key=True),
    Column("case_id", ID, nullable=False),
    Column("account", Text, nullable=False),
    Column("action", String(16), nullable=False),
    Column("verdict", String(16)),
    Column("reason", String(64)),
    Column("note", Text),
    Column("alerts", Integer, nullable=False),
    Column("needs_approval", Boolean, nullable=False),
    Column("decision", ID),
    Column("rule", String(200)),
    Column("until", BigInteger),
    Column("by", String(64), nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("refused", Text),  # why it has no effect
    Column("partition", Integer, nullable=False),
    Column("offset", BigInteger, nullable=False),
    Index(None, "case_id", "partition", "offset"),
    Index(None, "at"),
)  # fmt: skip

snoozes = Table(
    "snoozes", metadata,
    Column("account", Text, primary_key=True),
    Column("rule", String(200), primary_key=True),
    Column("until", BigInteger, nullable=False),
    Column("by", String(64), nullable=False),
    Column("at", BigInteger, nullable=False),
)  # fmt: skip

case_rules = Table(
    "case_rules", metadata,
    Column("rule", String(200), primary_key=True),
    Column("case_id", ID, primary_key=True),
)  # fmt: skip

rule_counts = Table(
    "rule_counts", metadata,
    Column("rule", String(200), primary_key=True),
    Column("rule_version", String(64), primary_key=True),
    Column("fired", Integer, nullable=False),
    Column("fraud", Integer, nullable=False),
    Column("no_fraud", Integer, nullable=False),
    Column("unknown", Integer, nullable=False),
    Column("first_at", BigInteger, nullable=False),
    Column("latest_at", BigInteger, nullable=False),
)  # fmt: skip

PROJECTION = (offsets, cases, alerts, transactions, decisions, snoozes, case_rules, rule_counts)
"""Tables that are made from topics."""

users = Table(
    "users", metadata,
    Column("name", String(64), primary_key=True),
    Column("role", String(16), nullable=False),
    Column("password", Text),  # Argon2id, as a PHC string; none for people of an identity provider
    Column("subject", Text),  # issuer and subject of an identity provider
    Column("disabled", Boolean, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Index(None, "subject", unique=True),
)  # fmt: skip

sessions = Table(
    "sessions", metadata,
    Column("token_hash", String(64), primary_key=True),
    Column("user", String(64), ForeignKey("users.name"), nullable=False),
    Column("csrf", String(64), nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Index(None, "user"),
)  # fmt: skip

links = Table(
    "links", metadata,
    Column("token_hash", String(64), primary_key=True),
    Column("role", String(16), nullable=False),
    Column("user", String(64)),  # logs in as this one; none: a new user takes a name
    Column("created_by", String(64)),
    Column("expires_at", BigInteger, nullable=False),
)  # fmt: skip

filters = Table(
    "filters", metadata,
    Column("user", String(64), primary_key=True),
    Column("name", String(64), primary_key=True),
    Column("query", Text, nullable=False),
)  # fmt: skip

audit = Table(
    "audit", metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("at", BigInteger, nullable=False),
    Column("user", String(64), nullable=False),
    Column("action", String(64), nullable=False),
    Column("object", Text, nullable=False),
    Column("address", String(64), nullable=False),
    Index(None, "action", "at"),
)  # fmt: skip

rules_files = Table(
    "rules_files", metadata,
    Column("digest", String(64), primary_key=True),
    Column("text", Text, nullable=False),
    Column("seen_at", BigInteger, nullable=False),
)  # fmt: skip

rule_texts = Table(
    "rule_texts", metadata,
    Column("rule", String(200), primary_key=True),
    Column("rule_version", String(64), primary_key=True),
    Column("digest", String(64), nullable=False),
    Column("text", Text, nullable=False),
    Column("mode", String(16), nullable=False),
    Column("figures", Text, nullable=False),  # JSON: by name what it measures, and its limit
    Column("span_ms", BigInteger, nullable=False),  # of the longest window
    Column("seen_at", BigInteger, nullable=False),
)  # fmt: skip

backtests = Table(
    "backtests", metadata,
    Column("id", ID, primary_key=True),
    Column("user", String(64), nullable=False),
    Column("hours", Float, nullable=False),
    Column("started_at", BigInteger, nullable=False),
    Column("seen_at", BigInteger, nullable=False),  # when its worker last said something
    Column("state", String(16), nullable=False),
    Column("phase", String(16), nullable=False),
    Column("done", BigInteger, nullable=False),
    Column("total", BigInteger, nullable=False),
    Column("error", Text, nullable=False),
    Column("in_force", Text, nullable=False),
    Column("changed", Text, nullable=False),
    Column("result", Text, nullable=False),  # JSON
    Index(None, "started_at"),
)  # fmt: skip
