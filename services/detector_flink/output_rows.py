"""Records to write, as rows for Flink's sink: what a Kafka producer is for the detector."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from services.streaming.partitioner import partition_of_key
from services.streaming.record_headers import Headers

Row = list[bytes | None]
"""Topic, key, value, milliseconds since the epoch, then the names of all headers, then their values: in bytes, as
Flink's Arrow batches take no rows in arrays, and its SQL takes these apart again (`statements`)."""

FIXED = 4
"""Fields of a row before its headers."""


@dataclass(frozen=True)
class PartitionKeys:
    """Keys that Kafka's default partitioner sends to each partition of a topic: Flink's sink takes no partition."""

    keys: Sequence[bytes]

    @classmethod
    def of(cls, count: int, given: bytes | None = None) -> "PartitionKeys":
        """Return the keys of a topic with `count` partitions: a given key, a zero byte, and a number."""
        keys: dict[int, bytes] = {}
        number = 0
        while len(keys) < count:
            key = b"%b\0%d" % (given or b"", number)
            keys.setdefault(partition_of_key(key, count), key)
            number += 1
        return cls([keys[partition] for partition in range(count)])


class OutputRows:
    """Takes records as a `confluent_kafka.Producer` does, for `services.streaming.sink.Sink`, and keeps them as rows.

    Args:
        partition_count: Returns the number of partitions of a topic.
    """

    def __init__(self, partition_count: Callable[[str], int]) -> None:
        self._partition_count = partition_count
        self._keys: dict[tuple[bytes | None, int], PartitionKeys] = {}
        self._header_parts: dict[int, tuple[Headers, list[bytes | None]]] = {}
        self.rows: list[Row] = []

    def take(self) -> list[Row]:
        """Return the rows since the last call."""
        rows, self.rows = self.rows, []
        return rows

    def produce(  # noqa: PLR0917 - the signature of a producer
        self,
        topic: str,
        value: bytes | None = None,
        key: bytes | None = None,
        partition: int = -1,
        callback: Any = None,  # noqa: ARG002 - of the producer's signature, as the next
        on_delivery: Any = None,  # noqa: ARG002
        timestamp: int = 0,
        headers: Headers | None = None,
    ) -> None:
        """Add a record. Where a partition is given, the key gets an ending that sends it there."""
        if partition >= 0:
            count = self._partition_count(topic)
            if (key, count) not in self._keys:
                self._keys[key, count] = PartitionKeys.of(count, key)
            key = self._keys[key, count].keys[partition]
        at = timestamp or int(time.time() * 1000)
        self.rows.append([topic.encode(), key, value, b"%d" % at, *(self._parts(headers) if headers else ())])

    def partition_of(self, row: Row) -> int:
        """Return the partition that a record with a key goes to."""
        return partition_of_key(row[1] or b"", self._partition_count((row[0] or b"").decode()))

    def list_topics(self, topic: str, timeout: float) -> Any:  # noqa: ARG002 - the producer's signature
        """Return metadata with the number of a topic's partitions."""
        return SimpleNamespace(topics={topic: SimpleNamespace(partitions=range(self._partition_count(topic)))})

    def _parts(self, headers: Headers) -> list[bytes | None]:
        """Return names and values of headers; most are the same objects again and again."""
        known = self._header_parts.get(id(headers))
        if known is not None and known[0] is headers:
            return known[1]
        values = [value.encode() if isinstance(value, str) else value for _, value in headers]
        parts = [*(name.encode() for name, _ in headers), *values]
        if len(self._header_parts) > 1000:
            self._header_parts.clear()
        self._header_parts[id(headers)] = headers, parts
        return parts

    def poll(self, timeout: float = 0) -> int:  # noqa: ARG002 - the producer's signature
        """Do nothing: there is no queue."""
        return 0

    def flush(self, timeout: float = 0) -> int:  # noqa: ARG002 - the producer's signature
        """Do nothing: Flink's sink delivers."""
        return 0

    def begin_transaction(self) -> None:
        """Do nothing: Flink's transaction is always open."""
