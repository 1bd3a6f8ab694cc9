"""The generator's composition root: reads the settings, builds the parts, runs them."""

import secrets
from contextlib import suppress
from functools import partial

import structlog
from confluent_kafka import KafkaException

from services.contracts import SCHEMAS_ENVIRONMENT, NotRegistered, Registry, RegistrySettings, load_contracts
from services.generator.access import access_of, written_topics
from services.generator.encoding import TransactionEncoder
from services.generator.labels import LabelEncoder
from services.generator.metrics import NAMESPACE, GeneratorMetrics
from services.generator.publisher import Publisher
from services.generator.sampling import TraceSampler
from services.generator.scenarios import LabelledTraffic
from services.generator.service import Generator
from services.generator.settings import GeneratorSettings
from services.generator.transactions import RandomTraffic
from services.streaming.access import await_access
from services.streaming.arguments import parse_service_arguments
from services.streaming.certificate_renewal import watch_certificates
from services.streaming.certificates import CertificateCollector, certificates
from services.streaming.clients import KafkaClients
from services.streaming.credentials import watch_credentials
from services.streaming.endpoints import serve_endpoints
from services.streaming.lifecycle import run_service, stop_on_signals, wait_until
from services.streaming.logs import configure_logging
from services.streaming.metrics import ProgressCollector, new_registry
from services.streaming.progress import Progress
from services.streaming.settings import librdkafka_properties, load_settings, load_together
from services.streaming.tracing import open_tracer

DESCRIPTION = "Generate payment transactions at a rate, to a limit or until SIGTERM."


def main() -> int:
    """Run the generator to its limit or until SIGTERM; return its exit code."""
    configure_logging("generator")
    settings, registry_settings = load_together(
        lambda: load_settings(GeneratorSettings, RegistrySettings), RegistrySettings.load
    )
    configure_logging("generator", settings.log_level)
    tracer = open_tracer("fraud-generator", settings.otel_exporter_otlp_endpoint)
    stop = stop_on_signals()
    contracts = load_contracts()
    labels_topic = settings.labels_topic if settings.scenarios else ""
    names = written_topics(settings)
    topics = [contracts.topic(name) for name in names]
    properties = librdkafka_properties()
    clients = KafkaClients(settings, properties, client_id="generator")
    watch_credentials(clients, stop)
    watch_certificates(properties, registry_settings.ca_file, stop)
    collector = new_registry(NAMESPACE)
    progress = Progress()
    collector.register(ProgressCollector(progress, NAMESPACE))
    collector.register(CertificateCollector(certificates(properties, registry_settings.ca_file), NAMESPACE))
    serve_endpoints(collector, progress, settings.metrics_host, settings.metrics_port)

    # Created early: it connects and gets its producer id during the checks.
    producer = clients.producer(delivery_report_only_error=True)
    await_access(clients, settings, access_of(settings, contracts), stop, progress)
    with Registry(registry_settings) as registry:
        ids = wait_until(
            lambda: [registry.require(topic.subject, topic.required_schema).id for topic in topics],
            waiting_for="schema registry",
            timeout=settings.startup_timeout,
            stop=stop,
            progress=progress,
            transient=(NotRegistered,),
        )
    seed = secrets.randbits(64) if settings.seed is None else settings.seed
    metrics = GeneratorMetrics(collector)
    with suppress(KafkaException):  # the producer fetches the metadata again when it needs them
        producer.list_topics(names[0], timeout=5)
    ratio = settings.trace_sample_ratio
    sampler = TraceSampler(tracer, ratio, names[0]) if tracer and ratio else None
    publisher = Publisher(producer, names[0], metrics, stop, labels_topic, progress=progress, sampler=sampler)
    build = partial(
        Generator,
        encoder=TransactionEncoder(topics[0].required_schema, ids[0]),
        publisher=publisher,
        metrics=metrics,
        stop=stop,
        progress=progress,
        rate=settings.transactions_per_second,
        limit=settings.max_transactions,
        log_transactions=settings.log_transactions,
    )
    started = {"topic": names[0], "schema_id": ids[0], "rate": settings.transactions_per_second, "seed": seed}
    if settings.scenarios:
        label = LabelEncoder(topics[1].required_schema, ids[1]).encode
        run = build(traffic=LabelledTraffic(settings.accounts, seed, settings.scenarios), label=label).run
        started |= {"labels_topic": labels_topic, "scenarios": [scenario.name for scenario in settings.scenarios]}
    else:
        run = build(traffic=RandomTraffic(settings.accounts, seed)).run
    structlog.get_logger().info("started", **started)
    try:
        run()
    finally:
        if tracer:
            tracer.close()
    return 0


if __name__ == "__main__":
    parse_service_arguments(
        "services.generator", DESCRIPTION, [GeneratorSettings, RegistrySettings], SCHEMAS_ENVIRONMENT
    )
    run_service(main)
