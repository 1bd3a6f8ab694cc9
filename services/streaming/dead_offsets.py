"""Positions of dead-lettered records and rows: a restore must skip them."""

from collections.abc import Mapping

from services.streaming.dead_letter_format import origin_of
from services.streaming.positions import MessagePosition, Partition
from services.streaming.record_headers import read_headers
from services.streaming.topic_reader import TopicReader


def dead_offsets(
    reader: TopicReader, dead_letter_topic: str, ranges: Mapping[Partition, tuple[int, int]]
) -> dict[Partition, set[MessagePosition]]:
    """Return the positions of the records whose dead letters are in the dead-letter topic now.

    Every writer of that topic can exclude records from a restore: Write permission belongs to the detector alone.

    Args:
        reader: Reads the topic; if it is stopped, the result is incomplete.
        dead_letter_topic: Name of the topic. It is read as a whole, and open transactions are awaited.
        ranges: By topic and partition the first offset to look for, and the one after the last.

    Returns:
        The positions by topic and partition, for each of `ranges`.

    Raises:
        ContractError: The topic does not exist.
        Unavailable: The brokers do not answer, or a transaction stays open.
        NotAuthorised: The brokers refuse access.
    """
    dead: dict[Partition, set[MessagePosition]] = {partition: set() for partition in ranges}
    if all(start >= end for start, end in ranges.values()):
        return dead
    for messages in reader.read(dead_letter_topic, await_transactions=True):
        for message in messages:
            headers = read_headers(message)
            origin = origin_of(headers) if headers else None
            if origin is None:
                continue
            partition, offset = origin[:2], origin[2]
            start, end = ranges.get(partition, (0, 0))
            if start <= offset < end:
                dead[partition].add(origin)
    return dead
