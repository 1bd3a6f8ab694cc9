"""One run of the demo, from the cluster to the summary."""

import os
import secrets
import time
from collections.abc import Iterable, Mapping
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, replace

from services.contracts import Registry, RegistrySettings, TopicContract, load_contracts
from services.detection.settings import DetectorSettings
from services.rules.model import KEY
from services.streaming.clients import KafkaClients
from services.streaming.settings import librdkafka_properties, load_settings
from tools.demo.cluster import CLUSTER, SCHEMAS, TOPICS, create_topics, provide_cluster, register_schemas
from tools.demo.display import Display
from tools.demo.incidents import write_past
from tools.demo.interrupts import Interrupts
from tools.demo.observer import Observer
from tools.demo.pipeline import CONSOLE, DETECTOR, GENERATOR, LOGS, WARM_UP, Pipeline
from tools.demo.secured import grant_access, show_refusals
from tools.demo.summary import Summary, summarise
from tools.demo.watch import Watch
from tools.local_cluster import LocalCluster
from tools.local_cluster.persistent import REPOSITORY
from tools.topics.consumer_group import ConsumerGroup
from tools.topics.reader import Offsets, Partition

STEPS = [CLUSTER, TOPICS, SCHEMAS, DETECTOR, CONSOLE, WARM_UP, GENERATOR]


@dataclass(frozen=True)
class Options:
    """The options of a run.

    Attributes:
        duration: Seconds to generate transactions; None: until a signal.
        rate: Transactions per second; 0: as fast as it can.
        is_plain: Whether no incidents of fraud are mixed in.
        has_console: Whether the console is started.
        secured: The local cluster to run it on secured; None for the cluster at hand as it is.
    """

    duration: float | None
    rate: int
    is_plain: bool = False
    has_console: bool = True
    secured: LocalCluster | None = None


def run(options: Options, display: Display, interrupts: Interrupts) -> Summary:
    """Run the whole demo.

    Args:
        options: What to run.
        display: Shows the run.
        interrupts: Says when the user ends it.

    Raises:
        ExpectedError: Something could not be started, or a service died.
        KeyboardInterrupt: A signal ends it at once.
    """
    secured = options.secured

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
        alerts = group.partitions([settings.alerts_topic])
        registry = stack.enter_context(Registry())
        schema = contracts.topic(settings.transactions_topic).required_schema

        pipeline = Pipeline(stack, display, group, stages, settings.startup_timeout, login=login)
        pipeline.start_detector()
        link = pipeline.start_console() if options.has_console else ""
        seed = _begin_incidents(options, clients, contracts.topic(settings.transactions_topic), registry)
        pipeline.warm_up(options.rate)
        starts = group.ends([*stages[0], *outputs, *alerts])
        observer = Observer(
            clients, registry, schema, _only(starts, [*outputs, *alerts]), verdict_topics=settings.output_topics,
            alerts=contracts.topic(settings.alerts_topic),
        )  # fmt: skip
        stack.enter_context(closing(observer.reader))
        watch = Watch(display, observer, group, _only(starts, stages[0]))
        pipeline.start_generator(watch, options.rate, seed)
        interrupts.end_gracefully()

        def is_over() -> bool:
            pipeline.require_alive()
            return interrupts.received

        watch.run(options.duration, is_over)
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
        _end(summary, note, link, display, interrupts)
    return summary


def _end(summary: Summary, note: str, link: str, display: Display, interrupts: Interrupts) -> None:
    """Show the summary; where a person looks at it, the console stays until the next signal."""
    stays = bool(link) and display.is_live
    where = f"the console{' stays until Ctrl-C' if stays else ' was at'}: {link}" if link else ""
    logs = f"logs of the services are in {LOGS.relative_to(REPOSITORY)}/"
    display.show_summary(summary, list(filter(None, [logs, note, where])))
    interrupts.received = True
    with suppress(KeyboardInterrupt):
        while stays:
            time.sleep(1)


def _begin_incidents(options: Options, clients: KafkaClients, topic: TopicContract, registry: Registry) -> int | None:
    """Return the seed of incidents whose past is written; None where none are mixed in."""
    if options.is_plain or os.environ.get("SCENARIOS"):
        return None
    seed = secrets.randbits(63)
    write_past(clients.producer(), topic, registry, seed)
    return seed


def _only(offsets: Offsets, partitions: Iterable[Partition]) -> Offsets:
    return {partition: offsets[partition] for partition in partitions}
