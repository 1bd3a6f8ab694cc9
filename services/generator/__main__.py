"""The generator's composition root: reads the settings, builds the parts, runs them."""

import secrets

import structlog
from prometheus_client import CollectorRegistry

from services.contracts import Registry, RegistrySettings, load_contracts
from services.generator.encoding import TransactionEncoder
from services.generator.metrics import GeneratorMetrics
from services.generator.outbox import Outbox
from services.generator.service import Generator
from services.generator.settings import GeneratorSettings
from services.generator.transactions import Source
from services.streaming.clients import KafkaClients
from services.streaming.lifecycle import run_service, stop_on_signals, wait_until
from services.streaming.logs import configure_logging
from services.streaming.metrics import serve_metrics
from services.streaming.settings import librdkafka_properties, load_settings, load_together
from services.streaming.topics import TopicNeed, await_topics


def main() -> int:
    """Runs the generator to its limit or until SIGTERM; returns its exit code."""
    configure_logging("generator")
    settings, registry_settings = load_together(
        lambda: load_settings(GeneratorSettings, RegistrySettings), RegistrySettings.load
    )
    configure_logging("generator", settings.log_level)
    stop = stop_on_signals()
    topic = load_contracts().topic(settings.transactions_topic)
    clients = KafkaClients(settings, librdkafka_properties(), client_id="generator")
    collector = CollectorRegistry()
    serve_metrics(collector, settings.metrics_host, settings.metrics_port)

    await_topics(clients, settings, [TopicNeed(topic.name, topic.partitions)], stop)
    schema = topic.required_schema
    with Registry(registry_settings) as registry:
        registration = wait_until(
            lambda: registry.require(topic.subject, schema),
            what="schema registry",
            timeout=settings.startup_timeout,
            stop=stop,
        )
    seed = secrets.randbits(64) if settings.seed is None else settings.seed
    metrics = GeneratorMetrics(collector)
    outbox = Outbox(clients.producer(delivery_report_only_error=True), topic.name, metrics, stop)
    structlog.get_logger().info(
        "started", topic=topic.name, schema_id=registration.id, rate=settings.transactions_per_second, seed=seed
    )
    generator = Generator(
        Source(settings.accounts, seed),
        TransactionEncoder(schema, registration.id),
        outbox,
        metrics,
        stop,
        rate=settings.transactions_per_second,
        limit=settings.max_transactions,
        log_transactions=settings.log_transactions,
    )
    generator.run()
    return 0


if __name__ == "__main__":
    run_service(main)
