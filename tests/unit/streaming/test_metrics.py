"""Names of metrics, and series per assigned partition."""

import math
import re
import tomllib
from pathlib import Path

import pytest
from prometheus_client import generate_latest

from services import __version__
from services.detection.metrics import NAMESPACE as DETECTOR
from services.detection.metrics import DetectorMetrics, VerdictAge
from services.generator.metrics import NAMESPACE as GENERATOR
from services.generator.metrics import GeneratorMetrics
from services.streaming.metrics import LoopMetrics, ProgressCollector, new_registry
from services.streaming.progress import LoopProgress

OPERATIONS = Path(__file__).parents[3] / "docs" / "operations.md"
UNITS = (
    "_seconds",
    "_bytes",
    "_messages",
    "_records",
    "_entries",
    "_info",
    "_rules",
    "_degraded",
    "_index",
    "_share",
    "_per_day",
)
SUFFIXES = {"counter": "_total", "info": "_info"}
IN = {"topic": "in", "partition": "0"}


@pytest.mark.parametrize("namespace", [DETECTOR, GENERATOR])
def test_names_have_a_prefix_and_a_unit_and_are_documented(namespace: str) -> None:
    registry = new_registry(namespace)
    registry.register(ProgressCollector(LoopProgress(), namespace))
    if namespace == DETECTOR:
        LoopMetrics(registry, namespace)
        DetectorMetrics(registry)
        registry.register(VerdictAge(LoopProgress()))
    else:
        GeneratorMetrics(registry)
    families = {family.name: family.type for family in registry.collect()}
    standard = {name for name in families if name.startswith(("process_", "python_"))}
    assert {"process_cpu_seconds", "process_resident_memory_bytes", "python_info"} <= standard
    for name in set(families) - standard:
        assert name.startswith(namespace + "_")
        assert families[name] == "counter" or f"{name}{'_info' * (families[name] == 'info')}".endswith(UNITS)
    documented = OPERATIONS.read_text()
    undocumented = [
        name for name in set(families) - standard
        if f"`{name.removeprefix(namespace + '_')}{SUFFIXES.get(families[name], '')}`" not in documented
    ]  # fmt: skip
    assert undocumented == []
    text = generate_latest(registry).decode()
    assert re.search(
        rf'^{namespace}_build_info{{python="[\d.]+",version="{re.escape(__version__)}"}} 1.0$', text, re.MULTILINE
    )


def test_the_version_is_that_of_the_package() -> None:
    project = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text())["project"]
    assert project["version"] == __version__


def test_a_partition_has_its_series_while_it_is_assigned() -> None:
    registry, progress = new_registry("x"), LoopProgress()
    registry.register(ProgressCollector(progress, "x"))
    name = "x_restore_remaining_records"
    assert registry.get_sample_value(name, IN) is None
    progress.assigned([("in", 0)])
    assert math.isnan(registry.get_sample_value(name, IN) or 0)
    progress.restoring(("in", 0), 12, 1.5)
    assert registry.get_sample_value(name, IN) == 12
    assert registry.get_sample_value("x_restore_remaining_seconds", IN) == 1.5
    progress.restored(("in", 0))
    assert registry.get_sample_value(name, IN) == 0
    progress.revoked([("in", 0)])
    assert registry.get_sample_value(name, IN) is None


def test_degraded_conditions_are_series() -> None:
    registry, progress = new_registry("x"), LoopProgress()
    registry.register(ProgressCollector(progress, "x"))
    progress.degraded("timestamps", "the input topic has CreateTime")
    assert registry.get_sample_value("x_degraded", {"condition": "timestamps"}) == 1
    progress.degraded("timestamps", None)
    assert registry.get_sample_value("x_degraded", {"condition": "timestamps"}) is None


def test_the_age_of_the_newest_verdict_grows_until_the_next_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("services.streaming.progress.time.monotonic", lambda: now[0])
    progress = LoopProgress()
    (registry := new_registry(DETECTOR)).register(VerdictAge(progress))

    def ages() -> list[float | None]:
        labels = ({"topic": "in", "partition": number} for number in "01")
        return [
            registry.get_sample_value("fraud_detector_newest_verdict_age_seconds", label_set) for label_set in labels
        ]

    progress.assigned([("in", 0), ("in", 1)])
    now[0] += 5
    assert ages() == [5, 5]
    progress.committed([(("in", 0), 10), (("in", 1), 20), (("elsewhere", 0), 1)])
    now[0] += 7
    progress.committed([(("in", 0), 11), (("in", 1), 20)])
    now[0] += 1
    assert ages() == [1, 8]  # nothing of partition 1 was in the second transaction
    progress.revoked([("in", 1)])
    assert ages() == [1, None]
