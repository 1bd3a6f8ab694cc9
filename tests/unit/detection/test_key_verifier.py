"""Looking at how the input is keyed."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from services.detection import key_verifier
from services.detection.decoded_batch import DecodedBatch
from services.detection.key_verifier import SAMPLE, KeyVerifier, mismatches
from services.streaming.partitioner import partition_of

COUNT = 4


class Keyed:
    """Message with the parts that the verifier looks at."""

    def __init__(self, key: bytes | None, partition: int) -> None:
        self._key, self._partition = key, partition

    def key(self) -> bytes | None:
        return self._key

    def partition(self) -> int:
        return self._partition


def partition(key: bytes) -> int:
    return int(partition_of(np.array([key]), COUNT)[0])


def batch_of(targets: list[bytes]) -> DecodedBatch:
    return DecodedBatch(np.arange(len(targets)), {"target": np.array(targets, object)}, [], {})


def test_records_are_counted_by_what_is_wrong_with_them() -> None:
    good, other = b"account00001", b"account00002"
    kinds = mismatches(
        [good, None, other, good, None, b""],
        [good, good, good, good, good, good],
        [partition(good), 0, 0, (partition(good) + 1) % COUNT, 0, 0],
        COUNT,
    )
    assert kinds == {"no key": 2, "other key": 2, "other partitioner": 1}
    assert not mismatches([good, b""], [good, b""], [partition(good), partition(b"")], COUNT)


@pytest.mark.parametrize("key", [b"x" * 100_000, b"nul\0", b"\0"])
def test_the_partition_of_keys_that_no_column_takes_is_not_verified(key: bytes) -> None:
    assert not mismatches([key, b"a"], [key, b"a"], [3, partition(b"a")], COUNT)


def verifier(monkeypatch: pytest.MonkeyPatch) -> tuple[KeyVerifier, list[str | None], SimpleNamespace]:
    reported: list[str | None] = []
    clock = SimpleNamespace(now=1000.0)
    monkeypatch.setattr(key_verifier, "time", SimpleNamespace(monotonic=lambda: clock.now))
    return KeyVerifier("in", COUNT, reported.append), reported, clock


def look(keys: KeyVerifier, messages: list[Keyed], targets: list[bytes]) -> dict[tuple[str, str], int]:
    some: Any = messages
    return keys.mismatches("target", some, batch_of(targets))


def test_a_sample_of_a_large_batch_is_verified_until_a_mismatch(monkeypatch: pytest.MonkeyPatch) -> None:
    keys, reported, clock = verifier(monkeypatch)
    count = 10 * SAMPLE
    wrong = [Keyed(None, 0)] * count
    assert look(keys, wrong, [b"a"] * count) == {("key_mismatch", "no key"): SAMPLE}
    assert look(keys, wrong, [b"a"] * count) == {("key_mismatch", "no key"): count}  # now all of them are counted
    assert [bool(reason) for reason in reported] == [True]  # at most once a minute
    assert "in is not keyed by target as Java's clients do it (256 with no key)" in str(reported[0])
    clock.now += 61
    look(keys, wrong[:3], [b"a"] * 3)
    assert f"{count + 3} with no key" in str(reported[1])


def test_a_sample_finds_a_producer_that_writes_a_tenth_of_the_traffic(monkeypatch: pytest.MonkeyPatch) -> None:
    keys, reported, _ = verifier(monkeypatch)
    count = 20 * SAMPLE
    good = partition(b"a")
    messages = [Keyed(None if number % 9 == 0 else b"a", good) for number in range(count)]
    assert look(keys, messages, [b"a"] * count)
    assert reported


def test_it_counts_as_well_keyed_again_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    keys, reported, clock = verifier(monkeypatch)
    good = [Keyed(b"a", partition(b"a"))]
    look(keys, [Keyed(b"b", 0)], [b"a"])
    clock.now += 300
    look(keys, good, [b"a"])
    assert reported[-1]
    clock.now += 301
    look(keys, good, [b"a"])
    assert reported[-1] is None
    look(keys, good, [b"a"])
    assert len(reported) == 2
