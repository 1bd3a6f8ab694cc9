"""The detector's composition root: reads the settings, builds the parts, runs the loop."""

import os
from collections.abc import Mapping
from functools import partial
from threading import Event

import structlog

from services.contracts import (
    SCHEMAS_ENVIRONMENT,
    Registry,
    RegistrySettings,
    load_contracts,
)
from services.detection.assembly import build_handler
from services.detection.batch_unpacker import require_batch_schemas
from services.detection.handler import DetectorHandler
from services.detection.metrics import NAMESPACE, DetectorMetrics, VerdictAge
from services.detection.rule_versions import RuleVersions
from services.detection.schema_decoder import require_equal_schemas
from services.detection.settings import DetectorSettings, deprecated_settings
from services.detection.topics import DetectorTopics
from services.detector.access import transactional_id
from services.detector.rules_watcher import RulesWatcher
from services.detector.startup import checked_topics
from services.rules.loading import constants_of, load_rules
from services.rules.topology import (
    ONLY_LATER,
    Topology,
    build_topology,
    require_labels,
    require_retention,
    windows_beyond_retention,
)
from services.streaming.arguments import parse_service_arguments
from services.streaming.authorisation import explain_refusals
from services.streaming.certificate_renewal import watch_certificates
from services.streaming.certificates import CertificateCollector, certificates
from services.streaming.clients import KafkaClients
from services.streaming.credentials import watch_credentials
from services.streaming.endpoints import serve_endpoints
from services.streaming.handler import LoopSettings
from services.streaming.lag import LagMonitor
from services.streaming.lifecycle import run_service, spare_garbage_collection, stop_on_signals
from services.streaming.logs import configure_logging
from services.streaming.loop import TransactionalLoop
from services.streaming.metrics import LoopMetrics, ProgressCollector, new_registry
from services.streaming.progress import LoopProgress
from services.streaming.settings import librdkafka_properties, load_settings, load_together
from services.streaming.topics import (
    TopicConfig,
    require_topics,
)
from services.streaming.tracing import open_tracer

log = structlog.get_logger()

DESCRIPTION = (
    "Read transactions, evaluate each by the rules, and route it to legit or fraud, exactly once, until SIGTERM."
)
BATCH_BYTES = 1_000_000  # of a producer's batch, where no topic takes less


def main() -> int:
    """Run the detector until SIGTERM; return its exit code."""
    configure_logging("detector")
    settings, registry_settings = load_together(
        lambda: load_settings(DetectorSettings, RegistrySettings), RegistrySettings.load
    )
    configure_logging("detector", settings.log_level)
    for deprecated in deprecated_settings(os.environ):
        log.warning("deprecated setting", reason=deprecated)
    tracer = open_tracer("fraud-detector", settings.otel_exporter_otlp_endpoint)
    stop = stop_on_signals(grace=8)
    topics = DetectorTopics.of(settings, load_contracts())
    require_equal_schemas([topics.read[0], *topics.written[:2]], topics.schema)
    require_batch_schemas(topics.read[1:])
    lateness_ms = round(settings.allowed_lateness * 1000)
    properties = librdkafka_properties()
    clients = KafkaClients(settings, properties, client_id=f"detector-{settings.instance_id}")
    watch_credentials(clients, stop)
    watch_certificates(properties, registry_settings.ca_file, stop)
    collector = new_registry(NAMESPACE)
    metrics, progress = DetectorMetrics(collector), LoopProgress()
    expiries = certificates(properties, registry_settings.ca_file)
    for read_at_scrape in (
        ProgressCollector(progress, NAMESPACE),
        VerdictAge(progress),
        CertificateCollector(expiries, NAMESPACE),
    ):
        collector.register(read_at_scrape)
    retention: dict[str, int] = {}

    def load() -> Topology:
        rules = load_rules(settings.rules_file, topics.schema, constants_of(settings.suspicious_amount))
        for warning in rules.warnings:
            log.warning("warning about the rules file", reason=warning)
        topology = build_topology(rules, topics.stages)
        require_labels(topology, written=topics.with_labels)
        if topics.state is None:
            require_retention(topology, retention, lateness_ms)
        elif beyond := windows_beyond_retention(topology, retention, lateness_ms):
            log.warning("window longer than its topic is kept", reason=f"{beyond}; {ONLY_LATER}")
        return topology

    load()  # faults of the file are reported at once, whether or not the cluster is there
    serve_endpoints(collector, progress, settings.metrics_host, settings.metrics_port)
    refusals = explain_refusals(
        lambda: require_topics(clients.admin(), topics.needs),
        group=settings.consumer_group,
        transactional_id=transactional_id(settings),
    )
    with refusals, Registry(registry_settings) as registry:
        configs = checked_topics(clients, settings, topics, progress, stop)
        retention |= {topic.name: configs[topic.name].retention_ms for topic in topics.read}
        versions = RuleVersions(load())
        handler = build_handler(
            settings=settings, topics=topics, clients=clients, registry=registry, versions=versions, metrics=metrics,
            progress=progress, stop=stop, limits={name: config.max_message_bytes for name, config in configs.items()},
            tracer=tracer,
        )  # fmt: skip
        RulesWatcher(settings.rules_file, load, versions, metrics, stop).start()
        loop = _loop(
            settings=settings, topics=topics, clients=clients, configs=configs, handler=handler, versions=versions,
            metrics=LoopMetrics(collector, NAMESPACE), progress=progress, stop=stop,
        )  # fmt: skip
        group = partial(clients.consumer, settings.consumer_group)
        lag = LagMonitor(group, progress=progress, namespace=NAMESPACE, stop=stop)
        collector.register(lag)
        lag.start()
        spare_garbage_collection()
        loop.run()
    if tracer:
        tracer.close()
    return 0


def _loop(
    *,
    settings: DetectorSettings,
    topics: DetectorTopics,
    clients: KafkaClients,
    configs: Mapping[str, TopicConfig],
    handler: DetectorHandler,
    versions: RuleVersions,
    metrics: LoopMetrics,
    progress: LoopProgress,
    stop: Event,
) -> TransactionalLoop:
    """Build the loop, which reads, commits and recovers."""
    interval = settings.commit_interval(1 + sum(stage.is_used for stage in versions.current.stages[1:]))
    written = [configs[topic.name].max_message_bytes for topic in topics.all if topic.name != topics.input]
    return TransactionalLoop(
        LoopSettings(
            topics=(*topics.stages.values(), *(topic.name for topic in topics.labelled)),
            dead_letter_topic=topics.dead_letters.name,
            dead_letter_max_bytes=configs[topics.dead_letters.name].max_message_bytes,
            commit_interval=interval,
            retry_timeout=settings.retry_timeout,
        ),
        # An offset that is not there any more is an error, which the loop counts; nothing is skipped silently.
        make_consumer=lambda: clients.consumer(settings.consumer_group, auto_offset_reset="error"),
        make_producer=lambda: clients.producer(
            transactional_id=transactional_id(settings),
            transaction_timeout_ms=15_000 + round(interval.longest * 1000),
            delivery_report_only_error=True,
            message_max_bytes=max(written),
            batch_size=min(BATCH_BYTES, *written),
        ),
        handler=handler,
        metrics=metrics,
        progress=progress,
        stop=stop,
    )


if __name__ == "__main__":
    parse_service_arguments("services.detector", DESCRIPTION, [DetectorSettings, RegistrySettings], SCHEMAS_ENVIRONMENT)
    run_service(main)
