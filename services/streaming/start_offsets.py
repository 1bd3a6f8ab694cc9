"""Start offsets of a group without committed ones: committed at start, and refused where results would be duplicated.

Offsets of a group without members expire (`offsets.retention.minutes`, 7 days by default), and a new name is a new
group. It would read the input from its beginning, though results exist: each message would get a second one.
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog
from confluent_kafka import Consumer, ConsumerGroupState, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

from services.errors import ContractError, Unavailable
from services.streaming.failures import raise_if_refused, reason
from services.streaming.positions import Partition
from services.streaming.restore_point import RestorePoint, Skipped

log = structlog.get_logger()

REQUEST_TIMEOUT = 10.0
MAX_ATTEMPTS = 5  # to commit offsets: another member that has joined meanwhile has committed them

CHOICES = (
    "START_FROM=end processes only new messages, START_FROM=<time> those written since then, "
    "START_FROM=beginning all of them (every message that has a result gets another one)"
)


@dataclass(frozen=True)
class StartFrom:
    """Start of a group without committed offsets.

    Attributes:
        since_ms: Least timestamp of the records, in milliseconds since the epoch; 0 for the beginning, None for the
            present end.
    """

    since_ms: int | None

    @classmethod
    def parse(cls, text: str) -> "StartFrom":
        """Read `beginning`, `end`, or a time: ISO 8601 (UTC by default), or milliseconds since the epoch.

        Raises:
            ValueError: The text is none of these.
        """
        if text in {"beginning", "end"}:
            return cls(0 if text == "beginning" else None)
        if text.isascii() and text.isdigit() and len(text) < 19:  # milliseconds that fit into 64 bits
            return cls(int(text))
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            raise ValueError(f"expected beginning, end, or a time such as 2026-01-31T12:00:00Z, not {text!r}") from None
        return cls(round((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000))


@dataclass(frozen=True)
class StartOffset:
    """Start of a partition: the offset, and the records before it that a restore skips.

    Attributes:
        offset: The first offset to read.
        skipped: Records that a restore skips; None for none.
        dead_letters: True where records before the offset may be in the dead-letter topic.
    """

    offset: int
    skipped: Skipped | None = None
    dead_letters: bool = True


def start_offset(*, of_input: bool, low: int, high: int, at_time: int, start_from: StartFrom) -> StartOffset:
    """Choose the start of a partition. Pure.

    This group, or its predecessor, wrote the records of a repartition topic. They are not read again: the group writes
    them again from the start of the input on, so a restore skips them.

    Args:
        of_input: True for a partition of the input topic, False for one of a repartition topic.
        low: The first offset of the partition.
        high: The offset after the last one.
        at_time: The first offset of a record that is as new as `start_from`.
        start_from: The chosen start.
    """
    skipped, offset = None, high
    if start_from.since_ms is not None and of_input:
        offset = at_time if start_from.since_ms else low
    elif start_from.since_ms is not None and high > low:
        skipped = Skipped(high, start_from.since_ms)
    return StartOffset(offset, skipped, dead_letters=offset > low)


class StartOffsets:
    """Check and initialisation of the committed offsets of a group, before a member joins.

    Args:
        make_consumer: Makes a consumer with a group's id at `read_uncommitted`, which returns committed offsets
            without waiting for open transactions.
        admin: Client of the cluster.
        group: Name of the group.
        input_topic: The topic to read.
        repartition_topics: Topics that the group writes and reads.
        output_topics: Topics for results.
        further_inputs: Further topics to read that the group does not write. Unlike the input, one of them may come
            later to a group that has results.
    """

    def __init__(
        self,
        make_consumer: Callable[[str], Consumer],
        admin: AdminClient,
        group: str,
        *,
        input_topic: str,
        repartition_topics: Sequence[str],
        output_topics: Sequence[str],
        further_inputs: Sequence[str] = (),
    ) -> None:
        self._make_consumer = make_consumer
        self._admin = admin
        self._group = group
        self._input = input_topic
        self._repartition = repartition_topics
        self._outputs = output_topics
        self._further = further_inputs

    def initialise(self, start_from: StartFrom | None) -> None:
        """Commit the start offsets of each topic without committed offsets.

        Args:
            start_from: The chosen start; None where none was chosen.

        Raises:
            ContractError: Results exist, and no start was chosen; or another group works on the same topics.
            Unavailable: The brokers don't answer.
            NotAuthorised: The brokers refuse access.
        """
        self._refuse_other_owners()
        consumer = self._make_consumer(self._group)
        try:
            self._initialise(consumer, start_from)
        except KafkaException as error:
            raise_if_refused(error)
            raise Unavailable(
                f"group {self._group}: its committed offsets can't be checked: {reason(error)}"
            ) from error
        finally:
            consumer.close()

    def _initialise(self, consumer: Consumer, start_from: StartFrom | None) -> None:
        for attempt in range(MAX_ATTEMPTS):
            # Checked first: a member that writes results commits offsets with them.
            results = self._with_records(consumer, [*self._outputs, *self._repartition])
            missing = self._without_offsets(consumer)
            if not missing:
                return
            known = [topic for topic in missing if topic not in self._further]
            repeated = self._with_records(consumer, known) if results else []
            if repeated and start_from is None:
                raise ContractError(
                    f"group {self._group} has no committed offsets of {', '.join(repeated)}, though results exist "
                    f"({', '.join(results)}): the offsets have expired, or CONSUMER_GROUP is another one; "
                    f"choose: {CHOICES}; or configure output and repartition topics of its own"
                )
            chosen = start_from or StartFrom(0)
            starts = {partition: start for topic in missing for partition, start in
                      self._starts(consumer, topic, chosen).items()}  # fmt: skip
            try:
                consumer.commit(offsets=[_committed(*partition, start) for partition, start in starts.items()],
                                asynchronous=False)  # fmt: skip
            except KafkaException as error:
                raise_if_refused(error)
                if attempt == MAX_ATTEMPTS - 1:
                    raise
                time.sleep(0.5 * (attempt + 1))  # another member commits them at this moment
            else:
                offsets = {f"{topic}-{number}": start.offset for (topic, number), start in starts.items()}
                log.info("start offsets committed", group=self._group, offsets=offsets)
                return

    def _without_offsets(self, consumer: Consumer) -> list[str]:
        """Return the topics of which the group has committed no offset."""
        topics = self._input, *self._further, *self._repartition
        partitions = [partition for topic in topics for partition in _partitions(consumer, topic)]
        answers = consumer.committed([TopicPartition(*partition) for partition in partitions], REQUEST_TIMEOUT)
        known = {answer.topic for answer in answers if answer.offset >= 0}
        return [topic for topic in topics if topic not in known]

    def _with_records(self, consumer: Consumer, topics: Iterable[str]) -> list[str]:
        """Return the topics that have records."""
        return [topic for topic in topics
                if any(low < high for low, high in _ends(consumer, _partitions(consumer, topic)).values())]  # fmt: skip

    def _starts(self, consumer: Consumer, topic: str, start_from: StartFrom) -> dict[Partition, StartOffset]:
        partitions = _partitions(consumer, topic)
        ends = _ends(consumer, partitions)
        at_time = {partition: high for partition, (_low, high) in ends.items()}
        if start_from.since_ms:
            times = [TopicPartition(*partition, start_from.since_ms) for partition in partitions]
            for answer in consumer.offsets_for_times(times, REQUEST_TIMEOUT):
                if answer.offset >= 0:
                    at_time[answer.topic, answer.partition] = answer.offset
        return {
            partition: start_offset(
                of_input=topic not in self._repartition,
                low=low,
                high=high,
                at_time=at_time[partition],
                start_from=start_from,
            )
            for partition, (low, high) in ends.items()
        }

    def _refuse_other_owners(self) -> None:
        """Check that no other group works on a repartition topic: both would process the records of each other.

        Raises:
            ContractError: A group with members has a restore point on one.
        """
        if not self._repartition:
            return
        try:
            groups = self._admin.list_consumer_groups(request_timeout=REQUEST_TIMEOUT).result().valid
            for group in groups or ():
                if group.group_id == self._group or group.state in {ConsumerGroupState.EMPTY, ConsumerGroupState.DEAD}:
                    continue
                for partition in self._committed_by(group.group_id):
                    # Only a group that processes the topic commits restore points; other consumers do not.
                    if RestorePoint.from_metadata(partition.metadata or ""):
                        raise ContractError(
                            f"repartition topic {partition.topic} belongs to group {group.group_id}, which is "
                            f"active: stop it, or configure other repartition and output topics for group {self._group}"
                        )
        except KafkaException as error:
            log.warning("other groups unknown: one of them may work on the same topics",
                        reason=reason(error))  # fmt: skip

    def _committed_by(self, group: str) -> Sequence[TopicPartition]:
        """Return the committed offsets of a group in the repartition topics.

        A consumer is asked: the admin client's call ends the process where the group's coordinator has moved
        (librdkafka 2.16: segmentation fault).
        """
        consumer = self._make_consumer(group)
        try:
            partitions = [TopicPartition(*partition) for topic in self._repartition
                          for partition in _partitions(consumer, topic)]  # fmt: skip
            return consumer.committed(partitions, REQUEST_TIMEOUT)
        finally:
            consumer.close()


def _partitions(consumer: Consumer, topic: str) -> list[Partition]:
    return [(topic, number) for number in sorted(consumer.list_topics(topic, REQUEST_TIMEOUT).topics[topic].partitions)]


def _ends(consumer: Consumer, partitions: Iterable[Partition]) -> Mapping[Partition, tuple[int, int]]:
    return {partition: consumer.get_watermark_offsets(TopicPartition(*partition), REQUEST_TIMEOUT)
            for partition in partitions}  # fmt: skip


def _committed(topic: str, number: int, start: StartOffset) -> TopicPartition:
    point = RestorePoint(0, 0, dead_letters=start.dead_letters, skipped=start.skipped)
    return TopicPartition(topic, number, start.offset, point.to_metadata())
