from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from services.detection import partition_states as module
from services.detection.input_restorer import InputRestorer
from services.detection.metrics import DetectorMetrics
from services.detection.partition_states import PartitionStates
from services.rules.model import Measure
from services.rules.state_requirements import requirements_of
from services.streaming.partition_reader import CommittedOffset
from services.streaming.progress import LoopProgress
from tests.support.window_rules import aggregation, rows, rule

COUNT = rule(aggregation(Measure.COUNT))


class NothingBefore:
    def committed(self, partitions: Iterable[Any]) -> dict[Any, CommittedOffset]:
        return {partition: CommittedOffset(None, "") for partition in partitions}

    def close(self) -> None: ...


def test_windows_are_measured_one_partition_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    registry = CollectorRegistry()
    reader: Any = NothingBefore()
    restorer = InputRestorer(reader, {}, lambda _ranges: {}, LoopProgress(), {})  # type: ignore[arg-type]
    states = PartitionStates(reader, restorer, DetectorMetrics(registry), 0)
    every = [("in", number) for number in range(4)]
    states.assigned(every)
    assert states.restore({"in": requirements_of([COUNT], 0)}, 0.1, between_transactions=True)
    for number, partition in enumerate(every, 1):
        columns = rows(range(number))
        states.evaluate(partition, columns, columns["created_at"], [COUNT])
    reported = []
    for quarter in range(1, 6):
        monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda now=1000 + quarter / 4: now))
        states.commit()
        reported.append(
            [
                registry.get_sample_value("fraud_detector_window_entries", {"topic": "in", "partition": number})
                for number in "0123"
            ]
        )
    assert [sum(entries is not None for entries in at) for at in reported] == [1, 2, 3, 4, 4]
    assert reported[-1] == [1, 2, 3, 4]
