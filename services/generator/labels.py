"""Encoding of labels, the ground truth of fraudulent transactions, by their contract."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from services.contracts import HEADER_SIZE, ColumnEncoder, Schema
from services.generator.scenarios import LabelledTransactions

_SECOND_BRANCH = b"\x02"


@dataclass(frozen=True)
class Labels:
    """The labels of some transactions.

    Attributes:
        rows: Indices of the labelled transactions, ascending.
        values: Values of the messages, one for each of these rows.
        keys: Keys of the transactions: a label is in the partition of the same number as its transaction.
    """

    rows: list[int]
    values: list[bytes]
    keys: list[bytes]

    def between(self, first: int, end: int) -> tuple[list[bytes], list[bytes]]:
        """Return values and keys of the labels of the rows in [first, end)."""
        selected = slice(bisect_left(self.rows, first), bisect_left(self.rows, end))
        return self.values[selected], self.keys[selected]


class LabelEncoder:
    """Encoder of labels with the schema of their topic.

    Args:
        schema: The contract's schema.
        schema_id: Its id in the registry.

    Raises:
        ContractError: The schema does not fit the generator's fields.
    """

    def __init__(self, schema: Schema, schema_id: int) -> None:
        self._columns = ColumnEncoder(schema.json, ["transaction_id", "fraud", "scenario", "incident"])
        self._schema_id = schema_id

    def encode(self, rows: LabelledTransactions, transactions: Sequence[bytes] | None = None) -> Labels:
        """Return the labels of the transactions that belong to an incident.

        Args:
            rows: The transactions.
            transactions: Their messages' values, which labels have inside them; None for labels without.
        """
        labelled = np.flatnonzero(rows.scenario != b"")
        columns = {
            "transaction_id": rows.ids[labelled],
            "fraud": np.ones(len(labelled), np.bool_),
            "scenario": rows.scenario[labelled],
            "incident": rows.incident[labelled],
        }
        values = self._columns.encode(columns, self._schema_id)
        if transactions is not None:
            values = with_transactions(values, [transactions[row] for row in labelled.tolist()])
        return Labels(labelled.tolist(), values, rows.targets[labelled].tolist())


def with_transactions(labels: Sequence[bytes], transactions: Sequence[bytes]) -> list[bytes]:
    """Return the values of labels with their transactions inside.

    A label ends with the union of null and its transaction: a byte for the branch, and the body of the transaction.

    Args:
        labels: Values without.
        transactions: The value of each label's transaction, in the schema that the contract of labels refers to.
    """
    return [
        label[:-1] + _SECOND_BRANCH + transaction[HEADER_SIZE:]
        for label, transaction in zip(labels, transactions, strict=True)
    ]
