"""Models are watched: their metrics tell a shift of a feature, and nothing where there is none."""

from dataclasses import replace

import numpy as np
import pytest
from prometheus_client import CollectorRegistry

from services.detection.metrics import DetectorMetrics
from services.detection.model_watch import HALF_LIFE, LEAST, SAMPLE, ModelWatch
from services.rules.model import Mode
from services.rules.models.distribution import distribution_of
from services.rules.models.score import ModelScore
from tests.support.models import random_model

RANDOM = np.random.default_rng(1)
MODEL = replace(
    random_model(),
    distributions=tuple(distribution_of(RANDOM.lognormal(3, 1, 10_000)) for _ in range(3)),
    score_distribution=distribution_of(RANDOM.random(10_000)),
)
SCORE = ModelScore("cards", "d1", 0.9, Mode.LIVE, MODEL, 100)


def columns(rows: int, factor: float = 1, missing: float = 0) -> dict[str, np.ndarray]:  # type: ignore[type-arg]
    drawn = {name: RANDOM.lognormal(3, 1, rows) for name in MODEL.features}
    drawn["f0"] *= factor
    drawn["f1"][RANDOM.random(rows) < missing] = np.nan
    return {**drawn, "cards": RANDOM.random(rows)}


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def watch(registry: CollectorRegistry) -> ModelWatch:
    metrics = DetectorMetrics(registry)
    metrics.models([SCORE])
    return ModelWatch(metrics)


def figure(registry: CollectorRegistry, name: str, feature: str) -> float | None:
    return registry.get_sample_value(f"fraud_detector_model_{name}", {"model": "cards", "feature": feature})


def fill(watch: ModelWatch, batches: int, **changes: float) -> None:
    for _ in range(batches):
        dict(watch.note([SCORE], columns(1000, **changes)))
    watch.show([SCORE])


def test_data_as_in_training_have_an_index_near_0(watch: ModelWatch, registry: CollectorRegistry) -> None:
    fill(watch, LEAST // SAMPLE)
    assert figure(registry, "stability_index", "f0") is None
    fill(watch, 40)
    for feature in ("", "f0", "f1", "f2"):
        assert figure(registry, "stability_index", feature) < 0.02
    assert figure(registry, "missing_share", "f1") == 0
    assert registry.get_sample_value("fraud_detector_model_budget_per_day", {"model": "cards"}) == 100


def test_an_amount_in_cents_and_missing_values_show(watch: ModelWatch, registry: CollectorRegistry) -> None:
    fill(watch, 40)
    fill(watch, HALF_LIFE // SAMPLE, factor=100, missing=0.5)
    assert figure(registry, "stability_index", "f0") > 0.5
    assert figure(registry, "missing_share", "f1") == pytest.approx(0.25, abs=0.1)
    assert figure(registry, "stability_index", "f2") < 0.02


def test_scored_transactions_are_counted(watch: ModelWatch) -> None:
    batch = columns(1000)
    counts = dict(watch.note([SCORE], batch))
    assert counts == {("scored", "cards"): 1000, ("above_threshold", "cards"): int((batch["cards"] >= 0.9).sum())}


def test_a_model_that_is_replaced_begins_anew(watch: ModelWatch, registry: CollectorRegistry) -> None:
    fill(watch, 40, factor=100)
    other = replace(SCORE, digest="d2")
    watch._metrics.models([other])
    watch.show([other])
    assert figure(registry, "stability_index", "f0") is None
    assert watch._rows == {}
