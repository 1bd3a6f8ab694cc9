"""Which records of topics are in the dead-letter topic: they must not count where the topics are read again."""

from collections.abc import Mapping

from services.streaming.dead_letters import origin_of, read_headers
from services.streaming.topic_reader import TopicReader

Partition = tuple[str, int]


def dead_offsets(
    reader: TopicReader, dead_letter_topic: str, ranges: Mapping[Partition, tuple[int, int]]
) -> dict[Partition, set[int]]:
    """Return the offsets of the records whose dead letters are in the dead-letter topic now.

    Whoever may write to that topic can keep records out: only readers of the pipeline's topics may.

    Args:
        reader: Reads the topic; if it is stopped, the result is incomplete.
        dead_letter_topic: Its name. Everything in it is read, and transactions that are open are waited for.
        ranges: By topic and partition the first offset to look for, and the one after the last.

    Returns:
        The offsets by topic and partition, for each of `ranges`.

    Raises:
        ContractError: There is no such topic.
        Unavailable: The brokers do not answer, or a transaction stays open.
        NotAuthorised: The brokers refuse access.
    """
    dead: dict[Partition, set[int]] = {partition: set() for partition in ranges}
    if all(start >= end for start, end in ranges.values()):
        return dead
    for messages in reader.read(dead_letter_topic, await_transactions=True):
        for message in messages:
            headers = read_headers(message)
            origin = origin_of(headers) if headers else None
            if origin is None:
                continue
            topic, number, offset = origin
            start, end = ranges.get((topic, number), (0, 0))
            if start <= offset < end:
                dead[topic, number].add(offset)
    return dead
