"""Puts dead letters back on the topic that they came from, once each, however often and however far it is run.

What was put back is remembered in a topic of its own, `<dead-letter topic>.redriven`: one record for each dead letter,
written in the same Kafka transaction as the message that is put back, so that there are both or neither. A consumer
group's offsets would not do: they say how far somebody got, and a filter leaves gaps.

Key, value, headers and timestamp are the message's own, with a count of redrives among the headers. Only a message that
is older than half of its topic's retention gets the present time: the broker might delete it before it is read.

Exit codes: 0 done, 1 a topic is missing or not as it must be, 2 wrong usage, 3 no broker answers, 4 not authorised.
"""

import argparse
import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime
from threading import Event

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic, ResourceType

from services.errors import ContractError, PipelineError, RetryableError, Unavailable
from services.streaming.clients import KafkaClients, ping
from services.streaming.dead_letter_reading import DeadLetter, DeadLetterFilter, dead_letter_of
from services.streaming.failures import is_fatal, raise_if_refused, reason
from services.streaming.lifecycle import wait_until
from services.streaming.logs import configure_logging
from services.streaming.settings import KafkaSettings, librdkafka_properties, load_settings
from services.streaming.sink import ANY_PARTITION
from services.streaming.topics import partition_counts

DEAD_LETTERS = "queueing.transactions.dlq"
MEMORY = ".redriven"

_BATCH = 500  # dead letters in one Kafka transaction: what a kill can undo
_TIMEOUT = 30.0


class Superseded(RetryableError):  # noqa: N818 - reads as what happened
    """Another run for the same topic began meanwhile and has taken over."""


class Redrive:
    """Puts dead letters of one topic back.

    Args:
        clients: Make the Kafka clients.
        topic: The dead-letter topic.
        say: Told about each dead letter that is put back, or would be.
    """

    def __init__(self, clients: KafkaClients, topic: str, say: Callable[[DeadLetter], None]) -> None:
        self._clients = clients
        self._topic = topic
        self._memory = topic + MEMORY
        self._say = say
        self._admin = clients.admin()
        self._oldest: dict[str, int] = {}

    def run(self, wanted: DeadLetterFilter, *, most: int | None = None, dry_run: bool = False) -> Counter[str]:
        """Puts back what is wanted, was there when this began, and was not put back before.

        Args:
            wanted: Which.
            most: At most so many, the oldest first.
            dry_run: Only say which.

        Returns:
            How many, by the topic that they go to.

        Raises:
            ContractError: The dead-letter topic, or one that a message came from, does not exist.
            Superseded: Another run has taken over.
            KafkaException: A broker refuses or does not answer.
        """
        counts = partition_counts(self._admin)
        if self._topic not in counts:
            raise ContractError(f"topic {self._topic} does not exist: name the dead-letter topic with --topic")
        if dry_run:
            return self._put_back(None, counts, wanted, most)
        if self._memory not in counts and not self._make_memory():
            counts[self._memory] = 1  # somebody else has just made it
        producer = self._clients.producer(transactional_id=f"redrive.{self._topic}")
        # Whatever a killed run left open is over after this, and a run that is still at it can commit no more.
        producer.init_transactions(_TIMEOUT)
        return self._put_back(producer, counts, wanted, most)

    def _put_back(
        self, producer: Producer | None, counts: dict[str, int], wanted: DeadLetterFilter, most: int | None
    ) -> Counter[str]:
        done = self._remembered() if self._memory in counts else set()
        total: Counter[str] = Counter()
        batch: list[DeadLetter] = []
        for message in self._read(self._topic):
            if most is not None and total.total() >= most:
                break
            letter = dead_letter_of(message)
            if letter is None or letter.place in done or letter not in wanted:
                continue
            if letter.topic not in counts:
                raise ContractError(
                    f"{self._topic}-{letter.place} came from topic {letter.topic}, which does not exist: "
                    "run scripts/create-topics, or leave it out with --partition and --offset"
                )
            total[letter.topic] += 1
            batch.append(letter)
            if len(batch) == _BATCH:
                self._commit(producer, batch)
                batch = []
        self._commit(producer, batch)
        return total

    def _commit(self, producer: Producer | None, letters: list[DeadLetter]) -> None:
        if producer and letters:
            try:
                producer.begin_transaction()
                for letter in letters:
                    partition = ANY_PARTITION if letter.key is not None else letter.source_partition
                    producer.produce(letter.topic, letter.value, letter.key, partition,
                                     timestamp=self._timestamp(letter), headers=letter.revived())  # fmt: skip
                    producer.produce(self._memory, letter.topic.encode(), letter.place.encode())
                producer.commit_transaction(_TIMEOUT)
            except KafkaException as error:
                if is_fatal(error):
                    raise Superseded(f"another run for {self._topic} has taken over: {reason(error)}") from error
                raise
        for letter in letters:
            self._say(letter)

    def _timestamp(self, letter: DeadLetter) -> int:
        """The message's own; 0, which is now, where the broker might delete so old a message before it is read."""
        topic = letter.topic
        if topic not in self._oldest:
            resource = ConfigResource(ResourceType.TOPIC, topic)
            retention = int(self._admin.describe_configs([resource])[resource].result()["retention.ms"].value)
            self._oldest[topic] = 0 if retention < 0 else time.time_ns() // 1_000_000 - retention // 2
        return letter.timestamp_ms if letter.timestamp_ms > self._oldest[topic] else 0

    def _make_memory(self) -> bool:
        """Kept for ever and compacted: one small record for each dead letter that was ever put back.

        Returns:
            Whether it was this call that made it: it is empty then.
        """
        config = {"cleanup.policy": "compact", "retention.ms": "-1"}
        answer = self._admin.create_topics([NewTopic(self._memory, 1, config=config)])[self._memory]
        try:
            answer.result()
        except KafkaException as error:
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise
            return False
        return True

    def _remembered(self) -> set[str]:
        keys = (message.key() for message in self._read(self._memory))
        return {key.decode() if isinstance(key, bytes) else str(key) for key in keys}

    def _read(self, topic: str) -> Iterator[Message]:
        """The committed messages that a topic holds now, each partition from its beginning to its end."""
        consumer: Consumer = self._clients.consumer("redrive", enable_partition_eof=True)
        with closing(consumer):
            partitions = consumer.list_topics(topic, _TIMEOUT).topics[topic].partitions
            ends = {
                number: consumer.get_watermark_offsets(TopicPartition(topic, number), timeout=_TIMEOUT)[1]
                for number in partitions
            }
            consumer.assign([TopicPartition(topic, number, 0) for number in partitions])
            unfinished = set(partitions)
            while unfinished:
                for message in consumer.consume(1000, 0.2):
                    partition, error = int(message.partition() or 0), message.error()
                    if error is None and int(message.offset() or 0) < ends[partition]:
                        yield message
                    elif error is None or error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - its public name
                        unfinished.discard(partition)
                    elif error.fatal():
                        raise KafkaException(error)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command; returns its exit code."""
    options = _parser().parse_args(arguments)
    configure_logging("redrive", "error")
    try:
        total = _run(options)
    except PipelineError as error:
        for line in str(error).splitlines():
            print(f"redrive: {line}", file=sys.stderr)
        return error.exit_code
    verb = "would be put back" if options.dry_run else "put back"
    for topic, count in sorted(total.items()):
        print(f"{count} {verb} on {topic}")
    if not total:
        print("nothing to put back")
    return 0


def _run(options: argparse.Namespace) -> Counter[str]:
    settings = load_settings(KafkaSettings)
    clients = KafkaClients(settings, librdkafka_properties(), client_id="redrive")
    brokers = settings.kafka_broker_url
    admin: AdminClient = clients.admin()
    wait_until(lambda: ping(admin, brokers), what=f"broker {brokers}", timeout=settings.startup_timeout, stop=Event())
    wanted = DeadLetterFilter(
        errors=tuple(options.error),
        since_ms=options.since,
        until_ms=options.until,
        partition=options.partition,
        offsets=options.offset,
    )
    show = _show if options.dry_run else lambda _letter: None
    try:
        return Redrive(clients, options.topic, show).run(wanted, most=options.max, dry_run=options.dry_run)
    except KafkaException as error:
        raise_if_refused(error)
        raise Unavailable(f"the brokers at {brokers} did not do it: {reason(error)}; run it again") from error


def _show(letter: DeadLetter) -> None:
    again = f", put back {letter.redrives} times before" if letter.redrives else ""
    print(f"{letter.place} to {letter.topic}: {letter.error.rpartition('.')[2]}: {letter.reason}{again}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="redrive",
        description="Put dead letters back on the topic they came from, once each, however often this is run.",
        epilog=f"What was put back is remembered in the topic TOPIC{MEMORY}.",
    )
    topic = os.environ.get("DEAD_LETTER_TOPIC") or DEAD_LETTERS
    parser.add_argument("--topic", default=topic, help=f"the dead-letter topic (default: {topic})")
    error = "only those that died of this, such as UnknownSchemaId; may be given more than once"
    parser.add_argument("--error", action="append", default=[], metavar="CLASS", help=error)
    since = "only messages with a timestamp from this on, ISO 8601, UTC where it doesn't say"
    parser.add_argument("--since", type=_moment, metavar="TIME", help=since)
    parser.add_argument("--until", type=_moment, metavar="TIME", help="only messages with an earlier timestamp")
    parser.add_argument("--partition", type=int, metavar="N", help="only this partition of the dead-letter topic")
    parser.add_argument("--offset", type=_offsets, metavar="N[-M]", help="only this offset there, or N to M")
    parser.add_argument("--max", type=int, metavar="N", help="at most so many, the oldest first")
    parser.add_argument("--dry-run", action="store_true", help="say which and why they died, and do nothing")
    return parser


def _moment(text: str) -> int:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected a time such as 2026-01-31T12:00, not {text!r}") from None
    return round((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)


def _offsets(text: str) -> range:
    first, dash, last = text.partition("-")
    if not first.isdigit() or (dash and not last.isdigit()):
        raise argparse.ArgumentTypeError(f"expected an offset such as 17, or several such as 17-20, not {text!r}")
    return range(int(first), int(last if dash else first) + 1)


if __name__ == "__main__":
    sys.exit(main())
