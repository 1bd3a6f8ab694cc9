"""Builds a worker's parts: what evaluates in one Python process of a TaskManager."""

from collections.abc import Callable, Mapping
from functools import partial
from threading import Event

from prometheus_client import CollectorRegistry

from services.contracts import Registry, RegistrySettings, load_contracts
from services.detection.assembly import build_handler
from services.detection.metrics import DetectorMetrics
from services.detection.rule_versions import RuleVersions
from services.detection.topics import DetectorTopics
from services.detection.written_states import Trimmer
from services.detector_flink.batch_evaluator import BatchEvaluator, BatchOffsets
from services.detector_flink.delayed_trim import DelayedTrim
from services.detector_flink.output_rows import OutputRows
from services.detector_flink.restore_points import RestorePoints
from services.detector_flink.settings import FlinkSettings
from services.rules.loading import constants_of, parse_rules
from services.rules.topology import Topology, build_topology
from services.streaming.clients import KafkaClients
from services.streaming.logs import configure_logging
from services.streaming.partition_reader import PartitionReader
from services.streaming.positions import Partition
from services.streaming.progress import LoopProgress
from services.streaming.settings import librdkafka_properties, load_settings
from services.streaming.sink import Sink
from services.streaming.topics import partition_counts, topic_configs


def _none(_partition: Partition, _offset: int) -> str:
    return ""


def build_evaluator(rules_text: str, model_files: Mapping[str, bytes]) -> BatchEvaluator:
    """Return the evaluator of a worker, by the settings in the environment and the rules that the job was started with.

    Args:
        rules_text: The rules.
        model_files: The contents of the model files that they name.

    Raises:
        ExpectedError: Settings, contracts, brokers or registry are not as they must be.
    """
    settings = load_settings(FlinkSettings, RegistrySettings)
    configure_logging("detector-flink", settings.log_level)
    topics = DetectorTopics.of(settings, load_contracts())
    constants = constants_of(settings.suspicious_amount)
    rules = parse_rules(rules_text, str(settings.rules_file), topics.schema, constants, model_files.__getitem__)
    clients = KafkaClients(settings, librdkafka_properties(), client_id=f"detector-flink-{settings.instance_id}")
    admin = clients.admin()
    return assemble(
        settings,
        topics,
        build_topology(rules, topics.stages),
        clients=clients,
        registry=Registry(RegistrySettings.load()),
        limits={name: config.max_message_bytes for name, config in topic_configs(admin, topics.all).items()},
        partition_count=partition_counts(admin).__getitem__,
    )


def assemble(
    settings: FlinkSettings,
    topics: DetectorTopics,
    topology: Topology,
    *,
    clients: KafkaClients,
    registry: Registry,
    limits: Mapping[str, int],
    partition_count: Callable[[str], int],
) -> BatchEvaluator:
    """Return an evaluator of parts that may be others than a cluster's.

    Args:
        settings: The settings.
        topics: The topics that these name.
        topology: The rules by stage.
        clients: Makes Kafka clients, to restore with.
        registry: The schema registry.
        limits: By topic the largest record that it takes, in bytes.
        partition_count: Returns the number of partitions of a topic.
    """
    output = OutputRows(partition_count)
    consumer = partial(clients.consumer, settings.consumer_group, enable_partition_eof=True)
    points = RestorePoints(topics.state.name, PartitionReader(consumer)) if topics.state else _none
    reader = BatchOffsets(consumer, points)
    handler = build_handler(
        settings=settings,
        topics=topics,
        clients=clients,
        registry=registry,
        versions=RuleVersions(topology),
        metrics=DetectorMetrics(CollectorRegistry()),
        progress=LoopProgress(),
        stop=Event(),
        limits=limits,
        reader=reader,
        trim=DelayedTrim(Trimmer(clients.admin), settings.transaction_timeout_ms / 1000),
    )
    dead_letters = topics.dead_letters.name
    sink = Sink(output, dead_letters, limits[dead_letters], handler.dead_lettered)  # type: ignore[arg-type]
    return BatchEvaluator(handler, reader, output, sink)
