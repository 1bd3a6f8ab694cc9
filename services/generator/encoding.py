"""Encoding of transactions by their contract."""

from typing import Any

import numpy as np
import numpy.typing as npt

from services.contracts import ColumnEncoder, Schema
from services.errors import ContractError
from services.generator.transactions import Transactions

CURRENCY = b"EUR"


def columns_of(rows: Transactions) -> dict[str, npt.NDArray[Any]]:
    """Return transactions as columns by field: text as bytes, amounts in cents, times in milliseconds since 1970."""
    return {
        "id": rows.ids,
        "source": rows.sources,
        "target": rows.targets,
        "amount": rows.cents,
        "currency": np.full(len(rows), CURRENCY),
        "created_at": rows.created_at,
    }


class TransactionEncoder:
    """Encoder of transactions with the schema of the topic.

    Args:
        schema: The contract's schema.
        schema_id: Its id in the registry.

    Raises:
        ContractError: The schema does not fit the generator's fields.
    """

    def __init__(self, schema: Schema, schema_id: int) -> None:
        self._columns = ColumnEncoder(schema.json, ["id", "source", "target", "amount", "currency", "created_at"])
        self._schema_id = schema_id
        types = {field["name"]: field["type"] for field in schema.json["fields"]}
        match types["amount"]:
            case {"logicalType": "decimal", "scale": int(scale)} if scale >= 2:
                self._unscaled_per_cent = 10 ** (scale - 2)
            case _:
                raise ContractError(f"{schema.path}: amount: expected a decimal of at least 2 decimal places")
        match types["created_at"]:
            case {"logicalType": "timestamp-millis"}:
                pass
            case _:
                raise ContractError(f"{schema.path}: created_at: expected a timestamp-millis")

    def encode(self, rows: Transactions) -> list[bytes]:
        """Return the messages' values."""
        columns = columns_of(rows)
        columns["amount"] = rows.cents * self._unscaled_per_cent
        return self._columns.encode(columns, self._schema_id)
