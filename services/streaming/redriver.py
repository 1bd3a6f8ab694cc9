"""Redrive of dead letters to the topics that they came from, once each, in Kafka transactions.

The ledger, a topic of its own, has a record for each redriven dead letter, written in the same transaction as the
redriven message. Committed offsets of a consumer group can't replace it: a filter leaves gaps.
"""

import time
from collections import Counter
from collections.abc import Container, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from typing import Any, Protocol

from confluent_kafka import KafkaError, KafkaException, Producer
from confluent_kafka.admin import NewTopic

from services.errors import ContractError, ExpectedError, RetryableError
from services.streaming.authorisation import CREATE
from services.streaming.clients import KafkaClients
from services.streaming.dead_letter_format import HEADERS, KEY, UNREADABLE_HEADERS, VALUE
from services.streaming.dead_letter_reading import (
    DeadLetter,
    DeadLetterFilter,
    OriginalDiffers,
    dead_letter_of,
    to_bytes,
)
from services.streaming.failures import is_fatal, reason
from services.streaming.original_records import OriginalReader
from services.streaming.poison_search import is_refused_record
from services.streaming.record_size import batch_size
from services.streaming.redrive_access import LEDGER, access_of, transactional_id
from services.streaming.sink import ANY_PARTITION
from services.streaming.topic_reader import TopicReader
from services.streaming.topics import (
    TopicDeclaration,
    TopicNeed,
    await_created,
    create_topic,
    partition_counts,
    require_topics,
    topic_configs,
)

MESSAGE_MAX_BYTES = 1_000_000_000  # librdkafka's largest: the topic's limit is about the compressed size

_BATCH = 500  # dead letters in one Kafka transaction
_BATCH_BYTES = 16_000_000
_MAX_ATTEMPTS = 3
_TIMEOUT = 30.0


class Fenced(RetryableError):  # noqa: N818 - reads as what happened
    """A newer run for the same topic has fenced this one."""


class Refused(ExpectedError):  # noqa: N818 - reads as what happened
    """A dead letter can't be redriven; the error's message has the reason."""


class RedriveReport(Protocol):
    """Receiver of the result for each dead letter."""

    def redriven(self, letter: DeadLetter) -> None:
        """Report a redriven dead letter; in a dry run one that would be."""

    def refused(self, letter: DeadLetter, cause: str) -> None:
        """Report a dead letter that can't be redriven."""


@dataclass
class RedriveResult:
    """Counts of a run.

    Attributes:
        redriven: Number of redriven dead letters by target topic.
        without_headers: Number of these whose own headers were unreadable and are missing.
        refused: Number of dead letters that can't be redriven.
    """

    redriven: Counter[str] = field(default_factory=Counter)
    without_headers: int = 0
    refused: int = 0


class Redriver:
    """Redrive of one dead-letter topic.

    Args:
        clients: Makes the Kafka clients.
        topic: The dead-letter topic.
        inputs: Contracts of the topics whose dead letters go there. No other topic is written: every writer of the
            dead-letter topic can forge the origin of a dead letter.
        report: Receives the result for each dead letter.
    """

    def __init__(
        self, clients: KafkaClients, topic: str, inputs: Sequence[TopicDeclaration], report: RedriveReport
    ) -> None:
        self._clients = clients
        self._topic = topic
        self._ledger = topic + LEDGER
        self._report = report
        self._admin = clients.admin()
        self._inputs = inputs
        self._reader = TopicReader(lambda **config: clients.consumer("redrive", **config))
        self._oldest_ms: dict[str, int] = {}
        self._result = RedriveResult()

    def run(self, selection: DeadLetterFilter, *, limit: int | None = None, dry_run: bool = False) -> RedriveResult:
        """Redrive the selected dead letters that existed at the start and were not redriven before.

        Args:
            selection: Selection of dead letters.
            limit: Limit of their number, the oldest first.
            dry_run: Change nothing, and report the dead letters that would be redriven.

        Raises:
            ContractError: The dead-letter topic, or an input topic, does not exist.
            Fenced: A newer run has taken over.
            Unavailable: The brokers do not answer.
            NotAuthorised: A topic may not be read or written.
            KafkaException: A broker refuses or does not answer.
        """
        counts = partition_counts(self._admin)
        self._require_access(counts, dry_run=dry_run)
        if self._topic not in counts:
            raise ContractError(f"topic {self._topic} does not exist: name the dead-letter topic with --topic")
        producer = None
        if not dry_run:
            if self._ledger not in counts:
                self._create_ledger_topic()
            producer = self._clients.producer(
                transactional_id=transactional_id(self._topic), message_max_bytes=MESSAGE_MAX_BYTES
            )
            # This ends the open transaction of a killed run, and fences a run that is still active.
            producer.init_transactions(_TIMEOUT)
        # Read after the fence, also where this run has just created the ledger: another run may have written there
        # meanwhile.
        done = self._redriven() if producer is not None or self._ledger in counts else set()
        self._set_oldest([topic for topic in self._inputs if topic.name in counts])
        self._result = RedriveResult()
        batch: list[DeadLetter] = []
        size = 0
        with closing(OriginalReader(self._clients)) as originals:
            for letter in self._letters(selection, done):
                if limit is not None and self._result.redriven.total() + len(batch) >= limit:
                    break
                try:
                    whole = self._whole(letter, counts, originals)
                except Refused as refusal:
                    self._refuse(letter, str(refusal))
                    continue
                batch.append(whole)
                size += batch_size(whole.key, whole.value, whole.headers)
                if len(batch) == _BATCH or size > _BATCH_BYTES:
                    self._redrive(producer, batch)
                    batch, size = [], 0
        self._redrive(producer, batch)
        return self._result

    def _letters(self, selection: DeadLetterFilter, done: Container[str]) -> Iterator[DeadLetter]:
        """Yield the selected dead letters that were not redriven before."""
        for messages in self._reader.read(self._topic):
            for message in messages:
                letter = dead_letter_of(message)
                if letter is not None and letter.position not in done and letter in selection:
                    yield letter

    def _whole(self, letter: DeadLetter, counts: Mapping[str, int], originals: OriginalReader) -> DeadLetter:
        """Return a dead letter with its whole message.

        Raises:
            Refused: It can't be redriven.
            ContractError: Its original topic does not exist.
        """
        if all(letter.topic != topic.name for topic in self._inputs):
            raise Refused(f'{letter.topic} is no input: its contract does not say dead_letter_topic = "{self._topic}"')
        if letter.topic not in counts:
            raise ContractError(
                f"{self._topic}-{letter.position} came from topic {letter.topic}, which does not exist: "
                "run scripts/create-topics, or leave it out with --partition and --offset"
            )
        if letter.source_partition >= counts[letter.topic]:
            raise Refused(f"{letter.topic} has no partition {letter.source_partition}")
        if letter.is_whole:
            return letter
        missing = " and ".join(sorted(letter.omitted & {VALUE, HEADERS, KEY}))
        original = originals.read(letter)
        if original is None:
            raise Refused(f"its {missing} did not fit, and {letter.origin} is gone from its topic")
        try:
            return letter.with_original(original)
        except OriginalDiffers as error:
            raise Refused(f"its {missing} did not fit, and {letter.origin} is another record: {error}") from error

    def _refuse(self, letter: DeadLetter, cause: str) -> None:
        self._result.refused += 1
        self._report.refused(letter, cause)

    def _redrive(self, producer: Producer | None, letters: Sequence[DeadLetter]) -> None:
        """Redrive some dead letters; those that can't be written are refused, and the others redriven without them."""
        if not letters:
            return
        if producer is not None:
            try:
                refusal = self._try(producer, letters)
            except KafkaException as error:
                if is_fatal(error):
                    raise Fenced(f"another run for {self._topic} has taken over: {reason(error)}") from error
                raise
            if refusal is not None:
                if len(letters) == 1:
                    self._refuse(letters[0], f"{letters[0].topic} does not take it: {reason(refusal)}")
                else:  # a broker refuses whole batches: the other records in it may be good
                    middle = len(letters) // 2
                    self._redrive(producer, letters[:middle])
                    self._redrive(producer, letters[middle:])
                return
        for letter in letters:
            self._result.redriven[letter.topic] += 1
            self._result.without_headers += UNREADABLE_HEADERS in letter.omitted
            self._report.redriven(letter)

    def _try(self, producer: Producer, letters: Sequence[DeadLetter]) -> KafkaException | None:
        """Redrive some dead letters in one transaction; return the error where the broker refuses a record."""
        for attempts_left in reversed(range(_MAX_ATTEMPTS)):
            try:
                self._commit(producer, letters)
            except KafkaException as error:
                refused = is_refused_record(error)
                # After a refusal the client may have to reset its sequence numbers, which aborts once more.
                if not refused and not (error.args[0].txn_requires_abort() and attempts_left):
                    raise
                producer.abort_transaction(_TIMEOUT)
                if refused:
                    return error
            else:
                break
        return None

    def _commit(self, producer: Producer, letters: Sequence[DeadLetter]) -> None:
        producer.begin_transaction()
        for letter in letters:
            partition = ANY_PARTITION if letter.key is not None else letter.source_partition
            timestamp = letter.timestamp_ms if letter.timestamp_ms > self._oldest_ms[letter.topic] else 0
            self._produce(producer, letter.topic, letter.value, letter.key, partition,
                          timestamp=timestamp, headers=letter.redrive_headers())  # fmt: skip
            self._produce(producer, self._ledger, letter.topic.encode(), letter.position.encode())
        producer.commit_transaction(_TIMEOUT)

    @staticmethod
    def _produce(producer: Producer, *arguments: Any, **options: Any) -> None:
        """Hand a record to the producer, waiting while its queue is full."""
        while True:
            try:
                producer.produce(*arguments, **options)
            except BufferError:
                producer.poll(0.05)
            else:
                return

    def _require_access(self, counts: Mapping[str, int], *, dry_run: bool) -> None:
        """Check that reading the dead letters, and writing the existing topics, is authorised."""
        needs = [
            TopicNeed(need.name, 1, tuple(operation for operation in need.operations if operation != CREATE))
            for need in access_of(self._topic, [topic.name for topic in self._inputs if topic.name in counts]).topics
            if need.name in counts or need.name == self._topic
        ]
        with suppress(ContractError):  # reported by `run`, with what to do
            require_topics(self._admin, needs[:1] if dry_run else needs)

    def _set_oldest(self, inputs: Sequence[TopicDeclaration]) -> None:
        """Set by topic the time before which messages get the present time: retention might delete them unread."""
        now = time.time_ns() // 1_000_000
        for topic, config in topic_configs(self._admin, inputs).items():
            self._oldest_ms[topic] = 0 if config.retention_ms < 0 else now - config.retention_ms // 2

    def _create_ledger_topic(self) -> None:
        """Create the ledger, compacted and without retention: a small record for each redriven dead letter."""
        config = {"cleanup.policy": "compact", "retention.ms": "-1"}
        try:
            create_topic(self._admin, NewTopic(self._ledger, 1, config=config))
        except KafkaException as error:
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise
        await_created(self._admin, {self._ledger: 1})

    def _redriven(self) -> set[str]:
        """Return the positions of the dead letters in the ledger."""
        return {(to_bytes(message.key()) or b"").decode() for messages in self._reader.read(self._ledger)
                for message in messages}  # fmt: skip
