"""Reads the records that dead letters without value, headers or key were made of."""

import time

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from services.errors import Unavailable
from services.streaming.clients import KafkaClients
from services.streaming.dead_letter_reading import DeadLetter, to_bytes
from services.streaming.dead_letters import HEADERS, Original, read_headers
from services.streaming.failures import raise_if_refused

_TIMEOUT = 30.0


class OriginalReader:
    """Reads single records of topics.

    Args:
        clients: Make the consumer, when the first record is asked for.
    """

    def __init__(self, clients: KafkaClients) -> None:
        self._clients = clients
        self._consumer: Consumer | None = None

    def read(self, letter: DeadLetter) -> Original | None:
        """Return the record that a dead letter was made of; None where it is gone.

        Raises:
            Unavailable: No broker gives it.
            NotAuthorised: The brokers refuse access.
        """
        if self._consumer is None:
            self._consumer = self._clients.consumer("redrive", enable_partition_eof=True, queued_min_messages=1)
        self._consumer.assign([TopicPartition(letter.topic, letter.source_partition, letter.source_offset)])
        deadline = time.monotonic() + _TIMEOUT
        while time.monotonic() < deadline:
            for message in self._consumer.consume(1, 0.5):
                error = message.error()
                if error is None:
                    # The first record behind it comes where it is gone.
                    return _original(letter, message) if message.offset() == letter.source_offset else None
                if error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - its public name
                    return None
                raise_if_refused(KafkaException(error))
                if error.fatal():
                    raise KafkaException(error)
        raise Unavailable(f"{letter.origin}: no broker gave this record for {_TIMEOUT:.0f} s")

    def close(self) -> None:
        """Close the consumer."""
        if self._consumer is not None:
            self._consumer.close()


def _original(letter: DeadLetter, message: Message) -> Original:
    # Headers that could not be read when it died can't be read now.
    headers = read_headers(message) if HEADERS in letter.omitted else None
    return Original(
        letter.topic,
        letter.source_partition,
        letter.source_offset,
        to_bytes(message.key()),
        to_bytes(message.value()),
        headers,
    )
