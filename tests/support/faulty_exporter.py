"""The services' own metrics in this process, with faults that take a real service long, or a cluster of its own."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from threading import Event
from typing import Any

import numpy as np
from prometheus_client import CollectorRegistry, start_http_server

from services.detection.metrics import NAMESPACE as DETECTOR
from services.detection.metrics import DetectorMetrics
from services.detection.model_watch import ModelWatch
from services.generator.metrics import GeneratorMetrics
from services.rules.model import Mode
from services.rules.models.distribution import distribution_of
from services.rules.models.score import ModelScore
from services.streaming.lag import LagMonitor
from services.streaming.metrics import LoopMetrics, ProgressCollector
from services.streaming.progress import LoopProgress
from tests.support.models import random_model
from tools.local_cluster.ports import HOST

PARTITION = ("restored", 0)


class FaultyExporter:
    """Metrics of a detector and a generator; each method injects a fault where the services would meet it."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()  # without build_info: it is no detector that Prometheus could find
        self._progress = LoopProgress()
        self._detector = DetectorMetrics(self.registry)
        self._loop = LoopMetrics(self.registry, DETECTOR)
        self._generator = GeneratorMetrics(self.registry)
        self._lag = LagMonitor(
            _NoConsumer,  # type: ignore[arg-type]
            progress=LoopProgress(),
            namespace=DETECTOR,
            stop=Event(),
        )
        self.registry.register(ProgressCollector(self._progress, DETECTOR))
        self.registry.register(self._lag)
        self._random = np.random.default_rng(1)
        self._model = self._train()

    def restore_stands_still(self) -> None:
        """A partition is assigned, and its restore makes no progress."""
        self._progress.assigned([PARTITION])
        self._progress.restoring(PARTITION, 4000, None)

    def brokers_go_away(self) -> None:
        """The lag was measured once, and never again."""
        self._lag.measure()

    def clients_fail(self, times: int) -> None:
        """The loop replaced its clients some times."""
        self._loop.restarts.inc(times)

    def generator_falls_behind(self, seconds: float) -> None:
        """The newest transaction is late by some seconds."""
        self._generator.lateness.set(seconds)

    def amounts_come_in_cents(self) -> None:
        """A feature is 100 times what it was in training, and half of the scores reach the threshold."""
        self._detector.models([self._model])
        watch = ModelWatch(self._detector)
        for _ in range(40):
            columns = {name: self._random.lognormal(3, 1, 1000) for name in self._model.model.features}
            columns["f0"] *= 100
            scores = self._random.random(1000)
            self._detector.count(dict(watch.note([self._model], {**columns, "cards": scores})))
        watch.show([self._model])

    def _train(self) -> ModelScore:
        model = replace(
            random_model(),
            distributions=tuple(distribution_of(self._random.lognormal(3, 1, 10_000)) for _ in range(3)),
            score_distribution=distribution_of(self._random.random(10_000)),
        )
        return ModelScore("cards", "d1", 0.5, Mode.LIVE, model, budget=100)


@contextmanager
def faulty_exporter(port: int) -> Iterator[FaultyExporter]:
    """Serve the metrics inside a ``with`` block."""
    exporter = FaultyExporter()
    server, thread = start_http_server(port, HOST, exporter.registry)
    try:
        yield exporter
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _NoConsumer:
    """Stands for a consumer that is asked for nothing: no partition is assigned to the monitor."""

    def __init__(self, **_: Any) -> None:
        pass

    def poll(self, _timeout: float) -> None:
        """Have nothing."""
