"""One run of the demo from the cluster to the summary: builds the parts and goes through the phases."""

from contextlib import ExitStack, closing
from dataclasses import dataclass

from services.contracts import Contracts, Registry, RegistrySettings, load_contracts
from services.detector.settings import DetectorSettings
from services.rules.model import KEY
from services.streaming.clients import KafkaClients
from services.streaming.settings import librdkafka_properties, load_settings
from tools.demo.children import Services
from tools.demo.columns import TransactionDecoder
from tools.demo.interrupts import Interrupts
from tools.demo.observer import Observer, count_topic
from tools.demo.offsets import GroupWatch, Offsets, Partition
from tools.demo.phases import (
    DETECTOR,
    GENERATOR,
    WARM_UP,
    drain,
    read_to_end,
    start_detector,
    start_generator,
    warm_up,
    watch_until_end,
)
from tools.demo.preparing import CLUSTER, SCHEMAS, TOPICS, create_topics, provide_cluster, register_schemas
from tools.demo.presenting import Presenter
from tools.demo.steps import step
from tools.demo.summary import Summary, summarise
from tools.demo.watch import Watch
from tools.local_cluster.persistent import REPOSITORY

STEPS = [CLUSTER, TOPICS, SCHEMAS, DETECTOR, WARM_UP, GENERATOR]
COUNT = "count"
LOGS = REPOSITORY / ".local" / "demo"


@dataclass(frozen=True)
class Options:
    """What was asked for.

    Attributes:
        duration: Seconds to generate transactions; None: until a signal.
        rate: Transactions per second; 0: as fast as it can.
        json: Print the summary as JSON on standard output, everything else on standard error.
    """

    duration: float | None
    rate: int
    json: bool


def run(options: Options, presenter: Presenter, interrupts: Interrupts) -> Summary:
    """Run the whole demo.

    Raises:
        ExpectedError: Something could not be started, or a service died.
        KeyboardInterrupt: It was told to end at once.
    """
    with ExitStack() as stack:
        note = provide_cluster(presenter, stack)
        settings = load_settings(DetectorSettings, RegistrySettings)
        contracts = load_contracts()
        clients = KafkaClients(settings, librdkafka_properties(), client_id="demo")
        create_topics(presenter, clients, settings, contracts)
        register_schemas(presenter)
        result = _run_pipeline(
            options, presenter, interrupts, stack, settings=settings, contracts=contracts, clients=clients
        )
    notes = [f"logs of the services are in {LOGS.relative_to(REPOSITORY)}/", *([note] if note else [])]
    presenter.summary(result, notes)
    return result


def _run_pipeline(
    options: Options,
    presenter: Presenter,
    interrupts: Interrupts,
    stack: ExitStack,
    *,
    settings: DetectorSettings,
    contracts: Contracts,
    clients: KafkaClients,
) -> Summary:
    group = GroupWatch(clients.admin(), settings.consumer_group)
    stages = [group.partitions([topic]) for topic in settings.stages(KEY).values()]
    inputs = stages[0]
    legit, fraud = settings.output_topics
    topics = (legit, fraud, settings.dead_letter_topic)
    outputs = group.partitions(topics)
    registry = stack.enter_context(Registry())
    decoder = TransactionDecoder(registry, contracts.topic(settings.transactions_topic).required_schema.json)
    services = stack.enter_context(Services(LOGS))

    start_detector(presenter, services, group, inputs, settings.startup_timeout)
    warm_up(presenter, services, group, stages, options.rate)
    starts = group.ends([*inputs, *outputs])
    observer = Observer(
        clients, decoder, _only(starts, outputs), fraud_topic=fraud, dead_letter_topic=settings.dead_letter_topic
    )
    stack.enter_context(closing(observer))
    watch = Watch(presenter, observer, group, _only(starts, inputs), topics)

    start_generator(presenter, services, watch, options.rate, settings.startup_timeout)
    watch.begin()
    interrupts.end_gracefully()
    watch_until_end(watch, services, interrupts, options.duration)
    ends = drain(presenter, watch, services, group, stages)

    with step(presenter, COUNT, "reading back what was generated") as say:
        read_to_end(watch, observer, group.ends(outputs))
        generated, seconds = count_topic(clients, decoder, _only(starts, inputs), ends)
        result = summarise(
            generated,
            *(observer.topics[topic].counted for topic in topics),
            seconds=seconds,
            latency=observer.latency,
            lag_max=watch.meter.lag_max,
        )
        say.result(f"{result.generated + result.judged:,} messages on {len(topics) + 1} topics")
    return result


def _only(offsets: Offsets, partitions: list[Partition]) -> Offsets:
    return {partition: offsets[partition] for partition in partitions}
