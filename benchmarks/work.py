"""The contenders' input: transactions, as Avro messages or as JSON, with the expected verdicts."""

import json
import time
from dataclasses import dataclass, fields
from functools import partial

import numpy as np
import numpy.typing as npt

from services.contracts import load_contracts
from services.generator.encoding import CURRENCY, TransactionEncoder
from services.generator.transactions import RandomTraffic, Transactions

SUSPICIOUS_CENTS = 90_000
ACCOUNTS = 10_000
SEED = 5


@dataclass(frozen=True)
class Work:
    """Messages to be evaluated.

    Attributes:
        values: Their values.
        keys: Their keys, the receiving accounts.
        fraud: Number of suspicious messages.
    """

    values: list[bytes]
    keys: list[bytes]
    fraud: int

    def __len__(self) -> int:
        return len(self.values)


def avro_work(count: int, schema_id: int) -> Work:
    """Transactions as the contract has them."""
    rows = random_rows(count)
    encoder = TransactionEncoder(load_contracts().topic("queueing.transactions").required_schema, schema_id)
    values = encoder.encode(rows)
    return Work(values, rows.targets.tolist(), _fraud(rows))


def json_work(count: int) -> Work:
    """The same transactions as a JSON object each."""
    rows, values = random_rows(count), []
    columns = tuple(getattr(rows, column.name).tolist() for column in fields(rows))
    for transaction_id, source, target, cents, created_at in zip(*columns, strict=True):
        transaction = {
            "id": transaction_id.decode(),
            "source": source.decode(),
            "target": target.decode(),
            "amount": cents / 100,
            "currency": CURRENCY.decode(),
            "created_at": created_at,
        }
        values.append(json.dumps(transaction).encode())
    return Work(values, columns[2], _fraud(rows))


def _one_a_millisecond(begun: int, _first: int, count: int) -> npt.NDArray[np.int64]:
    return begun + np.arange(count)


def random_rows(count: int) -> Transactions:
    """Return transactions of the plain stream, one a millisecond, up to now."""
    source, start = RandomTraffic(ACCOUNTS, SEED), time.time_ns() // 1_000_000 - count
    parts: list[Transactions] = []
    while (missing := count - sum(map(len, parts))) > 0:
        begun = start + count - missing
        parts.append(source.take(missing, partial(_one_a_millisecond, begun)))
    columns = {
        column.name: np.concatenate([getattr(part, column.name) for part in parts]) for column in fields(Transactions)
    }
    return Transactions(**columns)


def _fraud(rows: Transactions) -> int:
    return int((rows.cents >= SUSPICIOUS_CENTS).sum())
