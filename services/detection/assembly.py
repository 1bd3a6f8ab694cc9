"""Builds the handler of a process: what decodes, evaluates, restores and routes, on its clients and its registry."""

from collections.abc import Callable, Mapping
from functools import partial
from threading import Event
from typing import TypeVar

from services.contracts import NotRegistered, Registration, Registry, Schema, TopicContract
from services.detection.alerts import Alerts
from services.detection.batch_unpacker import BatchUnpacker
from services.detection.handler import DetectorHandler
from services.detection.input_restorer import InputRestorer
from services.detection.key_verifier import KeyVerifier
from services.detection.labels import LabelReader, LabelRouter
from services.detection.metrics import DetectorMetrics
from services.detection.partition_states import PartitionStates
from services.detection.repartition_writer import RepartitionWriter
from services.detection.routing import Outputs, Router
from services.detection.rule_versions import RuleVersions
from services.detection.rules_log import RulesLog
from services.detection.schema_decoder import Output
from services.detection.schema_decoder_cache import SchemaDecoderCache
from services.detection.scores import ScoreWriter
from services.detection.settings import DetectorSettings
from services.detection.state_writer import Trim
from services.detection.topics import DetectorTopics
from services.detection.traces import BatchTraces
from services.detection.transaction_batch import BatchEncoder
from services.detection.written_states import Trimmer, WrittenStates
from services.streaming.clients import KafkaClients
from services.streaming.dead_offsets import dead_offsets
from services.streaming.lifecycle import wait_until
from services.streaming.partition_reader import PartitionReader
from services.streaming.progress import LoopProgress
from services.streaming.topic_reader import TopicReader
from services.streaming.topics import partition_counts
from services.streaming.tracing import Tracer

T = TypeVar("T")


def build_handler(
    *,
    settings: DetectorSettings,
    topics: DetectorTopics,
    clients: KafkaClients,
    registry: Registry,
    versions: RuleVersions,
    metrics: DetectorMetrics,
    progress: LoopProgress,
    stop: Event,
    limits: Mapping[str, int],
    reader: PartitionReader | None = None,
    trim: Trim | None = None,
    tracer: Tracer | None = None,
) -> DetectorHandler:
    """Build the handler, which evaluates and routes transactions.

    Args:
        settings: The settings.
        topics: The topics that these name.
        clients: Makes Kafka clients.
        registry: The schema registry.
        versions: The versions of the rules.
        metrics: The metrics.
        progress: Shows what is waited for.
        stop: Ends waiting.
        limits: By topic the largest record that it takes, in bytes.
        reader: Reads partitions and committed offsets; by default those of the consumer group.
        trim: Deletes what is needed no more of the state topic; by default an admin client does.
        tracer: Traces sampled transactions; None for no traces.

    Raises:
        Unavailable: The registry does not have a schema in time, or does not answer.
    """

    def require(topic: TopicContract) -> Registration:
        return registry.require(topic.subject, topic.required_schema)

    registered = {
        topic.name: wait_until(
            partial(require, topic),
            waiting_for="schema registry",
            timeout=settings.startup_timeout,
            stop=stop,
            progress=progress,
            transient=(NotRegistered,),
        )
        for topic in [*topics.read, *topics.labelled, *topics.written, *topics.kept, *topics.optional]
    }
    lateness_ms = round(settings.allowed_lateness * 1000)
    decoders = SchemaDecoderCache(
        registry,
        topics.schema,
        [Output(topic, registered[topic]) for topic in settings.output_topics],
        subjects=[topic.subject for topic in topics.read],
        wait=stop.wait,
    )
    alert = topics.written[2].required_schema
    alerts = Alerts(topics.schema, alert, registered[settings.alerts_topic], limits[settings.alerts_topic])
    group = partial(clients.consumer, settings.consumer_group)
    reader = reader or PartitionReader(partial(group, enable_partition_eof=True))
    batched = {topic.name: topic.required_schema for topic in topics.read[1:]}
    unpack = {topic: BatchUnpacker(registry, schema) for topic, schema in batched.items()}
    restorer = InputRestorer(
        reader,
        decoders,
        partial(dead_offsets, TopicReader(group, stop), topics.dead_letters.name),
        progress,
        unpack,
    )
    written = (
        None
        if topics.state is None
        else WrittenStates.of(
            topics.state.name,
            topics.state.required_schema,
            registered[topics.state.name],
            registry=registry,
            reader=PartitionReader(partial(group, enable_partition_eof=True)),
            trim=trim or Trimmer(clients.admin),
            lateness_ms=lateness_ms,
            max_bytes=limits[topics.state.name],
            on_write=metrics.state_bytes.inc,
        )
    )
    keys = None
    if settings.input_keyed == "verify":
        count = partition_counts(clients.admin())[topics.input]
        keys = KeyVerifier(topics.input, count, partial(progress.degraded, "input-keys"))
    writers = {
        topic: RepartitionWriter(topic, BatchEncoder(schema, registered[topic].id), limits[topic])
        for topic, schema in batched.items()
    }

    def writer(kind: Callable[[str, Schema, int], T], topic: TopicContract | None) -> T | None:
        return None if topic is None else kind(topic.name, topic.required_schema, registered[topic.name].id)

    labels = None
    if topics.labels is not None:
        legit = registered[settings.legit_topic].id
        label_reader = LabelReader(registry, topics.labels.required_schema, topics.schema, legit)
        by_field = {field: (topic, writers[topic]) for field, topic in topics.stages.items() if topic in writers}
        labels = LabelRouter(topics.labels.name, label_reader, by_field)
    return DetectorHandler(
        versions=versions,
        decoders=decoders,
        partitions=PartitionStates(reader, restorer, metrics, lateness_ms, written=written),
        router=Router(
            decoders,
            alerts,
            Outputs(*settings.output_topics, settings.alerts_topic),
            limits,
            writers,
            log_transactions=settings.log_transactions,
        ),
        metrics=metrics,
        lateness_ms=lateness_ms,
        unpack=unpack,
        keys=keys,
        scores=writer(ScoreWriter, topics.scores),
        labels=labels,
        rules_log=writer(RulesLog, topics.rules),
        traces=BatchTraces(tracer, settings.consumer_group) if tracer else None,
    )
