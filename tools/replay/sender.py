"""Sends blocks of transactions and their labels as messages, each when it is due."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Event

import numpy as np

from services.contracts import ColumnEncoder, Schema
from services.generator.labels import with_transactions
from services.generator.publisher import Publisher
from services.rules.conditions import null_mark
from tools.replay.pacer import Pace
from tools.transaction_files.blocks import Block
from tools.transaction_files.extra_fields import extra_fields
from tools.transaction_files.profile import FIELDS

_SLICE = 2000  # rows that are handed over between two looks at the clock and at the signals
_TICK = 0.002  # the shortest pause, in seconds: what falls due meanwhile is sent together


class Encoder:
    """Makes messages of blocks.

    Args:
        transactions: The schema of the transactions, and its id in the registry.
        labels: The schema of the labels, and its id.

    Raises:
        ContractError: If one of the schemas has no room for what files have.
    """

    def __init__(self, transactions: tuple[Schema, int], labels: tuple[Schema, int]) -> None:
        self._fields = (*FIELDS, *extra_fields(transactions[0]))
        self._transactions = ColumnEncoder(transactions[0].json, self._fields), transactions[1]
        self._labels = ColumnEncoder(labels[0].json, ["transaction_id", "fraud", "scenario", "incident"]), labels[1]

    def transactions(self, block: Block) -> list[bytes]:
        """The value for each transaction."""
        encoder, schema_id = self._transactions
        columns = {name: block.columns[name] for name in self._fields}
        nulls = {name: block.columns[null_mark(name)] for name in self._fields if null_mark(name) in block.columns}
        return encoder.encode(columns, schema_id, nulls)

    def labels(self, block: Block, transactions: list[bytes]) -> list[bytes]:
        """The value for each transaction that has a label, with the transaction inside.

        Args:
            block: The transactions.
            transactions: Their values.
        """
        some = block.labelled
        columns = {
            "transaction_id": block.columns["id"][some],
            "fraud": block.fraud[some],
            "scenario": block.scenario[some],
            "incident": block.incident[some],
        }
        encoder, schema_id = self._labels
        values = encoder.encode(columns, schema_id, {name: columns[name] == b"" for name in ("scenario", "incident")})
        return with_transactions(values, [transactions[row] for row in np.flatnonzero(some).tolist()])


@dataclass
class Sent:
    """Messages handed to the producers.

    Attributes:
        transactions: Number of transactions.
        labels: Number of labels.
        frauds: Number of labels that say that it is fraud.
        first_ms: The earliest event time of the transactions, in milliseconds since 1970; None if there are none.
        last_ms: The latest one.
    """

    transactions: int = 0
    labels: int = 0
    frauds: int = 0
    first_ms: int | None = None
    last_ms: int | None = None

    def add(self, block: Block, rows: slice) -> None:
        """Add rows of a block that were sent."""
        times = block.columns["created_at"][rows]
        if len(times):
            low, high = int(times.min()), int(times.max())
            self.first_ms = low if self.first_ms is None else min(low, self.first_ms)
            self.last_ms = high if self.last_ms is None else max(high, self.last_ms)
        self.transactions += len(times)
        self.labels += int(np.count_nonzero(block.labelled[rows]))
        self.frauds += int(np.count_nonzero(block.fraud[rows]))


class Sender:
    """Sends blocks.

    Args:
        encoder: Makes messages.
        publisher: The publisher of transactions, keyed by their target, and of labels, with the same keys.
        pace: The pacer that says when transactions are due; None: as soon as they can be sent.
        stop: Ends it when set.
    """

    def __init__(self, encoder: Encoder, publisher: Publisher, pace: Pace | None, stop: Event) -> None:
        self._encoder = encoder
        self._publisher = publisher
        self._pace = pace
        self._stop = stop
        self._began: float | None = None
        self.sent = Sent()

    def send(self, block: Block, progress: Callable[[int], None]) -> None:
        """Send the transactions of a block, or fewer if it is time to stop.

        Args:
            block: The transactions to send.
            progress: Receives now and then how many of them have been sent.

        Raises:
            DeliveryFailed: If a message, one of these or of earlier ones, was not delivered.
        """
        values, keys = self._encoder.transactions(block), block.columns["target"].tolist()
        labels, label_keys = self._encoder.labels(block, values), block.columns["target"][block.labelled].tolist()
        labels_before = np.concatenate([[0], np.cumsum(block.labelled)]).tolist()
        due = None if self._pace is None else self._pace.due(block.columns["created_at"])
        if self._began is None:
            self._began = time.monotonic()
        done = 0
        while done < len(block) and not self._stop.is_set():
            end = min(done + _SLICE, len(block))
            if due is not None:
                elapsed = time.monotonic() - self._began
                end = min(end, int(np.searchsorted(due, elapsed, side="right")))
                if end <= done:
                    self._stop.wait(min(max(due[done] - elapsed, _TICK), 0.5))
                    progress(done)
                    continue
            handed = done + self._publisher.send(values[done:end], keys[done:end])
            some = slice(labels_before[done], labels_before[handed])
            self._publisher.send_labels(labels[some], label_keys[some])
            self.sent.add(block, slice(done, handed))
            done = end
            progress(done)

    def finish(self) -> None:
        """Wait until everything is delivered; not for long if it is time to stop.

        Raises:
            DeliveryFailed: If not everything was delivered.
        """
        self._publisher.flush()
