"""The project's contracts under names that nothing else uses, so that many pipelines share one cluster."""

import shutil
from pathlib import Path

from services.contracts import Contracts, Registry

SCHEMAS = Path(__file__).parents[2] / "schemas"
PLAIN_RULES = Path(__file__).with_name("plain-rules.toml")
"""One rule alone: large amounts, and no alerts. What most runs and all peers of the benchmark do."""

TRANSACTION = "payments.Transaction"


def private_contracts(directory: Path, prefix: str) -> Path:
    """Copies the schemas, with every topic and subject renamed.

    Args:
        directory: The directory to make; must not be there yet.
        prefix: Of all names.

    Returns:
        The copied contracts.toml.
    """
    shutil.copytree(SCHEMAS, directory)
    contracts = directory / "contracts.toml"
    text = contracts.read_text()
    for before_name in ('[topics."', 'subject = "', 'dead_letter_topic = "'):
        text = text.replace(before_name, before_name + prefix)
    contracts.write_text(text)
    return contracts


def register_all(registry: Registry, contracts: Contracts) -> int:
    """Registers every schema; the id of the transaction's, which is the same under every subject that has it."""
    ids = {entry.subject: registry.register(entry.subject, entry.schema).id for entry in contracts.subjects}
    (schema_id,) = {ids[entry.subject] for entry in contracts.subjects if entry.schema.name == TRANSACTION}
    return schema_id


def environment(contracts: Path, prefix: str) -> dict[str, str]:
    """Environment variables of services that work by such contracts."""
    return {
        "SCHEMAS_DIR": str(contracts.parent),
        "RULES_FILE": str(PLAIN_RULES),
        "TRANSACTIONS_TOPIC": f"{prefix}queueing.transactions",
        "LEGIT_TOPIC": f"{prefix}streaming.transactions.legit",
        "FRAUD_TOPIC": f"{prefix}streaming.transactions.fraud",
        "DEAD_LETTER_TOPIC": f"{prefix}queueing.transactions.dlq",
        "REPARTITION_TOPICS": f"source={prefix}streaming.transactions.by-source",
        "STATE_TOPIC": f"{prefix}streaming.transactions.state",
        "RULES_TOPIC": f"{prefix}streaming.rules",
        "ALERTS_TOPIC": f"{prefix}streaming.alerts",
        "LABELS_TOPIC": f"{prefix}queueing.transactions.labels",
        "NOTIFICATIONS_TOPIC": f"{prefix}streaming.notifications",
        "SILENCES_TOPIC": f"{prefix}streaming.silences",
        "NOTIFIER_GROUP": f"{prefix}notifier",
        "DECISIONS_TOPIC": f"{prefix}streaming.decisions",
        "CONSUMER_GROUP": f"{prefix}detector",
    }
