"""Transactions made one by one, as tests of rules need them."""

import time
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from services.contracts import ColumnEncoder
from tools.harness.pipeline import Pipeline


def account(name: str) -> str:
    """An account id of 12 characters."""
    return name.ljust(12, "0")


@dataclass(frozen=True)
class Payment:
    """One transaction.

    Attributes:
        source: The name of the account that pays.
        target: The name of the account that receives.
        cents: The amount.
        at_ms: The event time in milliseconds since the epoch.
    """

    source: str
    target: str
    cents: int
    at_ms: int = field(default_factory=lambda: time.time_ns() // 1_000_000)
    id: str = field(default_factory=lambda: str(uuid.uuid4()))


def encoded(pipeline: Pipeline, payments: Sequence[Payment]) -> list[bytes]:
    """The messages' values."""
    columns = {
        "id": np.array([payment.id.encode() for payment in payments]),
        "source": np.array([account(payment.source).encode() for payment in payments]),
        "target": np.array([account(payment.target).encode() for payment in payments]),
        "amount": np.array([payment.cents for payment in payments], np.int64),
        "currency": np.full(len(payments), b"EUR"),
        "created_at": np.array([payment.at_ms for payment in payments], np.int64),
    }
    schema = pipeline.contracts.topic(pipeline.input).required_schema.json
    return ColumnEncoder(schema, list(columns)).encode(columns, pipeline.schema_id)


def pay(pipeline: Pipeline, payments: Iterable[Payment]) -> list[bytes]:
    """Writes transactions as the generator does, keyed by the receiver; their values."""
    values = encoded(pipeline, list(payments))
    pipeline.produce(values, keyed=True)
    return values


def pay_with_long_names(pipeline: Pipeline, lengths: Mapping[int, int]) -> list[bytes]:
    """300 payments over all partitions; the currency of some is so long."""
    values = encoded(pipeline, [Payment(f"payer{number}", f"shop{number % 16}", 1000) for number in range(300)])
    for number, length in lengths.items():
        # The length of a short string is one byte; that of a long one two.
        zigzag = 2 * length
        long = bytes([zigzag & 0x7F | 0x80, zigzag >> 7]) + b"X" * length
        values[number] = values[number].replace(b"\x06EUR", long)
    for shop in range(16):
        pipeline.produce(values[shop::16], key=account(f"shop{shop}").encode())
    return values
