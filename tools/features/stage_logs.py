"""Recomputes features from the logs of all stages, exactly as detectors computed them.

A stage sees transactions, and labels among them, in the order of its own topic. So a recomputation reads each topic
partition by partition, and joins what it found by the transactions' ids.
"""

from collections import defaultdict

import numpy as np

from services.explanation.stage_logs import StageLogs
from services.rules.model import ID, feature_column
from services.rules.state_requirements import requirements_of
from services.rules.topology import Stage, Topology
from services.rules.windows import WindowState

Key = tuple[bytes, int]
"""A transaction: its id, and how often that id came before in the log of a partition."""


def features_of_logs(logs: StageLogs, topology: Topology, lateness_ms: int) -> dict[str, dict[Key, float]]:
    """Return the features of a topology by name, for each transaction that came through the stage that computes it.

    Args:
        logs: Reads the topics of stages.
        topology: The rules by stage.
        lateness_ms: The detectors' allowed lateness.

    Raises:
        Unavailable: Brokers or registry don't answer.
    """
    known: dict[str, dict[Key, float]] = defaultdict(dict)
    for stage in topology.stages:
        if stage.features:
            for number in range(logs.partitions(stage.topic)):
                _add_partition(logs, stage, number, lateness_ms, known)
    return known


def _add_partition(
    logs: StageLogs, stage: Stage, number: int, lateness_ms: int, known: dict[str, dict[Key, float]]
) -> None:
    """Add the features of one partition's transactions."""
    state = WindowState(lateness_ms=lateness_ms, contributors=0)
    state.require(requirements_of((), lateness_ms, stage.features).aggregations)
    seen: dict[bytes, int] = defaultdict(int)
    for read in logs.read(stage, number, stage.fields):
        part = read.part
        if part.arrived is not None:
            state.add_labels(part.columns, part.rows, part.arrived)
            state.commit()
            continue
        keys = []
        for identity in part.columns[ID].tolist():
            keys.append((identity, seen[identity]))
            seen[identity] += 1
        received = {
            feature_column(name): np.array([known[name].get(key, np.nan) for key in keys]) for name in stage.received
        }
        columns = {**part.columns, **received}
        evaluation = state.evaluate(columns, part.rows, (), clock=part.watermarks, features=stage.features)
        state.commit()
        for name, values in evaluation.features.items():
            known[name].update(zip(keys, values.tolist(), strict=True))
