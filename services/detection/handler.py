"""The detector's handler: evaluates each batch by the rules of its stage, and passes it on.

headers -> columns that the rules need -> will it fit? -> rules of this stage -> next stage, or legit | fraud
                                                              └─> alerts

Faults of a single record are found before it is added to windows: a dead letter is in no window.
"""

import time
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import partial

import numpy as np
import structlog
from confluent_kafka import Message
from numpy.typing import NDArray

from services.detection.decoded_batch import DecodedBatch, decode_batch
from services.detection.evaluated_batch import EvaluatedBatch
from services.detection.incoming import Incoming, Records, runs_of_labels
from services.detection.key_verifier import KeyVerifier
from services.detection.labels import LabelRouter
from services.detection.metrics import DetectorMetrics
from services.detection.model_watch import ModelWatch
from services.detection.partition_states import PartitionStates
from services.detection.record_reading import UnpackBatch, read_batches, read_records
from services.detection.routing import Router
from services.detection.row_search import RowSearch
from services.detection.rule_activation import RuleActivation
from services.detection.rule_versions import RuleVersions
from services.detection.rules_log import RulesLog
from services.detection.schema_decoder_cache import SchemaDecoderCache
from services.detection.scores import ScoreWriter
from services.detection.stage_evaluation import add_labels, evaluate_stage
from services.detection.traces import BatchTraces
from services.detection.transaction_batch import Matched
from services.rules.model import EVENT_TIME, Mode
from services.rules.rule_match import RuleMatches
from services.rules.topology import Stage, Topology
from services.streaming.poison_search import PoisonRecords
from services.streaming.positions import Partition, RecordPosition, is_row, position_of
from services.streaming.sink import Sink

log = structlog.get_logger()


class DetectorHandler:
    """Evaluates batches of transactions for the transactional loop.

    Args:
        versions: The versions of the rules.
        decoders: The decoders of all schema ids.
        partitions: The windows of all partitions.
        router: Passes transactions on.
        metrics: Counts verdicts once they are committed.
        lateness_ms: Allowed lateness: windows are whole for a transaction up to it.
        unpack: By repartition topic what returns the batch in a record.
        keys: Checks how the input is keyed; None where that is trusted, or makes no difference.
        scores: Writes the scores of models; None where they are not asked for.
        labels: Passes labels on to the topics of later stages; None where none are read.
        rules_log: Writes the texts of the rules' versions; None where they are not asked for.
        traces: Traces sampled transactions; None where traces are off.
    """

    def __init__(
        self,
        *,
        versions: RuleVersions,
        decoders: SchemaDecoderCache,
        partitions: PartitionStates,
        router: Router,
        metrics: DetectorMetrics,
        lateness_ms: int,
        unpack: Mapping[str, UnpackBatch],
        keys: KeyVerifier | None = None,
        scores: ScoreWriter | None = None,
        labels: LabelRouter | None = None,
        rules_log: RulesLog | None = None,
        traces: BatchTraces | None = None,
    ) -> None:
        self._versions = versions
        self._decoders = decoders
        self._partitions = partitions
        self._router = router
        self._metrics = metrics
        self._keys = keys
        self._scores = scores
        self._labels = labels
        self._rules_log = rules_log
        self._traces = traces
        self._unpack = unpack
        self._row_search = RowSearch()
        self._counts: Counter[tuple[str, ...]] = Counter()
        self._newest_ms = 0
        self._watch = ModelWatch(metrics)
        self._activation = RuleActivation(versions, metrics, router.fields, lateness_ms)

    def assigned(self, partitions: Sequence[Partition]) -> None:
        """Take partitions over: their windows are restored before their messages are handled."""
        self._partitions.assigned(self._of_stages(partitions))

    def revoked(self, partitions: Sequence[Partition], *, lost: bool) -> None:
        """Drop the windows of partitions."""
        self._partitions.revoked(self._of_stages(partitions), lost=lost)
        self._row_search.revoked(partitions)

    def unrestored(self) -> Collection[Partition]:
        """Return the partitions whose windows are not restored yet."""
        return self._partitions.unrestored()

    def is_restored(self) -> bool:
        """Return whether the windows of all partitions are restored, and no version of the rules is pending."""
        return self._partitions.complete and not self._versions.is_pending

    def restore(self, seconds: float, *, between_transactions: bool) -> None:
        """Restore the windows that the partitions and the rules need, then activate a pending version of the rules.

        Raises:
            RetryableError: Brokers or registry can't be asked now.
        """
        proposed = self._versions.proposed
        complete = self._partitions.restore(
            self._activation.requirements(proposed), seconds, between_transactions=between_transactions
        )
        if complete and between_transactions and proposed is not self._versions.current:
            self._activation.activate(proposed)

    def offset_metadata(self, partition: Partition) -> str:
        """Return the restore point of a partition, to be committed with its offset."""
        return self._partitions.offset_metadata(partition)

    def write_state(self, sink: Sink, offsets: Mapping[Partition, int]) -> None:
        """Write what windows keep, in the transaction that commits the offsets it belongs to."""
        self._partitions.write(sink, offsets)

    def dead_lettered(self, partition: Partition, offset: int) -> None:
        """Note that the windows of a partition are without this record."""
        self._partitions.dead_lettered(partition, offset)

    def committed(self) -> None:
        """Count what is committed now, and keep the windows' changes."""
        self._metrics.count(self._counts)
        self._watch.show(self._versions.current.rules.models)
        if self._newest_ms:
            self._metrics.latency.observe(max(0.0, time.time() - self._newest_ms / 1000))
        self._decoders.committed()
        self._partitions.commit()
        self._row_search.committed()
        if self._rules_log:
            self._rules_log.committed()
        if self._traces:
            self._traces.committed()
        if self._versions.retire():
            self._partitions.keep_only(self._activation.requirements(self._versions.current))
        self._reset_counts()

    def aborted(self) -> None:
        """Undo what was evaluated since the last commit."""
        self._decoders.aborted()
        self._partitions.rollback()
        self._row_search.aborted()
        if self._rules_log:
            self._rules_log.aborted()
        if self._traces:
            self._traces.aborted()
        self._reset_counts()

    def search_inside(self, position: RecordPosition) -> bool:
        """Search for the poison row of a batch that failed alone; return False where the record itself is poison."""
        return self._row_search.begin(position)

    def handle(self, messages: Sequence[Message], sink: Sink) -> int:
        """Pass each transaction on, or to the dead-letter topic; each topic keeps the order of reading.

        Returns:
            The number of transactions.

        Raises:
            Unavailable: A schema id is new and the registry can't be asked about it now.
            PoisonRecords: A fault of a record was only found when its windows had it.
        """
        if self._rules_log:
            self._rules_log.write(self._versions.current.rules, sink)
        try:
            labels, messages = self._split_labels(messages)
            handled = len(labels)
            if labels and self._labels:
                passed_on, unjoined = self._labels.route(labels, self._versions.current.version, sink)
                self._counts["labels", "passed_on"] += passed_on
                self._counts["labels", "without_transaction"] += unjoined
            return handled + sum(self._handle_stage(stage, part, sink) for stage, part in self._by_stage(messages))
        except PoisonRecords as error:
            rows = {position: cause for position, cause in error.errors.items() if is_row(position)}
            if not rows:
                raise
            self._row_search.mark(rows)
            records = {position: cause for position, cause in error.errors.items() if position not in rows}
            raise PoisonRecords(records) from error

    def _of_stages(self, partitions: Sequence[Partition]) -> Sequence[Partition]:
        """Return partitions without those of the topic of labels, which has no windows."""
        labels = self._labels
        return partitions if labels is None else [each for each in partitions if each[0] != labels.topic]

    def _split_labels(self, messages: Sequence[Message]) -> tuple[Sequence[Message], Sequence[Message]]:
        """Return the records of the topic of labels, and the others."""
        if self._labels is None:
            return (), messages
        topic = self._labels.topic
        labels = [message for message in messages if message.topic() == topic]
        return labels, [message for message in messages if message.topic() != topic] if labels else messages

    def _by_stage(self, messages: Sequence[Message]) -> Iterator[tuple[Stage, Sequence[Message]]]:
        topics = list(map(Message.topic, messages))
        for stage in self._versions.current.stages:
            count = topics.count(stage.topic)
            if count == len(topics):
                yield stage, messages
                return
            if count:
                yield stage, [message for message, topic in zip(messages, topics, strict=True) if topic == stage.topic]

    def _handle_stage(self, stage: Stage, messages: Sequence[Message], sink: Sink) -> int:
        """Handle the records of a stage; return the number of transactions."""
        if stage.is_first:
            records, failures = read_records(messages)
            incoming: Incoming = records
        else:
            if self._row_search.active and len(messages) > 1:
                return sum(self._handle_stage(stage, [message], sink) for message in messages)
            incoming, failures = rows, _ = read_batches(stage.topic, messages, self._unpack[stage.topic])
            for position, length in rows.batches.items():
                self._row_search.handled(position, length)
        for index, error in failures.items():
            sink.write_dead_letter(messages[index], error)
        if self._row_search.active and not stage.is_first:
            self._row_search.handle(position_of(messages[0]), rows, sink, partial(self._handle_rows, stage, sink=sink))
        else:
            self._handle_rows(stage, incoming, sink)
        return len(incoming) + len(failures)

    def _handle_rows(self, stage: Stage, incoming: Incoming, sink: Sink) -> None:
        for topology, run, version in self._runs(stage, incoming):
            for part, labels in runs_of_labels(run):
                if labels is None:
                    self._handle_run(topology, topology.stage_of(stage.topic), part, version, sink)
                else:
                    self._add_labels(topology.stage_of(stage.topic), part, labels, sink)

    def _add_labels(self, stage: Stage, incoming: Incoming, labels: NDArray[np.int8], sink: Sink) -> None:
        """Add labels to the windows of a stage; one whose transaction can't be decoded becomes a dead letter."""
        fields = self._activation.fields[stage.topic]
        batch = decode_batch(incoming.values, self._decoders.decoder_of, fields, incoming.runs.schema_ids())
        for row, error in sorted(batch.failures.items()):
            incoming.write_dead_letter(sink, row, error)
        add_labels(stage, incoming, batch, labels, self._partitions)

    def _runs(self, stage: Stage, incoming: Incoming) -> Iterator[tuple[Topology, Incoming, str]]:
        """Yield consecutive transactions with the version of the rules that evaluated them in the first stage."""
        if not len(incoming):
            return
        if stage.is_first:
            yield self._versions.current, incoming, ""
            return
        begin = 0
        for version, length in incoming.versions():
            topology = self._versions.get(version)
            if topology.version != version:
                self._counts["mixed",] += length
            yield topology, incoming.part(begin, begin + length), version
            begin += length

    def _handle_run(self, topology: Topology, stage: Stage, incoming: Incoming, version: str, sink: Sink) -> None:
        values, started_ns = incoming.values, time.time_ns()
        batch = decode_batch(
            values, self._decoders.decoder_of, self._activation.fields[stage.topic], incoming.runs.schema_ids()
        )
        if len(batch.rows) and self._keys and stage.aggregations and isinstance(incoming, Records):
            self._counts.update(self._keys.mismatches(stage.field, incoming.messages, batch))
        outgoing = self._router.outgoing(topology, stage, incoming, batch)
        if outgoing.failures:
            batch = batch.without(outgoing.failures)
        if len(batch.rows):
            self._newest_ms = max(self._newest_ms, int(batch.columns[EVENT_TIME].max()))
        results = evaluate_stage(stage, incoming, batch, self._partitions)
        if results.late:
            self._counts["late", stage.topic] += results.late
        if topology.rules.models and stage.next is None and len(batch.rows):
            self._counts.update(dict(self._watch.note(topology.rules.models, results.features)))
            if self._scores:
                self._scores.write(topology, batch, results.features, outgoing.keys, sink)
        earlier = {} if stage.is_first else self._matched_earlier(topology, stage, incoming.matched(), version)
        live = self._live(topology, results.matches, batch, earlier)
        carried = {name: results.features[name] for name in stage.carried}
        traced = self._traces.evaluated(stage.topic, incoming, batch, live, started_ns) if self._traces else {}
        evaluated = EvaluatedBatch(topology, stage, incoming, batch, outgoing, results.matches, live, carried, traced)
        verdicts = self._router.route(evaluated, sink)
        reencoded = self._decoders.take_reencoded()
        self._counts["forwarded", "reencoded"] += reencoded
        self._counts["forwarded", "passthrough"] += len(batch.rows) - reencoded
        if verdicts is not None:
            self._counts["verdict", "fraud"] += verdicts.fraud
            self._counts["verdict", "legit"] += verdicts.legit
            self._counts["evaluated", topology.version] += verdicts.fraud + verdicts.legit

    def _live(
        self, topology: Topology, matches: Sequence[RuleMatches], batch: DecodedBatch, live: dict[int, list[str]]
    ) -> dict[int, list[str]]:
        """Add the matches of live rules to those of earlier stages: names by row, in the order of the file."""
        order = {rule.name: place for place, rule in enumerate(topology.rules.rules)}
        for of_rule in matches:
            name, mode = of_rule.rule.name, of_rule.rule.mode
            self._counts["matched", name, mode] += len(of_rule)
            if mode is Mode.LIVE:
                for message in batch.rows[of_rule.rows].tolist():
                    live.setdefault(message, []).append(name)
        for names in live.values():
            if len(names) > 1:
                names.sort(key=lambda name: order.get(name, -1))
        return live

    def _matched_earlier(
        self, topology: Topology, stage: Stage, matched: Matched, version: str
    ) -> dict[int, list[str]]:
        """Return by row the rules that are said to have matched before, as far as an earlier stage evaluates them."""
        if not matched:
            return {}
        topologies = [topology] if version == topology.version else self._versions.in_use
        known = frozenset[str]().union(*(used.stage_of(stage.topic).live_before for used in topologies))
        of_names = {names: [name for name in names if name in known] for names in set(matched.values())}
        self._counts["unknown_rules",] += sum(len(names) - len(of_names[names]) for names in matched.values())
        return {row: own.copy() for row, names in matched.items() if (own := of_names[names])}

    def _reset_counts(self) -> None:
        self._counts.clear()
        self._newest_ms = 0
