"""How the input is keyed: rules by receiver see all of a receiver's transactions only if they are in one partition.

Fan-in over a topic that is not keyed by receiver, or is partitioned in another way than Java's clients do it, is
invisible, and nothing fails. So it is looked at: all of a small batch, and a sample of a large one until something is
found, as a producer that does it wrong does it with every record.
"""

import random
import time
from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np
import structlog
from confluent_kafka import Message

from services.detector.decoded_batch import Batch
from services.streaming.partitioner import partition_of

log = structlog.get_logger()

SAMPLE = 256  # of a batch, while nothing is wrong
ALERT_SECONDS = 60.0  # how long whole batches are looked at after something was wrong; and at most a warning in each
CLEAR_SECONDS = 600.0  # without anything wrong, until the input counts as well keyed again

LONGEST_HASHED = 255  # bytes of a key whose partition is looked at

MISMATCH = "key_mismatch"


def mismatches(
    keys: Sequence[bytes | None], wanted: Sequence[bytes], partitions: Sequence[int], count: int
) -> Counter[str]:
    """How many records are keyed or partitioned otherwise than by a field, by what is wrong. Pure.

    Args:
        keys: The key of each record.
        wanted: What it should be: the field.
        partitions: In which partition each is.
        count: How many partitions the topic has.
    """
    found: Counter[str] = Counter()
    good = [row for row, key in enumerate(keys) if key == wanted[row]]
    if len(good) < len(keys):
        missing = sum(key is None for key in keys)
        found.update({"no key": missing, "other key": len(keys) - len(good) - missing})
    # Columns of bytes are as wide as the longest, and don't tell zero bytes at the end.
    hashed = [row for row in good if len(wanted[row]) <= LONGEST_HASHED and not wanted[row].endswith(b"\0")]
    if hashed:
        right = partition_of(np.array([wanted[row] for row in hashed], "S"), count).tolist()
        wrong = sum(partitions[row] != partition for row, partition in zip(hashed, right, strict=True))
        found["other partitioner"] = wrong
    return +found


class KeyVerifier:
    """Looks at how records are keyed, and says what it finds.

    Args:
        topic: The input topic.
        partitions: How many partitions it has.
        degraded: Told what is wrong, and None when nothing was for a while.
    """

    def __init__(self, topic: str, partitions: int, degraded: Callable[[str | None], None]) -> None:
        self._topic = topic
        self._partitions = partitions
        self._degraded = degraded
        self._wrong_at: float | None = None
        self._warned_at = -ALERT_SECONDS
        self._found: Counter[str] = Counter()

    def mismatches(self, field: str, messages: Sequence[Message], batch: Batch) -> dict[tuple[str, str], int]:
        """Look at a batch, or a sample of it.

        Args:
            field: What the topic should be keyed by.
            messages: What was read.
            batch: The fields of it.

        Returns:
            How many are wrong, by what is wrong with them, of those that were looked at.
        """
        now = time.monotonic()
        rows, positions = batch.rows, np.arange(len(batch.rows))
        alarmed = self._wrong_at is not None and now - self._wrong_at < ALERT_SECONDS
        if len(rows) > SAMPLE and not alarmed:
            step = -(-len(rows) // SAMPLE)
            positions = positions[random.randrange(step) :: step]  # noqa: S311 - no secret
        looked_at = [messages[row] for row in rows[positions].tolist()]
        found = mismatches(
            [message.key() for message in looked_at],
            batch.columns[field][positions].tolist(),
            [int(message.partition() or 0) for message in looked_at],
            self._partitions,
        )
        if found:
            self._tell(field, found, now)
        elif self._wrong_at is not None and now - self._wrong_at > CLEAR_SECONDS:
            self._wrong_at = None
            self._degraded(None)
        return {(MISMATCH, kind): number for kind, number in found.items()}

    def _tell(self, field: str, found: Counter[str], now: float) -> None:
        self._wrong_at = now
        self._found += found
        if now - self._warned_at < ALERT_SECONDS:
            return
        self._warned_at = now
        kinds = ", ".join(f"{number} with {kind}" for kind, number in self._found.items())
        self._degraded(
            f"{self._topic} is not keyed by {field} as Java's clients do it ({kinds}): rules by {field} miss "
            f"transactions; mend the producer (key = {field}, partitioner murmur2_random), or set "
            "INPUT_KEYED=repartition"
        )
        log.warning("input keyed wrongly: rules miss transactions", topic=self._topic, field=field, **{
            kind.replace(" ", "_"): number for kind, number in self._found.items()})  # fmt: skip
        self._found.clear()
