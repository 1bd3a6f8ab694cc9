from dataclasses import replace

import pytest

from services.errors import PoisonError
from services.streaming.dead_letters import DeadLetter, Wanted, dead_letter_of
from services.streaming.sink import dead_letter_headers


class FakeMessage:
    """What a consumer hands out, made by hand: confluent-kafka's own can't be made with headers and a topic."""

    def __init__(self, headers: list[tuple[str, bytes]] | None, topic: str = "dlq", timestamp: int = 5) -> None:
        self._headers, self._topic, self._timestamp = headers, topic, timestamp

    def headers(self) -> list[tuple[str, bytes]] | None:
        return self._headers

    def topic(self) -> str:
        return self._topic

    def partition(self) -> int:
        return 3

    def offset(self) -> int:
        return 17

    def timestamp(self) -> tuple[int, int]:
        return 1, self._timestamp

    def key(self) -> bytes:
        return b"key"

    def value(self) -> bytes:
        return b"value"


def buried(own: list[tuple[str, bytes]] | None) -> DeadLetter:
    headers = dead_letter_headers(FakeMessage(own, "transactions"), PoisonError("because"))
    letter = dead_letter_of(FakeMessage(list(headers)))
    assert letter is not None
    return letter


def test_what_is_buried_can_be_revived_with_its_own_headers() -> None:
    own = [("trace", b"7"), ("trace", b"8"), ("__connect.errors.topic", b"of another system")]
    letter = buried(own)
    assert (letter.topic, letter.source_partition, letter.place) == ("transactions", 3, "3-17")
    assert (letter.error, letter.reason) == ("services.errors.PoisonError", "because")
    assert letter.revived() == [*own, ("__redrive.count", b"1")]


def test_each_redrive_is_counted() -> None:
    once = buried([("trace", b"7")]).revived()
    assert buried(once).revived() == [("trace", b"7"), ("__redrive.count", b"2")]


def test_a_count_that_is_none_begins_anew() -> None:
    assert buried([("__redrive.count", b"many")]).revived() == [("__redrive.count", b"1")]


@pytest.mark.parametrize("headers", [None, [], [("trace", b"7")] * 6, [("__connect.errors.topic", b"t")]])
def test_what_is_no_dead_letter_is_left_alone(headers: list[tuple[str, bytes]] | None) -> None:
    assert dead_letter_of(FakeMessage(headers)) is None


LETTER = replace(buried(None), timestamp_ms=1000, partition=3, offset=17)


@pytest.mark.parametrize(
    ("wanted", "is_wanted"),
    [
        (Wanted(), True),
        (Wanted(errors=("PoisonError",)), True),
        (Wanted(errors=("Other", "services.errors.PoisonError")), True),
        (Wanted(errors=("Poison",)), False),
        (Wanted(since_ms=1000, until_ms=1001), True),
        (Wanted(since_ms=1001), False),
        (Wanted(until_ms=1000), False),
        (Wanted(partition=3, offsets=range(17, 18)), True),
        (Wanted(partition=2), False),
        (Wanted(offsets=range(17)), False),
    ],
)
def test_filters(wanted: Wanted, is_wanted: bool) -> None:
    assert (LETTER in wanted) is is_wanted
