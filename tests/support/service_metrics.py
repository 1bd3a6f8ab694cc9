"""Names of the metrics that services export, asked of the services' own classes."""

from collections.abc import Iterable

from prometheus_client import CollectorRegistry
from sqlalchemy import create_engine

from services.console.metrics import NAMESPACE as CONSOLE
from services.console.metrics import CaseCollector
from services.console.storage.tables import metadata
from services.detection.metrics import NAMESPACE as DETECTOR
from services.detection.metrics import DetectorMetrics, VerdictAge
from services.generator.metrics import NAMESPACE as GENERATOR
from services.generator.metrics import GeneratorMetrics
from services.notifier.metrics import NAMESPACE as NOTIFIER
from services.notifier.metrics import NotifierMetrics, Waiting
from services.streaming.certificates import CertificateCollector
from services.streaming.lag import LagMonitor
from services.streaming.metrics import LoopMetrics, ProgressCollector, new_registry
from services.streaming.progress import LoopProgress

_SUFFIXES = {
    "counter": ["_total"],
    "histogram": ["_bucket", "_sum", "_count"],
    "info": ["_info"],
    "gauge": [""],
    "unknown": [""],
}


def service_registries() -> Iterable[CollectorRegistry]:
    """Registries with the metrics of each service, as its composition root makes them."""
    progress = LoopProgress()
    for namespace in (DETECTOR, NOTIFIER, GENERATOR, CONSOLE):
        registry = new_registry(namespace)
        registry.register(ProgressCollector(progress, namespace))
        registry.register(CertificateCollector({}, namespace))
        if namespace in {DETECTOR, NOTIFIER}:
            LoopMetrics(registry, namespace)
            registry.register(LagMonitor(_no_consumer, progress=progress, namespace=namespace, stop=None))  # type: ignore[arg-type]
        yield _with_own(registry, namespace, progress)


def exported_names() -> set[str]:
    """Names of all series that services may export."""
    return {
        family.name + suffix
        for registry in service_registries()
        for family in registry.collect()
        for suffix in _SUFFIXES[family.type]
    }


def _with_own(registry: CollectorRegistry, namespace: str, progress: LoopProgress) -> CollectorRegistry:
    if namespace == DETECTOR:
        DetectorMetrics(registry)
        registry.register(VerdictAge(progress))
    elif namespace == NOTIFIER:
        NotifierMetrics(registry)
        registry.register(Waiting(lambda: None))
    elif namespace == GENERATOR:
        GeneratorMetrics(registry)
    else:
        engine = create_engine("sqlite://")
        metadata.create_all(engine)
        registry.register(CaseCollector(engine, lambda: 0))
    return registry


def _no_consumer(**_: object) -> None:
    raise NotImplementedError
