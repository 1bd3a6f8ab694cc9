"""Positions of records: topic, partition and offset."""

from collections.abc import Iterable

from confluent_kafka import Message

Partition = tuple[str, int]
"""A topic and the number of one of its partitions."""

RecordPosition = tuple[str, int, int]
"""A topic, the number of one of its partitions, and an offset in it."""

RowPosition = tuple[str, int, int, int]
"""The position of a record that has several messages, and the row of one of them: 0 for the first."""

MessagePosition = RecordPosition | RowPosition
"""The position of a message: a record, or a row of one."""


def position_of(message: Message) -> RecordPosition:
    """Return the position of a consumed message."""
    return message.topic() or "", int(message.partition() or 0), int(message.offset() or 0)


def next_offsets(messages: Iterable[Message]) -> dict[Partition, int]:
    """Return the offset after the last of some messages, by partition; the messages are in the order of the log."""
    return {(message.topic() or "", int(message.partition() or 0)): int(message.offset() or 0) + 1
            for message in messages}  # fmt: skip


def is_row(position: MessagePosition) -> bool:
    """Return whether a message is a row of a record."""
    return len(position) == 4
