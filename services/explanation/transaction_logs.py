"""The part of each stage's log that the windows of one transaction follow from."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from confluent_kafka import Message

from services.errors import ContractError
from services.explanation.stage_logs import ReadPart, StageLogs, rows_of_key
from services.rules.explanation import LogPart
from services.rules.model import EVENT_TIME, ID, Columns
from services.rules.reasons import shown_fields
from services.rules.state_requirements import requirements_of
from services.rules.topology import Stage, Topology
from services.streaming.partitioner import partition_of


class TransactionNotFoundError(ContractError):
    """No record has the transaction, or it did not come through all stages."""


class TransactionLogs:
    """Reads the logs of a transaction's keys.

    Args:
        logs: Reads the topics of stages.
        topology: The rules by stage.
        message: The transaction's record on the input topic.
        transaction: Its fields.
        lateness_ms: The allowed lateness of the detectors.

    Attributes:
        positions: The position of its row in the topic of each further stage that was read, as text.
    """

    def __init__(
        self,
        logs: StageLogs,
        topology: Topology,
        message: Message,
        transaction: Mapping[str, Any],
        lateness_ms: int,
    ) -> None:
        self._logs = logs
        self._keys = {stage.field for stage in topology.stages if stage.field}
        self._message = message
        self._identity = str(transaction[ID])
        event_ms = round(transaction[EVENT_TIME].timestamp() * 1000)
        self._oldest_ms = min(int(message.timestamp()[1]), event_ms)
        self._lateness_ms = lateness_ms
        self._own: Columns = {}
        self.positions: list[str] = []

    def of(self, stage: Stage) -> Sequence[LogPart]:
        """Return the rows of the transaction's key at a stage, up to its own row; stages are read in their order.

        Raises:
            TransactionNotFoundError: Detectors have not evaluated it at the stage.
            Unavailable: Brokers or registry don't answer.
        """
        number = int(self._message.partition() or 0)
        if not stage.is_first:
            number = int(partition_of(self._own[stage.field], self._logs.partitions(stage.topic))[0])
        needed = requirements_of(stage.rules, self._lateness_ms, stage.features)
        since = self._oldest_ms - (needed.reach_ms if needed.aggregations else 0)
        fields = {*stage.fields, *shown_fields(stage.rules), *self._keys}
        before: list[LogPart] = []
        for read in self._logs.read(stage, number, fields, since):
            row = self._own_row(stage, read)
            if row is None:
                before.append(read.part)
                continue
            own = read.part.take(slice(row, row + 1))
            self._own = {**self._own, **own.columns}
            if not stage.is_first:
                self.positions.append("-".join(map(str, read.positions[row])))
            before.append(read.part.take(slice(0, row + 1)))
            return [self._of_key(stage, part) for part in before]
        raise TransactionNotFoundError(
            f"transaction {self._identity} is not on {stage.topic}: detectors have not evaluated it there yet, or it "
            "is a dead letter (scripts/redrive --dry-run shows them)"
        )

    def _own_row(self, stage: Stage, read: ReadPart) -> int | None:
        """Return the row of the transaction; None where it is in a later part."""
        if read.part.arrived is not None:
            return None
        rows: list[int] = np.flatnonzero(read.part.columns[ID] == self._identity.encode()).tolist()
        if stage.is_first:  # the same id may have come twice
            rows = [row for row in rows if read.positions[row][2] == self._message.offset()]
        return rows[0] if rows else None

    def _of_key(self, stage: Stage, part: LogPart) -> LogPart:
        """Return the rows of the transaction's key; its own row alone at a stage without one."""
        if not stage.field:
            return part.take(slice(part.rows - 1, part.rows))
        return rows_of_key(part, stage.field, self._own[stage.field][0])
