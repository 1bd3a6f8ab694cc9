"""Follows one topic, read committed, from its beginning or its end on."""

import difflib
from collections.abc import Iterable, Iterator
from contextlib import suppress

from confluent_kafka import KafkaException, Message
from confluent_kafka.admin import AdminClient

from services.errors import ContractError, Unavailable
from services.streaming.access import Access
from services.streaming.authorisation import READ
from services.streaming.clients import KafkaClients
from services.streaming.record_headers import read_headers
from services.streaming.topics import TopicNeed, partition_counts, require_topics
from tools.tail.message_json import Received
from tools.topics.batches import RowMessage, SingleTransactions
from tools.topics.reader import TopicReader, offset_bounds

BATCH = 1000


def access_of(topics: Iterable[str]) -> Access:
    """Return what the command does on Kafka: it joins no group."""
    return Access("tail", [TopicNeed(topic, 1, (READ,)) for topic in topics])


def partitions_of(admin: AdminClient, topic: str) -> int:
    """Number of partitions of a topic that may be read.

    Raises:
        NotAuthorised: These credentials may not read it, if it is there.
        ContractError: There is no such topic; with the names that come close.
        Unavailable: The broker does not answer.
    """
    try:
        counts = partition_counts(admin)
    except KafkaException as error:
        raise Unavailable(f"the broker doesn't say which topics there are: {error.args[0].str()}") from error
    with suppress(ContractError):  # no such topic: the names that come close say more
        require_topics(admin, access_of([topic]).topics)
        return counts[topic]
    visible = sorted(name for name in counts if not name.startswith("__"))
    close = difflib.get_close_matches(topic, visible, n=3, cutoff=0.5)
    known = f"did you mean {' or '.join(close)}?" if close else f"there are: {', '.join(visible) or 'none'}"
    raise ContractError(f"there is no topic {topic}; {known}")


class Follower:
    """Follows one topic.

    Args:
        clients: Makes the consumer.
        topic: The topic.
        partitions: Number of its partitions.
        from_beginning: Begin with the oldest message instead of the next one to come.
        singles: Replaces batches by the transactions in them.
        until_end: End where the topic ended when this began.
    """

    def __init__(
        self,
        clients: KafkaClients,
        topic: str,
        partitions: int,
        *,
        singles: SingleTransactions,
        from_beginning: bool,
        until_end: bool,
    ) -> None:
        self._singles = singles
        # Little is read ahead: a user may want to see three messages of a billion.
        consumer = clients.consumer("tail", enable_partition_eof=True, queued_min_messages=BATCH)
        oldest, ends = offset_bounds(consumer, [(topic, number) for number in range(partitions)])
        self._reader = TopicReader(consumer, oldest if from_beginning else ends, ends if until_end else None)
        self._until_end = until_end

    def batches(self) -> Iterator[list[Received]]:
        """The messages as they come; an empty batch now and then while there are none.

        Raises:
            Unavailable: The consumer has failed for good.
        """
        while self._reader.unfinished or not self._until_end:
            yield [_received(message) for message in self._singles.of(self._reader.read(0.2, BATCH))]

    def close(self) -> None:
        """Close the consumer."""
        self._reader.close()


def _received(message: Message) -> Received:
    kind, milliseconds = message.timestamp()
    headers = read_headers(message)
    return Received(
        topic=str(message.topic()),
        partition=int(message.partition() or 0),
        offset=int(message.offset() or 0),
        row=message.row if isinstance(message, RowMessage) else None,
        timestamp_ms=milliseconds if kind else None,
        key=_octets(message.key()),
        value=_octets(message.value()),
        headers=None if headers is None else [(name, _octets(value)) for name, value in headers],
    )


def _octets(value: str | bytes | None) -> bytes | None:
    return value.encode() if isinstance(value, str) else value
