"""The detector's handler: evaluates each batch by the rules of its stage, and passes it on.

headers -> columns that the rules need -> will it fit? -> rules of this stage -> next stage, or legit | fraud
                                                              └─> alerts

Faults of a single record are found before it is added to windows: a dead letter is in no window.
"""

import time
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import groupby
from operator import itemgetter

import numpy as np
import structlog
from confluent_kafka import Message

from services.detector.decoded_batch import DecodedBatch, decode_batch
from services.detector.headers import Incoming, Verdict, read_headers
from services.detector.key_verifier import KeyVerifier
from services.detector.metrics import DetectorMetrics
from services.detector.partition_state import bounded_event_times
from services.detector.partition_states import PartitionStates
from services.detector.routing import EvaluatedBatch, Router
from services.detector.rule_activation import RuleActivation
from services.detector.rule_versions import RuleVersions
from services.detector.schema_decoder_cache import SchemaDecoderCache
from services.rules.model import EVENT_TIME, Mode
from services.rules.rule_match import RuleMatches, match_conditions
from services.rules.topology import Stage, Topology
from services.streaming.positions import Partition
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
        keys: Checks how the input is keyed; None where that is trusted, or makes no difference.
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
        keys: KeyVerifier | None = None,
    ) -> None:
        self._versions = versions
        self._decoders = decoders
        self._partitions = partitions
        self._router = router
        self._metrics = metrics
        self._keys = keys
        self._counts: Counter[tuple[str, ...]] = Counter()
        self._newest_ms = 0
        self._activation = RuleActivation(versions, metrics, router.fields, lateness_ms)

    def assigned(self, partitions: Sequence[Partition]) -> None:
        """Take partitions over: their windows are restored before their messages are handled."""
        self._partitions.assigned(partitions)

    def revoked(self, partitions: Sequence[Partition], *, lost: bool) -> None:
        """Drop the windows of partitions."""
        self._partitions.revoked(partitions, lost=lost)

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
        if self._newest_ms:
            self._metrics.latency.observe(max(0.0, time.time() - self._newest_ms / 1000))
        self._decoders.committed()
        self._partitions.commit()
        if self._versions.retire():
            self._partitions.keep_only(self._activation.requirements(self._versions.current))
        self._reset_counts()

    def aborted(self) -> None:
        """Undo what was evaluated since the last commit."""
        self._decoders.aborted()
        self._partitions.rollback()
        self._reset_counts()

    def handle(self, messages: Sequence[Message], sink: Sink) -> None:
        """Pass each message on, or to the dead-letter topic; each topic keeps the order of reading.

        Raises:
            Unavailable: A schema id is new and the registry can't be asked about it now.
            PoisonRecords: A fault of a record was only found when its windows had it.
        """
        for stage, part in self._by_stage(messages):
            incoming, failures = read_headers(part)
            for index, error in failures.items():
                sink.write_dead_letter(part[index], error)
            for topology, run, earlier in self._runs(stage, incoming):
                self._handle_run(topology, topology.stage_of(stage.topic), run, earlier, sink)

    def _by_stage(self, messages: Sequence[Message]) -> Iterator[tuple[Stage, Sequence[Message]]]:
        topics = [message.topic() for message in messages]
        for stage in self._versions.current.stages:
            count = topics.count(stage.topic)
            if count == len(topics):
                yield stage, messages
                return
            if count:
                yield stage, [message for message, topic in zip(messages, topics, strict=True) if topic == stage.topic]

    def _runs(self, stage: Stage, incoming: Incoming) -> Iterator[tuple[Topology, Incoming, Sequence[Verdict]]]:
        """Yield consecutive messages with the version of the rules that evaluated them in the first stage."""
        if not incoming.messages:
            return
        if stage.is_first:
            yield self._versions.current, incoming, ()
            return
        earlier = incoming.runs.verdicts()
        begin = 0
        for version, run in groupby(earlier, itemgetter(0)):
            end = begin + len(list(run))
            topology = self._versions.get(version)
            if topology.version != version:
                self._counts["mixed",] += end - begin
            yield topology, incoming.part(begin, end), earlier[begin:end]
            begin = end

    def _handle_run(
        self, topology: Topology, stage: Stage, incoming: Incoming, earlier: Sequence[Verdict], sink: Sink
    ) -> None:
        messages = incoming.messages
        values = [message.value() for message in messages]
        batch = decode_batch(
            values, self._decoders.decoder_of, self._activation.fields[stage.topic], incoming.runs.schema_ids()
        )
        if len(batch.rows) and self._keys and stage.is_first and stage.windowed:
            self._counts.update(self._keys.mismatches(stage.field, messages, batch))
        outgoing = self._router.outgoing(topology, stage, incoming, values, batch)
        if outgoing.failures:
            batch = batch.without(outgoing.failures)
        matches: list[RuleMatches] = []
        if len(batch.rows):
            self._newest_ms = max(self._newest_ms, int(batch.columns[EVENT_TIME].max()))
            matches = match_conditions(stage.simple, batch.columns, len(batch.rows))
        matches += self._match_windows(stage, messages, batch)
        live = self._live(topology, stage, matches, batch, earlier)
        verdicts = self._router.route(EvaluatedBatch(topology, stage, incoming, batch, outgoing, matches, live), sink)
        reencoded = self._decoders.take_reencoded()
        self._counts["forwarded", "reencoded"] += reencoded
        self._counts["forwarded", "passthrough"] += len(batch.rows) - reencoded
        if verdicts is not None:
            self._counts["verdict", "fraud"] += verdicts.fraud
            self._counts["verdict", "legit"] += verdicts.legit
            self._counts["evaluated", topology.version] += verdicts.fraud + verdicts.legit

    def _match_windows(self, stage: Stage, messages: Sequence[Message], batch: DecodedBatch) -> list[RuleMatches]:
        """Return the matches of rules with windows, evaluated partition by partition."""
        if not self._partitions.keeps(stage.topic):
            return []
        numbers = np.array([message.partition() for message in messages], np.int64)
        matches: list[RuleMatches] = []
        decoded = [messages[row] for row in batch.rows.tolist()]
        times = bounded_event_times(batch.columns[EVENT_TIME], decoded) if decoded else None
        for number in np.unique(numbers).tolist():
            read, rows = np.flatnonzero(numbers == number), np.flatnonzero(numbers[batch.rows] == number)
            partition, newest = (stage.topic, number), None
            if times is not None and len(rows):
                columns = {name: column[rows] for name, column in batch.columns.items()}
                newest = int(columns[EVENT_TIME].max())
                evaluation = self._partitions.evaluate(partition, columns, times[rows], stage.windowed)
                matches += [of_rule.in_batch(rows) for of_rule in evaluation.by_rule]
                self._counts["late", stage.topic] += evaluation.late
            first, last = messages[int(read[0])].offset(), messages[int(read[-1])].offset()
            self._partitions.note(partition, first or 0, (last or 0) + 1, newest)
        return matches

    def _live(
        self,
        topology: Topology,
        stage: Stage,
        matches: Sequence[RuleMatches],
        batch: DecodedBatch,
        earlier: Sequence[Verdict],
    ) -> dict[int, list[str]]:
        """Return by message the names of the live rules that match it, in the order of the file."""
        order = {rule.name: place for place, rule in enumerate(topology.rules.rules)}
        live = self._matched_earlier(topology, stage, earlier)
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

    def _matched_earlier(self, topology: Topology, stage: Stage, earlier: Sequence[Verdict]) -> dict[int, list[str]]:
        """Return by message the rules in its headers, as far as an earlier stage evaluates them."""
        matched = {row: names for row, (_version, names) in enumerate(earlier) if names}
        if not matched:
            return {}
        topologies = [topology] if earlier[0][0] == topology.version else self._versions.in_use
        known = frozenset[str]().union(*(version.stage_of(stage.topic).live_before for version in topologies))
        live: dict[int, list[str]] = {}
        for row, names in matched.items():
            known_names = [name for name in names if name in known]
            self._counts["unknown_rules",] += len(names) - len(known_names)
            if known_names:
                live[row] = known_names
        return live

    def _reset_counts(self) -> None:
        self._counts.clear()
        self._newest_ms = 0
