"""Restore points in records of the state topic."""

from confluent_kafka import Message

from services.detector_flink.restore_points import newest
from services.streaming.restore_point import RestorePoint, StatePosition


def point(next_offset: int) -> str:
    return RestorePoint(0, 60_000, state=StatePosition("chain", 0, 0, 1, next_offset)).to_metadata()


def record(key: bytes, metadata: str | None) -> Message:
    headers: list[tuple[str, str | bytes | None]] | None = None
    if metadata is not None:
        headers = [("restore.point", metadata.encode())]
    return Message(topic="state", partition=0, offset=0, key=key, value=b"", headers=headers)


def test_the_last_point_up_to_the_offset_is_found() -> None:
    messages = [record(b"in\x001", point(offset)) for offset in (10, 20, 30)]
    assert newest(messages, "in", 25) == point(20)
    assert newest(messages, "in", 30) == point(30)
    assert not newest(messages, "in", 9)


def test_points_of_other_topics_and_records_without_one_are_passed_over() -> None:
    messages = [
        record(b"in", point(1)),
        record(b"stage\x000", point(2)),
        record(b"in\x002", None),
        record(b"in\x002", "no point"),
        record(b"in\x002", RestorePoint(0, 60_000).to_metadata()),
    ]
    assert newest(messages, "in", 100) == point(1)
    assert not newest([], "in", 100)
