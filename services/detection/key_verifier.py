"""Verifies the keys of the input: rules by receiver need all of a receiver's transactions in one partition.

Rules miss fan-in over a topic that is not keyed by receiver, or is partitioned in another way than by Java's clients,
and nothing fails. So records are verified: all of a small batch, and a sample of a large one until there is a mismatch,
as a producer that is wrong is wrong with every record.
"""

import random
import time
from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np
import structlog
from confluent_kafka import Message

from services.detection.decoded_batch import DecodedBatch
from services.streaming.partitioner import partition_of

log = structlog.get_logger()

SAMPLE = 256  # of a batch, while nothing is wrong
ALERT_SECONDS = 60.0  # how long whole batches are verified after a mismatch; and at most one warning in each such time
CLEAR_SECONDS = 600.0  # without a mismatch, until the input counts as well keyed again

LONGEST_HASHED = 255  # bytes of a key whose partition is verified

MISMATCH = "key_mismatch"


def mismatches(
    keys: Sequence[bytes | None], expected: Sequence[bytes], partitions: Sequence[int], count: int
) -> Counter[str]:
    """Return the number of records that are not keyed or partitioned by a field, by kind of mismatch. Pure.

    Args:
        keys: The key of each record.
        expected: The expected key of each: the field.
        partitions: The partition of each.
        count: The number of partitions of the topic.
    """
    kinds: Counter[str] = Counter()
    good = [row for row, key in enumerate(keys) if key == expected[row]]
    if len(good) < len(keys):
        missing = sum(key is None for key in keys)
        kinds.update({"no key": missing, "other key": len(keys) - len(good) - missing})
    # Columns of bytes are as wide as the longest, and don't keep zero bytes at the end.
    hashed = [row for row in good if len(expected[row]) <= LONGEST_HASHED and not expected[row].endswith(b"\0")]
    if hashed:
        right = partition_of(np.array([expected[row] for row in hashed], "S"), count).tolist()
        wrong = sum(partitions[row] != partition for row, partition in zip(hashed, right, strict=True))
        kinds["other partitioner"] = wrong
    return +kinds


class KeyVerifier:
    """Verifies how records are keyed, and reports mismatches.

    Args:
        topic: The input topic.
        partitions: The number of its partitions.
        degraded: Called with what is wrong, and with None when there was no mismatch for a while.
    """

    def __init__(self, topic: str, partitions: int, degraded: Callable[[str | None], None]) -> None:
        self._topic = topic
        self._partitions = partitions
        self._degraded = degraded
        self._wrong_at: float | None = None
        self._warned_at = -ALERT_SECONDS
        self._mismatched: Counter[str] = Counter()

    def mismatches(self, field: str, messages: Sequence[Message], batch: DecodedBatch) -> dict[tuple[str, str], int]:
        """Verify a batch, or a sample of it.

        Args:
            field: The field that the topic should be keyed by.
            messages: The batch as it was read.
            batch: Its decoded fields.

        Returns:
            The number of mismatches by kind, among the records that were verified.
        """
        now = time.monotonic()
        rows, positions = batch.rows, np.arange(len(batch.rows))
        alarmed = self._wrong_at is not None and now - self._wrong_at < ALERT_SECONDS
        if len(rows) > SAMPLE and not alarmed:
            step = -(-len(rows) // SAMPLE)
            positions = positions[random.randrange(step) :: step]  # noqa: S311 - no secret
        sample = [messages[row] for row in rows[positions].tolist()]
        kinds = mismatches(
            [message.key() for message in sample],
            batch.columns[field][positions].tolist(),
            [int(message.partition() or 0) for message in sample],
            self._partitions,
        )
        if kinds:
            self._report(field, kinds, now)
        elif self._wrong_at is not None and now - self._wrong_at > CLEAR_SECONDS:
            self._wrong_at = None
            self._degraded(None)
        return {(MISMATCH, kind): number for kind, number in kinds.items()}

    def _report(self, field: str, kinds: Counter[str], now: float) -> None:
        self._wrong_at = now
        self._mismatched += kinds
        if now - self._warned_at < ALERT_SECONDS:
            return
        self._warned_at = now
        counted = ", ".join(f"{number} with {kind}" for kind, number in self._mismatched.items())
        self._degraded(
            f"{self._topic} is not keyed by {field} as Java's clients do it ({counted}): rules by {field} miss "
            f"transactions; mend the producer (key = {field}, partitioner murmur2_random), or set "
            "INPUT_KEYED=repartition"
        )
        log.warning("input key mismatch", topic=self._topic, field=field, **{
            kind.replace(" ", "_"): number for kind, number in self._mismatched.items()})  # fmt: skip
        self._mismatched.clear()
