"""Where a handler puts its results: records and dead letters, inside the loop's open transaction."""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from typing import Any

from confluent_kafka import TIMESTAMP_NOT_AVAILABLE, KafkaError, KafkaException, Message, Producer

from services.errors import ContractError, PoisonError

ANY_PARTITION = -1  # the partitioner's choice, by the key

Headers = list[tuple[str, str | bytes | None]]

# Kafka Connect's names (KIP-298), so that its tools and its users' habits fit.
DEAD_LETTER_HEADERS = "__connect.errors."


class Sink:
    """Hands records to the producer; the loop's commit or abort decides about all of them together.

    A full producer queue makes the caller wait; nothing is ever dropped. A record that the broker refuses makes the
    commit fail, so the loop aborts: there is no delivery to check for here.

    Args:
        producer: In an open transaction whenever a handler is called.
        dead_letter_topic: Takes what can't be processed.
    """

    def __init__(self, producer: Producer, dead_letter_topic: str) -> None:
        self._producer = producer
        self._dead_letter_topic = dead_letter_topic
        self._dead_letters: Counter[str] = Counter()

    def forward(
        self,
        messages: Iterable[Message],
        values: Iterable[bytes | None],
        topics: Iterable[str],
        keys: Iterable[bytes | None],
        headers: Iterable[Headers],
        *,
        owned: Collection[str] = (),
    ) -> None:
        """Passes messages on with their timestamp and their own headers: the hot path.

        Args:
            messages: What was read.
            values: The value to write for each: usually the message's own, byte for byte.
            topics: Where each goes.
            keys: The key of each.
            headers: What to add to the headers of each.
            owned: Names of headers that only the caller writes: a message's own ones of these names are left out.
        """
        produce = self._producer.produce
        for message, value, topic, key, added in zip(messages, values, topics, keys, headers, strict=True):
            own: Any = message.headers()
            if own is not None and own != added:  # a later stage adds to most just what they have
                added = [*(one for one in own if one[0] not in owned), *added]  # noqa: PLW2901 - names cost time here
            try:  # arguments by position: by name they cost another 0.4 µs of about 0.6
                produce(topic, value, key, ANY_PARTITION, None, None, message.timestamp()[1], added)
            except BufferError:
                self.send(topic, value, key, timestamp=message.timestamp()[1], headers=added)
            except KafkaException as error:
                raise _refused(message, topic, error) from error

    def send(
        self, topic: str, value: bytes | None, key: bytes | None, *, timestamp: int = 0, headers: Any = None
    ) -> None:
        """Writes one record, waiting while the producer's queue is full.

        Args:
            topic: Where it goes.
            value: Its bytes; None writes a tombstone.
            key: Decides the partition.
            timestamp: Milliseconds since the epoch; 0 is now.
            headers: As confluent-kafka takes them.
        """
        optional = {} if headers is None else {"headers": headers}
        while True:
            try:
                self._producer.produce(topic, value, key, timestamp=timestamp, **optional)
            except BufferError:
                self._producer.poll(0.05)
            else:
                return

    def dead_letter(self, message: Message, error: PoisonError) -> None:
        """Puts a message aside with key, value, headers and timestamp untouched and the reason in further headers."""
        headers = dead_letter_headers(message, error)
        try:
            self.send(
                self._dead_letter_topic, message.value(), message.key(), timestamp=_timestamp(message), headers=headers
            )
        except KafkaException as refusal:
            raise _refused(message, self._dead_letter_topic, refusal) from refusal
        self._dead_letters[type(error).__name__] += 1

    def take_dead_letters(self) -> Counter[str]:
        """How many dead letters of which error class were written since the last call."""
        taken, self._dead_letters = self._dead_letters, Counter()
        return taken


def dead_letter_headers(message: Message, error: PoisonError) -> Sequence[tuple[str, bytes | str | None]]:
    """The message's own headers, followed by where it came from and why it is dead."""
    about = {
        "topic": message.topic(),
        "partition": message.partition(),
        "offset": message.offset(),
        "stage": error.stage,
        "exception.class.name": f"{type(error).__module__}.{type(error).__qualname__}",
        "exception.message": str(error),
    }
    own = message.headers() or []
    return [*own, *((DEAD_LETTER_HEADERS + name, str(value).encode()) for name, value in about.items())]


def _timestamp(message: Message) -> int:
    kind, milliseconds = message.timestamp()
    return 0 if kind == TIMESTAMP_NOT_AVAILABLE else milliseconds


def _refused(message: Message, topic: str, error: KafkaException) -> Exception:
    """A message that the client itself won't write; only one that outgrew its limit by decompression can be met."""
    if error.args[0].code() != KafkaError.MSG_SIZE_TOO_LARGE:
        return error
    return ContractError(
        f"{message.topic()}-{message.partition()}-{message.offset()}: too large to be written to {topic}: "
        "raise KAFKA_CONFIG_MESSAGE_MAX_BYTES, and max.message.bytes of that topic"
    )
