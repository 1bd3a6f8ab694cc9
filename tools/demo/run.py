"""One run of the demo, from the cluster to the summary."""

from collections.abc import Iterable, Mapping
from contextlib import ExitStack, closing
from dataclasses import replace

from services.contracts import Registry, RegistrySettings, load_contracts
from services.detection.settings import DetectorSettings
from services.rules.model import KEY
from services.streaming.clients import KafkaClients
from services.streaming.settings import librdkafka_properties, load_settings
from tools.demo.cluster import CLUSTER, SCHEMAS, TOPICS, create_topics, provide_cluster, register_schemas
from tools.demo.display import Display
from tools.demo.interrupts import Interrupts
from tools.demo.observer import Observer
from tools.demo.pipeline import DETECTOR, GENERATOR, LOGS, WARM_UP, Pipeline
from tools.demo.secured import grant_access, show_refusals
from tools.demo.summary import Summary, summarise
from tools.demo.watch import Watch
from tools.local_cluster import LocalCluster
from tools.local_cluster.persistent import REPOSITORY
from tools.topics.consumer_group import ConsumerGroup
from tools.topics.reader import Offsets, Partition

STEPS = [CLUSTER, TOPICS, SCHEMAS, DETECTOR, WARM_UP, GENERATOR]


def run(
    duration: float | None, rate: int, display: Display, interrupts: Interrupts, *, secured: LocalCluster | None = None
) -> Summary:
    """Run the whole demo.

    Args:
        duration: Seconds to generate transactions; None: until a signal.
        rate: Transactions per second; 0: as fast as it can.
        display: Shows the run.
        interrupts: Says when the user ends it.
        secured: The local cluster to run it on secured; None for the cluster at hand as it is.

    Raises:
        ExpectedError: Something could not be started, or a service died.
        KeyboardInterrupt: A signal ends it at once.
    """

    def login(service: str) -> Mapping[str, str]:
        return secured.environment(service) if secured else {}

    with ExitStack() as stack:
        note = provide_cluster(display, stack, secured or LocalCluster(), secure=bool(secured))
        settings = load_settings(DetectorSettings, RegistrySettings)
        contracts = load_contracts()
        clients = KafkaClients(settings, librdkafka_properties(), client_id="demo")
        create_topics(display, clients, settings, contracts)
        register_schemas(display)
        refused: tuple[str, ...] = ()
        if secured:
            grant_access(display, clients, contracts)
            refused = show_refusals(display, secured.environment, settings.transactions_topic)

        observed = clients.consumer(settings.consumer_group, isolation_level="read_uncommitted")
        group = ConsumerGroup(clients.admin(), settings.consumer_group, observed)
        stages = [group.partitions([topic]) for topic in settings.stages(KEY).values()]
        outputs = group.partitions([*settings.output_topics, settings.dead_letter_topic])
        registry = stack.enter_context(Registry())
        schema = contracts.topic(settings.transactions_topic).required_schema

        pipeline = Pipeline(stack, display, group, stages, settings.startup_timeout, login=login)
        pipeline.start_detector()
        pipeline.warm_up(rate)
        starts = group.ends([*stages[0], *outputs])
        observer = Observer(clients, registry, schema, _only(starts, outputs), verdict_topics=settings.output_topics)
        stack.enter_context(closing(observer.reader))
        watch = Watch(display, observer, group, _only(starts, stages[0]))
        pipeline.start_generator(watch, rate)
        interrupts.end_gracefully()

        def is_over() -> bool:
            pipeline.require_alive()
            return interrupts.received

        watch.run(duration, is_over)
        ends = pipeline.drain(watch)

        with display.step("count", "reading back what was generated") as step:
            watch.read_to(group.ends(outputs))
            inputs = Observer(clients, registry, schema, _only(starts, stages[0]), ends)
            stack.enter_context(closing(inputs.reader))
            while inputs.reader.unfinished:
                inputs.step(1.0)
            (generated,) = inputs.totals.values()
            summary = summarise(
                generated, *observer.totals.values(), latency=observer.latency, lag_max=watch.meter.lag_max
            )
            summary = replace(summary, refused=refused)
            step.detail = f"{summary.generated + summary.evaluated:,} messages on {len(observer.totals) + 1} topics"
    notes = [f"logs of the services are in {LOGS.relative_to(REPOSITORY)}/", *([note] if note else [])]
    display.show_summary(summary, notes)
    return summary


def _only(offsets: Offsets, partitions: Iterable[Partition]) -> Offsets:
    return {partition: offsets[partition] for partition in partitions}
