"""The parts of a history that the windows of one transaction follow from, as `scripts/evaluate` evaluates it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from services.explanation.stage_logs import rows_of_key
from services.explanation.transaction_logs import TransactionNotFoundError
from services.history.blocks import Block
from services.rules.conditions import null_mark
from services.rules.explanation import LogPart
from services.rules.fields import Field
from services.rules.model import EVENT_TIME, ID, LABEL, Columns
from services.rules.topology import Stage
from services.streaming.partitioner import partition_of


@dataclass
class HistoryLogs:
    """The log of each stage up to a transaction: all see the transactions in the order of the history.

    Args:
        blocks: The history up to the block of the transaction.
        row: The row of the transaction in the last block.
        partitions: The number of partitions of each stage.
    """

    blocks: Sequence[Block]
    row: int
    partitions: int

    @classmethod
    def read(cls, blocks: Iterable[Block], identity: str, partitions: int) -> "HistoryLogs":
        """Read a history up to a transaction.

        Raises:
            TransactionNotFoundError: It does not have it.
        """
        read: list[Block] = []
        for block in blocks:
            read.append(block)
            rows = np.flatnonzero(np.asarray(block.columns[ID]) == identity.encode())
            if len(rows):
                return cls(read, int(rows[0]), partitions)
        raise TransactionNotFoundError(f"no transaction {identity} is there: expected the id of one of them")

    def of(self, stage: Stage) -> Sequence[LogPart]:
        """Return the rows of the transaction's key at a stage, up to its own row."""
        last = self.blocks[-1]
        key = last.columns[stage.field][self.row : self.row + 1]
        number = int(partition_of(key, self.partitions)[0])
        with_labels = any(each.window.delay_ms is not None for each in stage.aggregations)
        watermark = np.iinfo(np.int64).min
        parts: list[LogPart] = []
        for block in self.blocks:
            rows = np.flatnonzero(partition_of(block.columns[stage.field], self.partitions) == number)
            rows = rows[rows <= self.row] if block is last else rows
            if not len(rows):
                continue
            columns = {name: column[rows] for name, column in block.columns.items()}
            if with_labels and block.labels is not None:
                labels = block.labels.at(rows)
                known = np.flatnonzero(np.ones(len(rows), np.bool_) if labels.known is None else labels.known)
                own = {name: column[known] for name, column in columns.items()} | {LABEL: labels.fraud[known]}
                part = LogPart(own, len(known), arrived=np.asarray(own[EVENT_TIME], np.int64))
                parts.append(rows_of_key(part, stage.field, key[0]))
            watermarks = np.maximum(np.maximum.accumulate(columns[EVENT_TIME]), watermark)
            watermark = int(watermarks[-1])
            parts.append(rows_of_key(LogPart(columns, len(rows), watermarks), stage.field, key[0]))
        return parts

    def transaction(self, fields: dict[str, Field]) -> dict[str, str]:
        """Return the fields of the transaction as text."""
        columns: Columns = self.blocks[-1].columns
        return {
            name: field.show(columns[name][self.row : self.row + 1].tolist()[0])
            for name, field in fields.items()
            if name in columns and not (null_mark(name) in columns and columns[null_mark(name)][self.row])
        }
