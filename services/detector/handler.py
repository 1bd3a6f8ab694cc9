"""The detector's handler: reads batches, evaluates them by the rules of their stage, and passes them on.

headers -> columns that the rules need -> will it fit? -> rules of this stage -> next stage, or legit | fraud
                                                              └─> alerts

Whatever is wrong with one record is found before its windows take it: a dead letter is in no window.
"""

import time
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from itertools import groupby
from operator import itemgetter

import numpy as np
import structlog
from confluent_kafka import Message

from services.detector.alerts import Found
from services.detector.decoded_batch import Batch, decode
from services.detector.headers import Incoming, Verdict, read_headers
from services.detector.key_verifier import KeyVerifier
from services.detector.metrics import DetectorMetrics
from services.detector.partition_state import bounded_event_times, requirements_of
from services.detector.partition_states import PartitionStates, Requirements
from services.detector.routing import EvaluatedBatch, Router
from services.detector.rule_versions import RuleVersions
from services.detector.schema_decoders import SchemaDecoders
from services.rules.model import EVENT_TIME, ID, Mode, fields_of
from services.rules.topology import Stage, Topology
from services.streaming.positions import Partition
from services.streaming.sink import Sink

log = structlog.get_logger()


class DetectorHandler:
    """Evaluates batches of transactions for the transactional loop.

    Args:
        versions: The rules: those that hold, and those that were before.
        decoders: How to read each schema id.
        partitions: The windows.
        router: Passes everything on.
        metrics: Counts verdicts once they are committed.
        lateness_ms: How late a transaction may come for its windows to be whole.
        keys: Checks how the input is keyed; None where that is trusted, or makes no difference.
    """

    def __init__(
        self,
        *,
        versions: RuleVersions,
        decoders: SchemaDecoders,
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
        self._lateness_ms = lateness_ms
        self._keys = keys
        self._counts: Counter[tuple[str, ...]] = Counter()
        self._newest_ms = 0
        self._adopt(versions.current)

    def assigned(self, partitions: Sequence[Partition]) -> None:
        """Their windows are restored before anything of them is handled."""
        self._partitions.assigned(partitions)

    def revoked(self, partitions: Sequence[Partition], *, lost: bool) -> None:
        """Let their windows go."""
        self._partitions.revoked(partitions, lost=lost)

    def unrestored(self) -> Collection[Partition]:
        """Return the partitions whose windows are not there yet."""
        return self._partitions.unrestored()

    def is_restored(self) -> bool:
        """Return whether the windows of all partitions are there, and no other rules are waiting."""
        return self._partitions.complete and not self._versions.waiting

    def restore(self, seconds: float, *, between_transactions: bool) -> None:
        """Restore the windows that the partitions and the rules need, then let new rules begin.

        Raises:
            RetryableError: brokers or registry can't be asked now.
        """
        coming = self._versions.next
        complete = self._partitions.restore(
            self._requirements(coming), seconds, between_transactions=between_transactions
        )
        if complete and between_transactions and coming is not self._versions.current:
            self._versions.begin(coming)
            self._adopt(coming)

    def offset_metadata(self, partition: Partition) -> str:
        """Return from where windows have to be restored by the next owner of the partition."""
        return self._partitions.offset_metadata(partition)

    def dead_lettered(self, partition: Partition, offset: int) -> None:
        """Note that the windows of a partition are without this record."""
        self._partitions.dead_lettered(partition, offset)

    def committed(self) -> None:
        """Count what is committed now."""
        self._metrics.count(self._counts)
        if self._newest_ms:
            self._metrics.latency.observe(max(0.0, time.time() - self._newest_ms / 1000))
        self._decoders.committed()
        self._partitions.commit()
        if self._versions.retire():
            self._partitions.keep_only(self._requirements(self._versions.current))
        self._forget()

    def aborted(self) -> None:
        """Undo what was evaluated since the last commit."""
        self._decoders.aborted()
        self._partitions.rollback()
        self._forget()

    def handle(self, messages: Sequence[Message], sink: Sink) -> None:
        """Pass each message on, or to the dead-letter topic; each topic keeps the order of reading.

        Raises:
            Unavailable: a schema id is new and the registry can't be asked about it now.
            PoisonRecords: what is wrong with a record was only found when its windows had taken it.
        """
        for number, part in self._by_stage(messages):
            incoming, failures = read_headers(part)
            for index, error in failures.items():
                sink.dead_letter(part[index], error)
            for topology, run, came in self._runs(number, incoming):
                self._handle_run(number, topology, run, came, sink)

    def _adopt(self, topology: Topology) -> None:
        self._numbers = {stage.topic: number for number, stage in enumerate(topology.stages)}
        self._fields = tuple(tuple(sorted(self._fields_of(stage))) for stage in topology.stages)
        self._metrics.rules(topology.version, len(topology.rules.rules))
        rules = topology.rules
        # The whole text: whoever meets the version in a header or an alert later finds here what it meant.
        log.info(
            "rules activated", version=topology.version, rules=[rule.name for rule in rules.rules],
            rule_versions={rule.name: rule.version for rule in rules.rules}, file=rules.source,
            constants={name: str(value) for name, value in rules.constants.items()}, text=rules.text,
        )  # fmt: skip

    def _fields_of(self, stage: Stage) -> set[str]:
        """Fields to decode of a stage's transactions, for every active version of the rules."""
        needed = {EVENT_TIME}
        for topology in self._versions.all:
            number = self._numbers[stage.topic]
            same = topology.stages[number]
            needed.update(fields_of(same.rules))
            if key := topology.key_after(number):
                needed.add(key)
            reported = [rule for rule in same.rules if rule.is_reported]
            needed.update((ID, *self._router.fields(reported)) if reported else ())
        return needed

    def _requirements(self, coming: Topology) -> Requirements:
        """By topic what must be kept for all versions of the rules that are in use."""
        topologies = self._versions.all
        topologies += [coming] if all(coming is not topology for topology in topologies) else []
        return {
            stage.topic: requirements_of(
                [rule for topology in topologies for rule in topology.stages[number].rules], self._lateness_ms
            )
            for number, stage in enumerate(coming.stages)
        }

    def _by_stage(self, messages: Sequence[Message]) -> Iterator[tuple[int, Sequence[Message]]]:
        topics = [message.topic() for message in messages]
        for number, stage in enumerate(self._versions.current.stages):
            count = topics.count(stage.topic)
            if count == len(topics):
                yield number, messages
                return
            if count:
                yield number, [message for message, topic in zip(messages, topics, strict=True) if topic == stage.topic]

    def _runs(self, number: int, incoming: Incoming) -> Iterator[tuple[Topology, Incoming, Sequence[Verdict] | None]]:
        """Messages that follow each other and go by the same rules: those that their first stage was judged by."""
        if not incoming.messages:
            return
        if number == 0:
            yield self._versions.current, incoming, None
            return
        came = incoming.runs.verdicts()
        begin = 0
        for version, run in groupby(came, itemgetter(0)):
            end = begin + len(list(run))
            topology = self._versions.of(version)
            if topology.version != version:
                self._counts["mixed",] += end - begin
            yield topology, incoming.part(begin, end), came[begin:end]
            begin = end

    def _handle_run(
        self, number: int, topology: Topology, incoming: Incoming, came: Sequence[Verdict] | None, sink: Sink
    ) -> None:
        stage, messages = topology.stages[number], incoming.messages
        values = [message.value() for message in messages]
        batch = decode(values, self._decoders.__getitem__, self._fields[number], incoming.runs.schema_ids())
        if len(batch.rows) and self._keys and number == 0 and stage.windowed:
            self._counts.update(self._keys.mismatches(stage.field, messages, batch))
        outgoing = self._router.outgoing(number, topology, incoming, values, batch)
        if outgoing.failures:
            batch = batch.without(outgoing.failures)
        if len(batch.rows):
            self._newest_ms = max(self._newest_ms, int(batch.columns[EVENT_TIME].max()))
        found = [*(self._simple(stage, batch) if len(batch.rows) else ()), *self._windowed(stage, messages, batch)]
        live = self._live(number, topology, found, batch, came)
        verdicts = self._router.route(EvaluatedBatch(number, topology, incoming, batch, outgoing, found, live), sink)
        reencoded = self._decoders.take_reencoded()
        self._counts["forwarded", "reencoded"] += reencoded
        self._counts["forwarded", "passthrough"] += len(batch.rows) - reencoded
        if verdicts is not None:
            self._counts["verdict", "fraud"] += verdicts.fraud
            self._counts["verdict", "legit"] += verdicts.legit
            self._counts["judged", topology.version] += verdicts.fraud + verdicts.legit

    def _simple(self, stage: Stage, batch: Batch) -> list[Found]:
        """What the rules about one transaction alone find."""
        found = []
        for rule in stage.simple:
            mask = rule.when.mask(batch.columns, len(batch.rows)) if rule.when else np.ones(len(batch.rows), np.bool_)
            found += [Found(position, rule, None) for position in np.flatnonzero(mask).tolist()]
        return found

    def _windowed(self, stage: Stage, messages: Sequence[Message], batch: Batch) -> list[Found]:
        """What the rules with windows find, partition by partition."""
        if not self._partitions.keeps(stage.topic):
            return []
        numbers = np.array([message.partition() for message in messages], np.int64)
        found: list[Found] = []
        good = [messages[row] for row in batch.rows.tolist()]
        times = bounded_event_times(batch.columns[EVENT_TIME], good) if good else None
        for one in np.unique(numbers).tolist():
            every, positions = np.flatnonzero(numbers == one), np.flatnonzero(numbers[batch.rows] == one)
            partition, newest = (stage.topic, one), None
            if times is not None and len(positions):
                columns = {name: column[positions] for name, column in batch.columns.items()}
                newest = int(columns[EVENT_TIME].max())
                evaluation = self._partitions.evaluate(partition, columns, times[positions], stage.windowed)
                found += [Found(int(positions[match.row]), match.rule, match) for match in evaluation.matches]
                self._counts["late", stage.topic] += evaluation.late
            first, last = messages[int(every[0])].offset(), messages[int(every[-1])].offset()
            self._partitions.note(partition, first or 0, (last or 0) + 1, newest)
        return found

    def _live(
        self, number: int, topology: Topology, found: Sequence[Found], batch: Batch, came: Sequence[Verdict] | None
    ) -> dict[int, list[str]]:
        """By message the names of the live rules that fired, in the order of the file; none are left out."""
        order = {rule.name: place for place, rule in enumerate(topology.rules.rules)}
        live = self._fired_before(number, topology, came or ())
        rows = batch.rows.tolist() if found else []
        for (name, mode), count in Counter([(one.rule.name, one.rule.mode) for one in found]).items():
            self._counts["fired", name, mode] += count
        for one in found:
            if one.rule.mode is Mode.LIVE:
                live.setdefault(rows[one.position], []).append(one.rule.name)
        for names in live.values():
            if len(names) > 1:
                names.sort(key=lambda name: order.get(name, -1))
        return live

    def _fired_before(self, number: int, topology: Topology, came: Sequence[Verdict]) -> dict[int, list[str]]:
        """By message the rules that its headers say have fired: only rules that an earlier stage evaluates."""
        fired = {row: names for row, (_version, names) in enumerate(came) if names}
        if not fired:
            return {}
        topologies = [topology] if came[0][0] == topology.version else self._versions.all
        known = frozenset[str]().union(*(one.live_before(number) for one in topologies))
        live: dict[int, list[str]] = {}
        for row, names in fired.items():
            kept = [name for name in names if name in known]
            self._counts["unknown_rules",] += len(names) - len(kept)
            if kept:
                live[row] = kept
        return live

    def _forget(self) -> None:
        self._counts.clear()
        self._newest_ms = 0
