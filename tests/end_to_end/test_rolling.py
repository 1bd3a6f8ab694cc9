"""New rules, a new model, a new schema and new processes under load: nothing lost, doubled or wrong.

ROLLING_SECONDS and ROLLING_RATE make it longer and faster: 600 and 2000 is what docs/operations.md has figures of.
"""

import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from services.contracts import load_contracts
from services.rules.loading import parse_rules
from services.rules.models import read_model
from tests.support.models import model_on
from tests.support.probing import Endpoints
from tests.support.rolling import FEATURES, Version, compare
from tools.chaos.output_watch import OutputWatch
from tools.harness.pipeline import Pipeline
from tools.harness.waiting import wait_for

if TYPE_CHECKING:
    from tools.harness.processes import Service

SECONDS = float(os.environ.get("ROLLING_SECONDS", "15"))
RATE = int(os.environ.get("ROLLING_RATE", "300"))
SPREAD = ((500.0, 330.0), (30.0, 12.0))  # thresholds of the model: amounts, payments within ten seconds
MARGIN = 2.0  # seconds around a change that belong to its pause
PER_ACCOUNT_AND_SECOND = 3


class Rollout:
    """Two detectors with stable names and a generator, which are changed one after the other.

    Args:
        pipeline: Its topics.
        stack: Ends the processes.
    """

    def __init__(self, pipeline: Pipeline, stack: ExitStack) -> None:
        self.pipeline = pipeline
        self._stack = stack
        self.rules = pipeline.directory / "rules.toml"
        self.versions: dict[str, Version] = {}
        self.detectors: dict[str, tuple[Service, Endpoints]] = {}
        self.generators: list[Service] = []
        self.acknowledged = 0

    def write(self, version: Version) -> None:
        """Write a version of rules and model, the file that is watched last."""
        shutil.copy(version.model, self.rules.with_name("cards.json"))
        self.rules.write_text(version.text())

    def start_detector(self, name: str) -> None:
        """Start a detector and wait until it is ready, as an update of a StatefulSet does."""
        endpoints = Endpoints()
        detector = self.pipeline.start("detector", RULES_FILE=str(self.rules), INSTANCE_ID=name, **endpoints.variables)
        self.detectors[name] = self._stack.enter_context(detector), endpoints
        wait_for(lambda: endpoints.probe("/readyz")[0] == 200, f"{name} is ready: {detector.text[-2000:]}", 300)

    def replace_detectors(self) -> None:
        """Stop and start them one at a time."""
        for name, (detector, _) in list(self.detectors.items()):
            assert detector.stop() == 0
            self.start_detector(name)

    def start_generator(self) -> None:
        """Start a generator, and stop the one before once it sends."""
        generator = self.pipeline.start(
            "generator",
            TRANSACTIONS_PER_SECOND=str(RATE),
            ACCOUNTS=str(RATE // PER_ACCOUNT_AND_SECOND),
            SEED=str(len(self.generators) + 1),
        )
        self._stack.enter_context(generator).wait_for("started")
        if self.generators:
            self.stop_generator()
        self.generators.append(generator)

    def stop_generator(self) -> None:
        """Stop the newest generator; all that it sent is acknowledged."""
        generator = self.generators[-1]
        assert generator.stop() == 0
        self.acknowledged += sum(line["delivered"] for line in generator.events("ended"))

    def activate(self, version: Version) -> None:
        """Have the detectors that run read another version of rules or model."""
        before = {name: len(detector.events("rules activated")) for name, (detector, _) in self.detectors.items()}
        self.write(version)

        def everywhere() -> bool:
            return all(
                len(detector.events("rules activated")) > before[name] for name, (detector, _) in self.detectors.items()
            )

        wait_for(everywhere, "the new version is active everywhere")
        self.note(version)

    def note(self, version: Version) -> None:
        """Note under which name the detectors know the version that is active now."""
        (name,) = {str(detector.events("rules activated")[-1]["version"]) for detector, _ in self.detectors.values()}
        self.versions[name] = version


def versions_of(pipeline: Pipeline) -> list[Version]:
    """Return three versions: the first, other limits, another model."""
    first = Version(large=998, busy=50, threshold=0.5, model=pipeline.directory / "model-1.json")
    schema = load_contracts().topic("queueing.transactions").required_schema
    declared = first.text().partition("[models.cards]")[0]
    plain = '[rules.any]\nseverity = "low"\nwhen = "paid > 1"\nreason = "{paid}"\n'
    features = parse_rules(declared + plain, "rules.toml", schema, {}).features
    assert features is not None
    second_model = first.model.with_name("model-2.json")
    first.model.write_bytes(model_on(features, FEATURES, scale=3, spread=SPREAD))
    second_model.write_bytes(model_on(features, FEATURES, seed=2, scale=3, spread=SPREAD))
    random = np.random.default_rng(1)
    columns = [random.uniform(1, 1000, 10_000), random.poisson(30, 10_000).astype(float)]

    def threshold(model: Path) -> float:
        """Return a score that one of a hundred transactions has at the most, as alerts should be few."""
        scores = np.sort(read_model(model).scores(columns, 10_000))
        highest: float = scores[-1]
        rare = scores[np.searchsorted(scores, scores[-100], side="right") :]
        return float(rare[0]) if len(rare) else highest

    first = replace(first, threshold=threshold(first.model))
    second = replace(first, large=997, busy=48)
    return [first, second, replace(second, model=second_model, threshold=threshold(second_model))]


@contextmanager
def pauses(
    watch: OutputWatch, change: str, into: dict[str, list[float]], begin: Callable[[], float] = time.monotonic
) -> Iterator[None]:
    """Take the longest pause of each partition around a change."""
    started = begin()
    yield
    time.sleep(MARGIN)
    into[change] = [round(watch.longest_pause(number, started, begin()), 2) for number in range(4)]


@pytest.mark.slow
def test_changes_under_load_lose_double_and_misjudge_nothing(pipeline: Pipeline, tmp_path: Path) -> None:
    first, second, third = versions_of(pipeline)
    before = tmp_path / "schemas-before"
    shutil.copytree(pipeline.schemas, before)
    schemas = {pipeline.schema_id: before}
    longest: dict[str, list[float]] = {}
    with ExitStack() as stack:
        watch = stack.enter_context(OutputWatch(pipeline))
        rollout = Rollout(pipeline, stack)
        rollout.write(first)
        rollout.start_detector("detector-0")
        rollout.start_detector("detector-1")
        rollout.note(first)
        rollout.start_generator()
        wait_for(lambda: watch.total > RATE, "the first outputs")
        step = SECONDS / 6
        with pauses(watch, "no change", longest):
            time.sleep(max(0.0, step - MARGIN))
        with pauses(watch, "rules", longest):
            rollout.activate(second)
        time.sleep(step)
        with pauses(watch, "schema", longest):
            pipeline.evolve()
            rollout.start_generator()
        schemas[pipeline.schema_id] = pipeline.schemas
        time.sleep(step)
        with pauses(watch, "model", longest):
            rollout.activate(third)
        time.sleep(step)
        with pauses(watch, "image", longest):
            rollout.replace_detectors()
        time.sleep(step)
        rollout.stop_generator()
        wait_for(lambda: watch.total >= rollout.acknowledged, "a verdict on everything", 120)
        for detector, _ in rollout.detectors.values():
            assert detector.stop() == 0
    comparison = compare(pipeline, schemas, rollout.versions)
    print(json.dumps({"rate": RATE, "seconds": SECONDS, **vars(comparison), "longest_pauses": longest}))  # noqa: T201 - shown with -s
    assert comparison.transactions == rollout.acknowledged
    assert (comparison.lost, comparison.doubled, comparison.wrong) == (0, 0, 0)
    assert len(rollout.versions) == len(schemas) + 1 == 3
    assert all(comparison.by_version[name] for name in rollout.versions)
    assert all(comparison.matches[rule] for rule in ("scored", "large-amount", "busy-receiver", "busy-sender"))
