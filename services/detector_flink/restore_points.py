"""Finds restore points in the state topic: there, as Flink commits offsets without metadata."""

from collections.abc import Iterable

from confluent_kafka import Message

from services.detector_flink.batch_evaluator import RESTORE_POINT
from services.streaming.partition_reader import PartitionReader
from services.streaming.positions import Partition
from services.streaming.record_headers import read_headers
from services.streaming.restore_point import RestorePoint

RECENT = 500
"""Records of the state topic that are read first: those of minutes."""

WAIT_SECONDS = 0.2


class RestorePoints:
    """Restore points that the job wrote.

    Args:
        topic: The state topic.
        reader: Reads its partitions; used by nothing else.
    """

    def __init__(self, topic: str, reader: PartitionReader) -> None:
        self._topic = topic
        self._reader = reader

    def __call__(self, partition: Partition, offset: int) -> str:
        """Return the newest restore point of a partition that is not after an offset; an empty text for none.

        Raises:
            Unavailable: The brokers don't answer.
        """
        own = (self._topic, partition[1])
        end = self._reader.end(own)
        found = ""
        for start in (max(0, end - RECENT), 0):
            for messages in self._read(own, start, end):
                found = newest(messages, partition[0], offset) or found
            if found or not start:
                break
        return found

    def _read(self, own: Partition, start: int, end: int) -> Iterable[Iterable[Message]]:
        if start >= end:
            return
        self._reader.start({own: (start, end)})
        try:
            ended = False
            while not ended:
                for chunk in self._reader.read(WAIT_SECONDS):
                    yield chunk.messages
                    ended = chunk.ended
        finally:
            self._reader.close()


def newest(messages: Iterable[Message], topic: str, offset: int) -> str:
    """Return the last restore point of a topic's partition among records of the state topic, up to an offset."""
    found = ""
    for message in messages:
        if (message.key() or b"").partition(b"\0")[0] != topic.encode():
            continue
        text = dict(read_headers(message) or ()).get(RESTORE_POINT)
        metadata = text.decode() if isinstance(text, bytes) else ""
        point = RestorePoint.from_metadata(metadata)
        if point and point.state and point.state.next_offset <= offset:
            found = metadata
    return found
