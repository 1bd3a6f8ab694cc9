"""The logs of stages as detectors read them: transactions and labels, partition by partition, in columns."""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from confluent_kafka import Consumer, KafkaException, Message, TopicPartition

from services.contracts import Registry, Schema, SchemaId
from services.detection.batch_unpacker import BatchUnpacker
from services.detection.decoded_batch import DecodedBatch, decode_batch, label_columns
from services.detection.incoming import Incoming, runs_of_labels
from services.detection.partition_state import bounded_event_times
from services.detection.record_reading import read_batches, read_records
from services.detection.schema_decoder import SchemaDecoder
from services.errors import ContractError, PoisonError, Unavailable
from services.rules.explanation import LogPart
from services.rules.model import EVENT_TIME, ID, Columns, feature_column
from services.rules.topology import Stage
from services.streaming.dead_offsets import dead_offsets
from services.streaming.failures import raise_if_refused, reason
from services.streaming.partition_reader import REQUEST_TIMEOUT, PartitionReader
from services.streaming.positions import MessagePosition, Partition
from services.streaming.topic_reader import TopicReader


@dataclass(frozen=True)
class ReadPart:
    """Rows of a stage's log with their positions.

    Attributes:
        part: The rows.
        positions: The position of each.
    """

    part: LogPart
    positions: Sequence[MessagePosition]


@dataclass
class StageLogs:
    """Reads the topics of stages.

    Args:
        make_consumer: Makes a consumer that reads committed records, with further properties.
        registry: Asked about schemas.
        schema: The schema to read transactions as.
        dead_letter_topic: Records that have a dead letter are in no window.
    """

    make_consumer: Callable[..., Consumer]
    registry: Registry
    schema: Schema
    dead_letter_topic: str
    _decoders: dict[SchemaId, SchemaDecoder] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        self._unpack = BatchUnpacker(self.registry)

    def partitions(self, topic: str) -> int:
        """Return the number of partitions of a topic.

        Raises:
            ContractError: There is no such topic.
            Unavailable: The brokers don't answer.
        """
        consumer = self.make_consumer()
        try:
            metadata = consumer.list_topics(topic, REQUEST_TIMEOUT).topics[topic]
        except KafkaException as error:
            raise_if_refused(error)
            raise Unavailable(f"{topic}: the brokers don't answer: {reason(error)}") from error
        finally:
            consumer.close()
        if metadata.error is not None:
            raise ContractError(f"topic {topic} does not exist: run scripts/create-topics")
        return len(metadata.partitions)

    def ranges(self, topic: str, numbers: Collection[int], since_ms: int = 0) -> dict[Partition, tuple[int, int]]:
        """Return for partitions the first offset whose timestamp is no earlier than a time, and the end.

        Raises:
            Unavailable: The brokers don't answer.
        """
        consumer = self.make_consumer()
        try:
            bounds = {
                number: consumer.get_watermark_offsets(TopicPartition(topic, number), REQUEST_TIMEOUT)
                for number in numbers
            }
            times = [TopicPartition(topic, number, max(since_ms, 0)) for number in numbers]
            answers = consumer.offsets_for_times(times, REQUEST_TIMEOUT) if since_ms > 0 else []
        except KafkaException as error:
            raise_if_refused(error)
            raise Unavailable(f"{topic}: the brokers don't answer: {reason(error)}") from error
        finally:
            consumer.close()
        starts = {answer.partition: answer.offset for answer in answers}
        return {
            (topic, number): (max(low, high if starts.get(number, low) < 0 else starts.get(number, low)), high)
            for number, (low, high) in bounds.items()
        }

    def messages(self, ranges: dict[Partition, tuple[int, int]]) -> Iterator[list[Message]]:
        """Yield the messages of offset ranges, of each partition in its order, in batches."""
        reader = PartitionReader(partial(self.make_consumer, enable_partition_eof=True))
        try:
            for chunk in reader.chunks(ranges):
                yield list(chunk.messages)
        finally:
            reader.close()

    def read(
        self, stage: Stage, number: int, fields: Collection[str], since_ms: int = 0, *, skip_dead: bool = True
    ) -> Iterator[ReadPart]:
        """Yield the rows of a partition of a stage's topic, each with the watermark of the partition.

        Args:
            stage: The stage.
            number: The partition.
            fields: The fields to decode, besides the id and the event time.
            since_ms: Timestamp of the first record to read, in milliseconds since the epoch.
            skip_dead: Whether rows that have a dead letter are left out; all of the dead-letter topic is read for it.

        Raises:
            Unavailable: Brokers or registry don't answer.
        """
        ranges = self.ranges(stage.topic, [number], since_ms)
        dead: Collection[MessagePosition] = ()
        if skip_dead:
            dead = dead_offsets(TopicReader(self.make_consumer), self.dead_letter_topic, ranges)[stage.topic, number]
        watermark = np.iinfo(np.int64).min
        names = tuple(sorted({*fields, ID, EVENT_TIME}))
        for messages in self.messages(ranges):
            for incoming, labels in runs_of_labels(self._incoming(stage, messages)) if messages else ():
                batch = self._decoded(incoming, names, dead)
                positions = [incoming.position(row) for row in batch.rows.tolist()]
                if not positions:
                    continue
                timestamps = incoming.timestamps[batch.rows]
                if labels is not None:
                    part = LogPart(label_columns(batch, labels), len(positions), arrived=timestamps)
                else:
                    times = bounded_event_times(batch.columns[EVENT_TIME], timestamps)
                    watermarks = np.maximum(np.maximum.accumulate(times), watermark)
                    watermark = int(watermarks[-1])
                    part = LogPart(_with_features(batch, incoming, stage), len(positions), watermarks)
                yield ReadPart(part, positions)

    def _decoded(self, incoming: Incoming, names: Sequence[str], dead: Collection[MessagePosition]) -> DecodedBatch:
        """Decode transactions that are no dead letters."""
        batch = decode_batch(incoming.values, self._decoder, names, incoming.runs.schema_ids())
        if not dead:
            return batch
        error = PoisonError("a dead letter")
        return batch.without({row: error for row in batch.rows.tolist() if incoming.position(row) in dead})

    def _incoming(self, stage: Stage, messages: Sequence[Message]) -> Incoming:
        if stage.is_first:
            return read_records(messages)[0]
        return read_batches(stage.topic, messages, self._unpack)[0]

    def _decoder(self, schema_id: SchemaId) -> SchemaDecoder:
        if schema_id not in self._decoders:
            try:
                written = self.registry.schema_of(schema_id)
            except ContractError as error:
                raise PoisonError(str(error)) from error
            self._decoders[schema_id] = SchemaDecoder.of(schema_id, written, (), self.schema, ())
        return self._decoders[schema_id]


def _with_features(batch: DecodedBatch, incoming: Incoming, stage: Stage) -> Columns:
    """Return the decoded columns, and the features that stages before passed on."""
    received = [name for name in stage.received if name in incoming.features]
    return {**batch.columns, **{feature_column(name): incoming.features[name][batch.rows] for name in received}}


def rows_of_key(part: LogPart, name: str, value: object) -> LogPart:
    """Return the rows whose field has a value."""
    return part.take(np.flatnonzero(part.columns[name] == value))
