"""Samples of a run: rates between readings, the latency of the last seconds."""

import numpy as np
import pytest

from tools.demo.samples import RECENT, Meter
from tools.harness.latency_histogram import LatencyHistogram

OUTPUTS = (0, 0, 0)


def test_the_rate_is_that_since_the_last_reading() -> None:
    meter = Meter(began=100.0)
    for now, generated in ((101.0, 1000), (103.0, 4000), (103.0, 4000)):
        meter.read(now, generated, OUTPUTS, lag=0, latency=LatencyHistogram())
    assert [sample.rate for sample in meter.samples] == [1000, 1500, 0]


def test_the_highest_lag_is_kept() -> None:
    meter = Meter(began=0.0)
    for now, lag in ((1.0, 5), (2.0, 50), (3.0, 7)):
        meter.read(now, 0, OUTPUTS, lag, LatencyHistogram())
    assert meter.lag_max == 50
    assert meter.samples[-1].lag == 7


def test_the_latency_is_that_of_the_last_samples() -> None:
    meter, latency = Meter(began=0.0), LatencyHistogram()
    latency.add(np.array([900]))
    meter.read(1.0, 1, OUTPUTS, 0, latency)
    assert meter.samples[-1].p50 == 900
    for second in range(2, 3 + RECENT):
        latency.add(np.array([50]))
        meter.read(float(second), second, OUTPUTS, 0, latency)
    assert (meter.samples[-1].p50, meter.samples[-1].p99) == (50, 50)


@pytest.mark.parametrize("generated", [0, 10])
def test_without_verdicts_there_is_no_latency(generated: int) -> None:
    meter = Meter(began=0.0)
    meter.read(1.0, generated, OUTPUTS, 0, LatencyHistogram())
    assert meter.samples[-1].p99 is None
