"""Evaluates the rules and features of a stage on decoded transactions, partition by partition."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.detection.decoded_batch import DecodedBatch, Labels, label_columns
from services.detection.incoming import Incoming
from services.detection.partition_state import bounded_event_times
from services.detection.partition_states import PartitionStates
from services.rules.features import add_features
from services.rules.features.evaluation import features_of
from services.rules.model import EVENT_TIME, Columns, feature_column
from services.rules.rule_match import RuleMatches, match_conditions
from services.rules.topology import Stage


@dataclass(frozen=True)
class StageResults:
    """The outcome of a stage.

    Attributes:
        matches: The matches of its rules, by rule and partition.
        features: By name a column of each feature that is known at the stage, a value for each decoded transaction.
        late: The number of late transactions.
    """

    matches: list[RuleMatches]
    features: Mapping[str, NDArray[np.float64]]
    late: int


def evaluate_stage(stage: Stage, incoming: Incoming, batch: DecodedBatch, partitions: PartitionStates) -> StageResults:
    """Evaluate the rules and features of a stage, and add the transactions to its windows.

    Args:
        stage: The stage.
        incoming: The transactions as they were read.
        batch: Their decoded fields.
        partitions: The windows of all partitions.
    """
    rows = len(batch.rows)
    columns = add_features(_with_received(stage, incoming, batch), rows, stage.simple_features)
    matches = match_conditions(stage.simple, columns, rows) if rows else []
    computed = {feature.name: np.full(rows, np.nan) for feature in stage.features}
    late = 0
    if partitions.keeps(stage.topic):
        times = bounded_event_times(columns[EVENT_TIME], incoming.timestamps[batch.rows]) if rows else None
        for number, read, own in _by_partition(incoming, batch):
            newest = None
            if times is not None and len(own):
                columns_of = {name: column[own] for name, column in columns.items()}
                newest = int(columns_of[EVENT_TIME].max())
                evaluation = partitions.evaluate(
                    (stage.topic, number), columns_of, times[own], stage.windowed, stage.features
                )
                matches += [of_rule.in_batch(own) for of_rule in evaluation.by_rule]
                for name, values in evaluation.features.items():
                    computed[name][own] = values
                late += evaluation.late
            first, last = (incoming.position(int(row))[2] for row in (read[0], read[-1]))
            partitions.note((stage.topic, number), first, last + 1, newest, len(read))
    else:
        computed = features_of(columns, computed)
    return StageResults(matches, computed | features_of(columns, stage.received), late)


def _with_received(stage: Stage, incoming: Incoming, batch: DecodedBatch) -> Columns:
    """Return the decoded columns, and the features that stages before computed; NaN where one did not."""
    received = {
        feature_column(name): incoming.features[name][batch.rows]
        if name in incoming.features
        else np.full(len(batch.rows), np.nan)
        for name in stage.received
    }
    return {**batch.columns, **received}


def _by_partition(incoming: Incoming, batch: DecodedBatch) -> list[tuple[int, NDArray[np.int64], NDArray[np.int64]]]:
    """Return for each partition the transactions that were read, and the places of those that could be decoded."""
    numbers = incoming.partitions
    return [
        (number, np.flatnonzero(numbers == number), np.flatnonzero(numbers[batch.rows] == number))
        for number in np.unique(numbers).tolist()
    ]


def add_labels(
    stage: Stage, incoming: Incoming, batch: DecodedBatch, labels: Labels, partitions: PartitionStates
) -> None:
    """Add labels to the windows over labels of a stage.

    Args:
        stage: The stage.
        incoming: The labels as they were read: with their transactions as values.
        batch: The decoded fields of these.
        labels: What each label says.
        partitions: The windows of all partitions.
    """
    if not partitions.keeps(stage.topic):
        return
    columns = label_columns(batch, labels)
    arrived = incoming.timestamps[batch.rows]
    for number, read, own in _by_partition(incoming, batch):
        latest = None
        if len(own):
            columns_of = {name: column[own] for name, column in columns.items()}
            latest = partitions.add_labels((stage.topic, number), columns_of, arrived[own])
        first, last = (incoming.position(int(row))[2] for row in (read[0], read[-1]))
        partitions.note((stage.topic, number), first, last + 1, latest, len(read))
