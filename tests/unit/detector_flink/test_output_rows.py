"""Records as rows for Flink's sink."""

import pytest

from services.detector_flink.output_rows import OutputRows, PartitionKeys
from services.streaming.partitioner import partition_of_key
from services.streaming.sink import Sink

HEADERS = [("rules.version", b"abc"), ("note", None), ("text", "ä")]


def rows(partitions: int = 4) -> OutputRows:
    return OutputRows(lambda _topic: partitions)


@pytest.mark.parametrize("count", [1, 2, 4, 7, 60])
def test_the_key_of_a_partition_is_sent_there_by_kafkas_partitioner(count: int) -> None:
    keys = PartitionKeys.of(count).keys
    assert [partition_of_key(key, count) for key in keys] == list(range(count))


def test_a_record_is_topic_key_value_time_names_and_values() -> None:
    output = rows()
    output.produce("legit", b"value", b"key", timestamp=5, headers=HEADERS)
    assert output.take() == [
        [b"legit", b"key", b"value", b"5", b"rules.version", b"note", b"text", b"abc", None, "ä".encode()]
    ]
    assert output.take() == []


def test_null_and_empty_keys_and_values_stay_apart() -> None:
    output = rows()
    output.produce("legit", None, None, timestamp=1)
    output.produce("legit", b"", b"", timestamp=1)
    assert output.take() == [[b"legit", None, None, b"1"], [b"legit", b"", b"", b"1"]]


def test_a_record_without_time_is_of_now(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.time", lambda: 1234.5)
    output = rows()
    output.produce("alerts", b"value", b"key")
    assert output.take()[0][3] == b"1234500"


def test_a_record_for_a_partition_has_a_key_of_that_partition() -> None:
    output = rows(7)
    for partition in range(7):
        output.produce("stage", b"batch", None, partition)
    assert [partition_of_key(row[1] or b"", 7) for row in output.take()] == list(range(7))


def test_changed_headers_are_not_taken_for_those_of_before() -> None:
    output = rows()
    for number in range(3000):
        output.produce("legit", b"", b"", timestamp=1, headers=[("number", b"%d" % number)])
    assert [row[5] for row in output.take()] == [b"%d" % number for number in range(3000)]


def test_the_detectors_sink_writes_to_it() -> None:
    output = rows()
    sink = Sink(output, "dead", 1000, lambda *_: None)  # type: ignore[arg-type]
    sink.forward(
        [b"value"], ["fraud"], keys=[b"key"], timestamps=[9],
        original_headers=[[("own", b"1"), ("rules.version", b"0")]],
        added_headers=[[("rules.version", b"2")]], reserved={"rules.version"}, position=lambda _: ("input", 0, 0),
    )  # fmt: skip
    sink.confirm()
    assert output.take() == [[b"fraud", b"key", b"value", b"9", b"own", b"rules.version", b"1", b"2"]]
    assert sink.partition_count("stage") == 4
