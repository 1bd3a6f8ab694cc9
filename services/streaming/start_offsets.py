"""Where a group begins that has no committed offsets: claimed at start, and refused where it would do work twice.

Offsets of a group without members expire (`offsets.retention.minutes`, 7 days by default), and a new name is a new
group. The input is then read from its beginning, though verdicts on it exist: each transaction would get a second one.
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog
from confluent_kafka import Consumer, ConsumerGroupState, ConsumerGroupTopicPartitions, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

from services.errors import ContractError, Unavailable
from services.streaming.failures import raise_if_refused, reason
from services.streaming.positions import Partition
from services.streaming.restore_point import RestorePoint, Skipped

log = structlog.get_logger()

ASK_SECONDS = 10.0
TRIES = 5  # at committing offsets: another member may have joined meanwhile, and has claimed them then

CHOICES = (
    "START_FROM=end judges only what comes from now on, START_FROM=<time> what was written since then, "
    "START_FROM=beginning everything again (every transaction that has a verdict gets another one)"
)


@dataclass(frozen=True)
class StartFrom:
    """What a group without committed offsets begins with.

    Attributes:
        since_ms: Records with at least this timestamp, in milliseconds since the epoch; 0 for the beginning, None for
            what comes from now on.
    """

    since_ms: int | None

    @classmethod
    def parse(cls, text: str) -> "StartFrom":
        """Read `beginning`, `end`, or a time: ISO 8601 (UTC where it doesn't say), or milliseconds since the epoch.

        Raises:
            ValueError: It is none of these.
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
    """Where a partition is begun, what its state leaves out, and whether dead letters may be among what is before."""

    offset: int
    skipped: Skipped | None = None
    dead_letters: bool = True


def start_of(*, of_input: bool, low: int, high: int, at_time: int, start_from: StartFrom) -> StartOffset:
    """Choose the start of a partition. Pure.

    What a repartition topic holds was written by this group, or by the one before it: it is not read again, as the
    input writes it again from where that begins; and state leaves out what will be written again.

    Args:
        of_input: Whether the partition is of the input topic; a repartition topic's otherwise.
        low: The first offset that is there.
        high: The offset after the last one.
        at_time: The first offset of a record that is as new as `start_from` says.
        start_from: What was chosen.
    """
    skipped, offset = None, high
    if start_from.since_ms is not None and of_input:
        offset = at_time if start_from.since_ms else low
    elif start_from.since_ms is not None and high > low:
        skipped = Skipped(high, start_from.since_ms)
    return StartOffset(offset, skipped, dead_letters=offset > low)


class StartOffsets:
    """Checks and claims the committed offsets of a group before it is joined.

    Args:
        make_consumer: Makes a consumer with the group's id that reads uncommitted: it does not wait for the end of open
            transactions to say which offsets are committed.
        admin: Asks about other groups.
        group: The group's name.
        input_topic: What is read.
        repartition_topics: What the group itself writes and reads.
        output_topics: Where results go.
    """

    def __init__(
        self,
        make_consumer: Callable[[], Consumer],
        admin: AdminClient,
        group: str,
        *,
        input_topic: str,
        repartition_topics: Sequence[str],
        output_topics: Sequence[str],
    ) -> None:
        self._make_consumer = make_consumer
        self._admin = admin
        self._group = group
        self._input = input_topic
        self._repartition = repartition_topics
        self._outputs = output_topics

    def claim(self, start_from: StartFrom | None) -> None:
        """Commit where each topic is begun of which the group has committed nothing.

        Args:
            start_from: What was chosen for a group whose results exist already; None where nothing was.

        Raises:
            ContractError: Results exist, and nothing was chosen; or another group works on the same topics.
            Unavailable: The brokers don't answer now.
            NotAuthorised: The brokers refuse access.
        """
        self._refuse_other_owners()
        consumer = self._make_consumer()
        try:
            self._claim(consumer, start_from)
        except KafkaException as error:
            raise_if_refused(error)
            raise Unavailable(f"group {self._group}: its offsets can't be looked after: {reason(error)}") from error
        finally:
            consumer.close()

    def _claim(self, consumer: Consumer, start_from: StartFrom | None) -> None:
        for attempt in range(TRIES):
            # Asked first: whoever wrote them has committed offsets with them.
            results = self._with_records(consumer, [*self._outputs, *self._repartition])
            missing = self._without_offsets(consumer)
            if not missing:
                return
            again = self._with_records(consumer, missing) if results else []
            if again and start_from is None:
                raise ContractError(
                    f"group {self._group} has no committed offsets of {', '.join(again)}, though results are there "
                    f"already ({', '.join(results)}): the offsets have expired, or CONSUMER_GROUP is another one; "
                    f"choose: {CHOICES}; or give it output and repartition topics of its own"
                )
            chosen = start_from or StartFrom(0)
            starts = {partition: start for topic in missing for partition, start in
                      self._starts(consumer, topic, chosen).items()}  # fmt: skip
            try:
                consumer.commit(offsets=[_committed(*partition, start) for partition, start in starts.items()],
                                asynchronous=False)  # fmt: skip
            except KafkaException as error:
                raise_if_refused(error)
                if attempt == TRIES - 1:
                    raise
                time.sleep(0.5 * (attempt + 1))  # another member claims them at this moment
            else:
                offsets = {f"{topic}-{number}": start.offset for (topic, number), start in starts.items()}
                log.info("start offsets committed", group=self._group, offsets=offsets)
                return

    def _without_offsets(self, consumer: Consumer) -> list[str]:
        """The topics of which the group has committed no offset at all."""
        partitions = [partition for topic in (self._input, *self._repartition)
                      for partition in _partitions(consumer, topic)]  # fmt: skip
        answers = consumer.committed([TopicPartition(*partition) for partition in partitions], ASK_SECONDS)
        known = {answer.topic for answer in answers if answer.offset >= 0}
        return [topic for topic in (self._input, *self._repartition) if topic not in known]

    def _with_records(self, consumer: Consumer, topics: Iterable[str]) -> list[str]:
        """The topics that hold records."""
        return [topic for topic in topics
                if any(low < high for low, high in _ends(consumer, _partitions(consumer, topic)).values())]  # fmt: skip

    def _starts(self, consumer: Consumer, topic: str, start_from: StartFrom) -> dict[Partition, StartOffset]:
        partitions = _partitions(consumer, topic)
        ends = _ends(consumer, partitions)
        at_time = {partition: high for partition, (_low, high) in ends.items()}
        if start_from.since_ms:
            asked = [TopicPartition(*partition, start_from.since_ms) for partition in partitions]
            for answer in consumer.offsets_for_times(asked, ASK_SECONDS):
                if answer.offset >= 0:
                    at_time[answer.topic, answer.partition] = answer.offset
        return {
            partition: start_of(
                of_input=topic == self._input, low=low, high=high, at_time=at_time[partition], start_from=start_from
            )
            for partition, (low, high) in ends.items()
        }

    def _refuse_other_owners(self) -> None:
        """A repartition topic belongs to one group: what another one writes there would be judged twice.

        Raises:
            ContractError: A group that has members is at work on one.
        """
        if not self._repartition:
            return
        try:
            listed = self._admin.list_consumer_groups(request_timeout=ASK_SECONDS).result().valid
            others = [group.group_id for group in listed or () if group.group_id != self._group
                      and group.state not in {ConsumerGroupState.EMPTY, ConsumerGroupState.DEAD}]  # fmt: skip
            asked = [self._admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(other)],
                                                             request_timeout=ASK_SECONDS)[other]
                     for other in others]  # fmt: skip
            for answer in asked:
                offsets = answer.result()
                for one in offsets.topic_partitions or ():
                    # Only a detector leaves a restore point: a consumer that just looks on is no owner.
                    if one.topic in self._repartition and RestorePoint.from_metadata(one.metadata or ""):
                        raise ContractError(
                            f"repartition topic {one.topic} belongs to group {offsets.group_id}, which is at work: "
                            f"end it, or give group {self._group} repartition and output topics of its own "
                            "(STAGE_TOPICS, LEGIT_TOPIC, FRAUD_TOPIC, ALERTS_TOPIC)"
                        )
        except KafkaException as error:
            log.warning("other groups can't be listed: whether one works on the same topics is not known",
                        reason=reason(error))  # fmt: skip


def _partitions(consumer: Consumer, topic: str) -> list[Partition]:
    return [(topic, number) for number in sorted(consumer.list_topics(topic, ASK_SECONDS).topics[topic].partitions)]


def _ends(consumer: Consumer, partitions: Iterable[Partition]) -> Mapping[Partition, tuple[int, int]]:
    return {partition: consumer.get_watermark_offsets(TopicPartition(*partition), ASK_SECONDS)
            for partition in partitions}  # fmt: skip


def _committed(topic: str, number: int, start: StartOffset) -> TopicPartition:
    point = RestorePoint(0, 0, dead_letters=start.dead_letters, skipped=start.skipped)
    return TopicPartition(topic, number, start.offset, point.to_metadata())
