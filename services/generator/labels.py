"""Makes the messages that say which transactions are fraud, as the contract of labels says."""

from bisect import bisect_left
from dataclasses import dataclass

import numpy as np

from services.contracts import ColumnEncoder, Schema
from services.generator.scenarios import LabelledTransactions


@dataclass(frozen=True)
class Labels:
    """The labels of some transactions.

    Attributes:
        rows: Which of the transactions have one, ascending.
        values: The messages' values, one for each of these rows.
        keys: The transactions' keys: a label is in the partition of the same number as its transaction.
    """

    rows: list[int]
    values: list[bytes]
    keys: list[bytes]

    def between(self, first: int, end: int) -> tuple[list[bytes], list[bytes]]:
        """Values and keys of the labels of the rows from ``first`` up to ``end``, that one left out."""
        some = slice(bisect_left(self.rows, first), bisect_left(self.rows, end))
        return self.values[some], self.keys[some]


class LabelEncoder:
    """Encodes labels with the schema of their topic.

    Args:
        schema: The contract's schema.
        schema_id: Its id in the registry.

    Raises:
        ContractError: If the schema has no room for what the generator says.
    """

    def __init__(self, schema: Schema, schema_id: int) -> None:
        self._columns = ColumnEncoder(schema.json, ["transaction_id", "fraud", "scenario", "incident"])
        self._schema_id = schema_id

    def encode(self, rows: LabelledTransactions) -> Labels:
        """The labels of those transactions that belong to an incident."""
        labelled = np.flatnonzero(rows.scenario != b"")
        columns = {
            "transaction_id": rows.ids[labelled],
            "fraud": np.ones(len(labelled), np.bool_),
            "scenario": rows.scenario[labelled],
            "incident": rows.incident[labelled],
        }
        values = self._columns.encode(columns, self._schema_id)
        return Labels(labelled.tolist(), values, rows.targets[labelled].tolist())
