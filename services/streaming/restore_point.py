"""Restore point of a partition's state: the first offset to read, and the records to skip.

It is stored in the metadata of the committed offset (at most 4 kB, `offset.metadata.max.bytes` of the brokers).
"""

import json
from dataclasses import astuple, dataclass
from typing import Any


@dataclass(frozen=True)
class Skipped:
    """Records that a restore skips, as they will be written again.

    Attributes:
        before: Records before this offset ...
        from_ms: ... with at least this timestamp, in milliseconds since the epoch.
    """

    before: int
    from_ms: int


@dataclass(frozen=True)
class StatePosition:
    """Position of a partition's written state in the state topic.

    Attributes:
        chain: The name of the chain of records.
        start: An offset of the state topic's partition that none of the records is before.
        first: The sequence number of the first record.
        last: That of the last one.
        next_offset: The first offset of the partition that the state is without.
    """

    chain: str
    start: int
    first: int
    last: int
    next_offset: int


@dataclass(frozen=True)
class RestorePoint:
    """Position from which a partition's state is restored.

    Attributes:
        start: The first offset that the state needs.
        reach_ms: Length of the longest window for which `start` was computed, lateness included, in milliseconds.
        dead_letters: True where a record from `start` on may be in the dead-letter topic: such records are skipped,
            also where they can be decoded by now.
        skipped: Further records to skip; None for none.
        state: The written state; None where there is none.
    """

    start: int
    reach_ms: int
    dead_letters: bool = True
    skipped: Skipped | None = None
    state: StatePosition | None = None

    def to_metadata(self) -> str:
        """Return the metadata of a committed offset."""
        content: dict[str, Any] = {"windows_from": self.start, "reach_ms": self.reach_ms}
        content["dead_letters"] = int(self.dead_letters)
        if self.skipped:
            content |= {"skip_before": self.skipped.before, "skip_from_ms": self.skipped.from_ms}
        if self.state:
            content["state"] = astuple(self.state)
        return json.dumps(content, separators=(",", ":"))

    @classmethod
    def from_metadata(cls, text: str) -> "RestorePoint | None":
        """Parse the metadata of a committed offset; None where it is no restore point."""
        try:
            content = json.loads(text)
            skipped = None
            if "skip_before" in content:
                skipped = Skipped(int(content["skip_before"]), int(content["skip_from_ms"]))
            dead_letters = bool(content.get("dead_letters", 1))
            state = None
            if "state" in content:
                chain, *numbers = content["state"]
                state = StatePosition(str(chain), *map(int, numbers))
            return cls(int(content["windows_from"]), int(content["reach_ms"]), dead_letters, skipped, state)
        except (ValueError, TypeError, KeyError, AttributeError):
            return None
