"""Writes the book's features as a file for `scripts/train`, to compare a model on them with one on the engine's."""

import hashlib
import json
from datetime import date
from pathlib import Path

import numpy as np

from avroguard.avro.canonical_form import fingerprint
from services.contracts import load_contracts
from tools.handbook.features import DELAY_DAYS, WINDOW_DAYS, book_features
from tools.handbook.simulator import Transactions
from tools.train.feature_table import write_features

SCENARIOS = np.array(["", "large-amount", "terminal-compromised", "customer-compromised"])
"""Names of the book's scenarios, as `--preset handbook` has them."""


def write_book_features(transactions: Transactions, start: date, path: Path) -> None:
    """Write the features of transactions.

    Args:
        transactions: Transactions in the order of time.
        start: The first day.
        path: The file.

    Raises:
        UsageError: pyarrow is not installed, or the file can't be written.
    """
    features = book_features(transactions, start)
    definition = json.dumps(["handbook", DELAY_DAYS, WINDOW_DAYS, *features])
    columns = {
        "id": np.arange(len(transactions)).astype(str),
        "created_at": np.datetime64(start, "ms") + transactions.seconds * 1000,
        "source": transactions.customer,
        "target": transactions.terminal,
        **features,
        "fraud": transactions.scenario > 0,
        "scenario": SCENARIOS[transactions.scenario],
    }
    schema = load_contracts().topic("queueing.transactions").required_schema
    digest = hashlib.sha256(definition.encode()).hexdigest()[:12]
    write_features(path, columns, list(features), digest, fingerprint(schema.json))
