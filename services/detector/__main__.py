"""The detector's composition root: reads the settings, builds the parts, runs the loop."""

from functools import partial

from prometheus_client import CollectorRegistry

from services.contracts import Registration, Registry, RegistrySettings, TopicContract, load_contracts
from services.detector.judge import EVENT_TIME, Judge
from services.detector.metrics import DetectorMetrics
from services.detector.rules import default_rules, fields_of, scale_of
from services.detector.settings import DetectorSettings
from services.detector.writers import Output, Writers
from services.streaming.clients import KafkaClients
from services.streaming.handler import LoopSettings
from services.streaming.lifecycle import run_service, spare_garbage_collection, stop_on_signals, wait_until
from services.streaming.logs import configure_logging
from services.streaming.loop import TransactionalLoop
from services.streaming.metrics import LoopMetrics, serve_metrics
from services.streaming.settings import librdkafka_properties, load_settings, load_together
from services.streaming.topics import TopicNeed, await_topics


def main() -> int:
    """Runs the detector until SIGTERM; returns its exit code."""
    configure_logging("detector")
    settings, registry_settings = load_together(
        lambda: load_settings(DetectorSettings, RegistrySettings), RegistrySettings.load
    )
    configure_logging("detector", settings.log_level)
    stop = stop_on_signals(grace=8)
    contracts = load_contracts()
    topics = (settings.transactions_topic, *settings.output_topics, settings.dead_letter_topic)
    needed = [contracts.topic(topic) for topic in topics]
    clients = KafkaClients(settings, librdkafka_properties(), client_id=f"detector-{settings.instance_id}")
    collector = CollectorRegistry()
    serve_metrics(collector, settings.metrics_host, settings.metrics_port)

    await_topics(clients, settings, [TopicNeed(topic.name, topic.partitions) for topic in needed], stop)
    reader = needed[0].required_schema
    with Registry(registry_settings) as registry:

        def require(topic: TopicContract) -> Registration:
            return registry.require(topic.subject, topic.required_schema)

        registered = [
            wait_until(partial(require, topic), what="schema registry", timeout=settings.startup_timeout, stop=stop)
            for topic in needed[:3]
        ]
        rules = default_rules(settings.suspicious_amount, scale_of(reader.json, "amount"))
        outputs = [
            Output(topic, registration)
            for topic, registration in zip(settings.output_topics, registered[1:], strict=True)
        ]
        writers = Writers(registry, reader, [*fields_of(rules), EVENT_TIME], outputs)
        judge = Judge(
            rules,
            writers,
            settings.output_topics,
            DetectorMetrics(collector),
            log_transactions=settings.log_transactions,
        )
        commit_interval = settings.commit_interval_ms / 1000
        loop = TransactionalLoop(
            LoopSettings(
                topics=(settings.transactions_topic,),
                dead_letter_topic=settings.dead_letter_topic,
                commit_interval=commit_interval,
                patience=settings.retry_timeout,
            ),
            make_consumer=lambda: clients.consumer(settings.consumer_group),
            make_producer=lambda: clients.producer(
                transactional_id=f"{settings.consumer_group}.{settings.instance_id}",
                transaction_timeout_ms=15_000 + settings.commit_interval_ms,
                delivery_report_only_error=True,
            ),
            handler=judge,
            metrics=LoopMetrics(collector),
            stop=stop,
        )
        spare_garbage_collection()
        loop.run()
    return 0


if __name__ == "__main__":
    run_service(main)
