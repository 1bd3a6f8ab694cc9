"""Reading of the original records of dead letters without value, headers or key."""

from confluent_kafka import Consumer, Message

from services.streaming.clients import KafkaClients
from services.streaming.dead_letter_format import HEADERS, Original
from services.streaming.dead_letter_reading import DeadLetter, to_bytes
from services.streaming.record_headers import read_headers
from services.streaming.record_lookup import first_record

_TIMEOUT = 30.0


class OriginalReader:
    """Reader of single original records.

    Args:
        clients: Makes the consumer, at the first read.
    """

    def __init__(self, clients: KafkaClients) -> None:
        self._clients = clients
        self._consumer: Consumer | None = None

    def read(self, letter: DeadLetter) -> Original | None:
        """Return the original record of a dead letter; None where it is deleted.

        Raises:
            Unavailable: No broker answers.
            NotAuthorised: The brokers refuse access.
        """
        if self._consumer is None:
            self._consumer = self._clients.consumer("redrive", enable_partition_eof=True, queued_min_messages=1)
        origin = letter.topic, letter.source_partition
        record = first_record(self._consumer, origin, letter.source_offset, _TIMEOUT)
        # Where the record is gone, the look-up returns the next one.
        return _original(letter, record) if record is not None and record.offset() == letter.source_offset else None

    def close(self) -> None:
        """Close the consumer."""
        if self._consumer is not None:
            self._consumer.close()


def _original(letter: DeadLetter, message: Message) -> Original:
    # Headers that were unreadable for the detector are unreadable here too.
    headers = read_headers(message) if HEADERS in letter.omitted else None
    return Original(
        letter.topic,
        letter.source_partition,
        letter.source_offset,
        to_bytes(message.key()),
        to_bytes(message.value()),
        headers,
    )
