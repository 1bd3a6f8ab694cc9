"""The detector's composition root: reads the settings, builds the parts, runs the loop."""

from functools import partial

from services.contracts import Registration, Registry, RegistrySettings, TopicContract, load_contracts
from services.detector.alerts import Alerts
from services.detector.judge import Judge
from services.detector.metrics import NAMESPACE, DetectorMetrics, VerdictAge
from services.detector.partitions import Partitions
from services.detector.routing import Outputs, Router
from services.detector.rules.loading import constants_of, load_rules
from services.detector.rules.model import KEY
from services.detector.rules_file import RulesWatcher
from services.detector.settings import DetectorSettings
from services.detector.stages import Plan, plan, require_retention
from services.detector.versions import Versions
from services.detector.writers import Output, Writers
from services.streaming.clients import KafkaClients
from services.streaming.endpoints import serve_endpoints
from services.streaming.handler import LoopSettings
from services.streaming.history import History
from services.streaming.lag import LagMonitor
from services.streaming.lifecycle import run_service, spare_garbage_collection, stop_on_signals, wait_until
from services.streaming.logs import configure_logging
from services.streaming.loop import TransactionalLoop
from services.streaming.metrics import LoopMetrics, ProgressCollector, new_registry
from services.streaming.progress import LoopProgress
from services.streaming.settings import librdkafka_properties, load_settings, load_together
from services.streaming.topics import TopicNeed, await_topics, require_equal_partitions, topic_configs


def main() -> int:
    """Runs the detector until SIGTERM; returns its exit code."""
    configure_logging("detector")
    settings, registry_settings = load_together(
        lambda: load_settings(DetectorSettings, RegistrySettings), RegistrySettings.load
    )
    configure_logging("detector", settings.log_level)
    stop = stop_on_signals(grace=8)
    contracts = load_contracts()
    stages = settings.stages(KEY)
    read = [contracts.topic(topic) for topic in stages.values()]
    written = [contracts.topic(topic) for topic in (*settings.output_topics, settings.alerts_topic)]
    dead_letters = contracts.topic(settings.dead_letter_topic)
    reader = read[0].required_schema
    lateness_ms = round(settings.allowed_lateness * 1000)
    clients = KafkaClients(settings, librdkafka_properties(), client_id=f"detector-{settings.instance_id}")
    collector = new_registry(NAMESPACE)
    metrics, progress = DetectorMetrics(collector), LoopProgress()
    for read_at_scrape in (ProgressCollector(progress, NAMESPACE), VerdictAge(progress)):
        collector.register(read_at_scrape)
    constants = constants_of(settings.suspicious_amount)
    retention: dict[str, int] = {}

    def load() -> Plan:
        made = plan(load_rules(settings.rules_file, reader, constants), stages)
        require_retention(made, retention, lateness_ms)
        return made

    load()  # what is wrong with the file is said at once, whether or not the cluster is there
    serve_endpoints(collector, progress, settings.metrics_host, settings.metrics_port)
    needs = [TopicNeed(topic.name, topic.partitions) for topic in [*read, *written, dead_letters]]
    await_topics(clients, settings, needs, stop, progress)
    require_equal_partitions(clients.admin(), list(stages.values()))
    configs = topic_configs(clients.admin(), [*read, *written, dead_letters])
    retention |= {topic.name: configs[topic.name].retention_ms for topic in read}
    versions = Versions(load())
    with Registry(registry_settings) as registry:

        def require(topic: TopicContract) -> Registration:
            return registry.require(topic.subject, topic.required_schema)

        registered = {
            topic.name: wait_until(
                partial(require, topic),
                what="schema registry",
                timeout=settings.startup_timeout,
                stop=stop,
                progress=progress,
            )
            for topic in [*read, *written]
        }
        passed_on = [*settings.output_topics, *[topic for topic in stages.values() if topic != read[0].name]]
        writers = Writers(registry, reader, [Output(topic, registered[topic]) for topic in passed_on])

        alerts = Alerts(reader, written[2].required_schema, registered[settings.alerts_topic])
        outputs = Outputs(*settings.output_topics, settings.alerts_topic)
        history = History(lambda: clients.consumer(settings.consumer_group, enable_partition_eof=True), stop)
        judge = Judge(
            versions=versions,
            writers=writers,
            partitions=Partitions(history, writers, metrics, lateness_ms),
            router=Router(writers, alerts, outputs, log_transactions=settings.log_transactions),
            metrics=metrics,
            lateness_ms=lateness_ms,
        )
        RulesWatcher(settings.rules_file, load, versions, metrics, stop).start()
        loop = TransactionalLoop(
            LoopSettings(
                topics=tuple(stages.values()),
                dead_letter_topic=settings.dead_letter_topic,
                commit_interval=settings.commit_interval_ms / 1000,
                hops=max(1, sum(bool(stage.rules) for stage in versions.current.stages)),
                patience=settings.retry_timeout,
            ),
            make_consumer=lambda: clients.consumer(settings.consumer_group),
            make_producer=lambda: clients.producer(
                transactional_id=f"{settings.consumer_group}.{settings.instance_id}",
                transaction_timeout_ms=15_000 + settings.commit_interval_ms,
                delivery_report_only_error=True,
            ),
            handler=judge,
            metrics=LoopMetrics(collector, NAMESPACE),
            stop=stop,
        )
        lag = LagMonitor(
            clients.admin,
            lambda: clients.consumer(settings.consumer_group, enable_partition_eof=True, queued_min_messages=1),
            group=settings.consumer_group, progress=progress, namespace=NAMESPACE, stop=stop,
        )  # fmt: skip
        collector.register(lag)
        lag.start()
        spare_garbage_collection()
        loop.run()
    return 0


if __name__ == "__main__":
    run_service(main)
