"""Recomputes features from the logs of all stages, exactly as detectors computed them.

A stage sees transactions, and labels among them, in the order of its own topic. So a recomputation reads each topic
partition by partition, and joins what it found by the transactions' ids.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field

import numpy as np
from confluent_kafka import Consumer, Message

from services.contracts import Registry, Schema, SchemaId
from services.detection.batch_unpacker import BatchUnpacker
from services.detection.decoded_batch import decode_batch, label_columns
from services.detection.incoming import Incoming, runs_of_labels
from services.detection.partition_state import bounded_event_times
from services.detection.record_reading import read_batches, read_records
from services.detection.schema_decoder import SchemaDecoder
from services.errors import ContractError, PoisonError
from services.rules.model import EVENT_TIME, ID, feature_column
from services.rules.state_requirements import requirements_of
from services.rules.topology import Stage, Topology
from services.rules.windows import WindowState
from tools.topics.reader import TopicReader, offset_bounds

Key = tuple[bytes, int]
"""A transaction: its id, and how often that id came before in the log of a partition."""


@dataclass
class StageLogs:
    """Reads the topics of stages.

    Args:
        make_consumer: Makes a consumer with `enable.partition.eof` that reads committed records.
        registry: Asked about schemas.
        schema: The schema to read transactions as.
        lateness_ms: The detectors' allowed lateness.
    """

    make_consumer: Callable[[], Consumer]
    registry: Registry
    schema: Schema
    lateness_ms: int
    _decoders: dict[SchemaId, SchemaDecoder] = field(default_factory=dict, init=False)

    def features(self, topology: Topology) -> dict[str, dict[Key, float]]:
        """Return the features of a topology by name, for each transaction that came through the stage that computes it.

        Raises:
            Unavailable: Brokers or registry don't answer.
        """
        known: dict[str, dict[Key, float]] = defaultdict(dict)
        for stage in topology.stages:
            if stage.features:
                for partition in range(self._partitions(stage.topic)):
                    self._partition(stage, partition, known)
        return known

    def _partitions(self, topic: str) -> int:
        with closing(self.make_consumer()) as consumer:
            return len(consumer.list_topics(topic, 10).topics[topic].partitions)

    def _partition(self, stage: Stage, number: int, known: dict[str, dict[Key, float]]) -> None:
        state = WindowState(lateness_ms=self.lateness_ms, contributors=0)
        state.require(requirements_of((), self.lateness_ms, stage.features).aggregations)
        seen: dict[bytes, int] = defaultdict(int)
        fields = tuple(sorted(stage.fields | {ID, EVENT_TIME}))
        for messages in self._messages(stage.topic, number):
            for incoming, labels in runs_of_labels(self._incoming(stage, messages)):
                batch = decode_batch(incoming.values, self._decoder, fields, incoming.runs.schema_ids())
                if not len(batch.rows):
                    continue
                if labels is not None:
                    arrived = incoming.timestamps[batch.rows]
                    state.add_labels(label_columns(batch, labels), len(arrived), arrived)
                    state.commit()
                    continue
                keys = []
                for identity in batch.columns[ID].tolist():
                    keys.append((identity, seen[identity]))
                    seen[identity] += 1
                received = {
                    feature_column(name): np.array([known[name].get(key, np.nan) for key in keys])
                    for name in stage.received
                }
                times = bounded_event_times(batch.columns[EVENT_TIME], incoming.timestamps[batch.rows])
                columns = {**batch.columns, **received}
                evaluation = state.evaluate(columns, len(keys), (), clock=times, features=stage.features)
                state.commit()
                for name, values in evaluation.features.items():
                    known[name].update(zip(keys, values.tolist(), strict=True))

    def _messages(self, topic: str, number: int) -> Iterator[list[Message]]:
        with closing(self.make_consumer()) as consumer:
            starts, _ = offset_bounds(consumer, [(topic, number)])
            yield from filter(None, TopicReader(consumer, starts).batches())

    def _incoming(self, stage: Stage, messages: Sequence[Message]) -> Incoming:
        if stage.is_first:
            return read_records(messages)[0]
        return read_batches(stage.topic, messages, BatchUnpacker(self.registry))[0]

    def _decoder(self, schema_id: SchemaId) -> SchemaDecoder:
        if schema_id not in self._decoders:
            try:
                written = self.registry.schema_of(schema_id)
            except ContractError as error:
                raise PoisonError(str(error)) from error
            self._decoders[schema_id] = SchemaDecoder.of(schema_id, written, (), self.schema, ())
        return self._decoders[schema_id]
