"""What is committed with a partition's offset: from where its state is restored, and what is left out.

The restore point is the metadata of the committed offset (at most 4 kB, `offset.metadata.max.bytes` of the brokers).
"""

import json
from dataclasses import dataclass


@dataclass(frozen=True)
class Skipped:
    """Records that a partition holds, and that its state must not: they will be written again.

    Attributes:
        before: Only records before this offset.
        from_ms: Only records with at least this timestamp, in milliseconds since the epoch.
    """

    before: int
    from_ms: int


@dataclass(frozen=True)
class RestorePoint:
    """Where a restore begins.

    Attributes:
        start: The first offset that the state needs.
        reach_ms: How long the windows were that `start` was found for, lateness included, in milliseconds.
        dead_letters: Whether a record from `start` on is in the dead-letter topic: such records are left out, also
            where they can be read by now.
        skipped: What else is left out; None for nothing.
    """

    start: int
    reach_ms: int
    dead_letters: bool = True
    skipped: Skipped | None = None

    def to_metadata(self) -> str:
        """Return it as offset metadata."""
        content: dict[str, int] = {"windows_from": self.start, "reach_ms": self.reach_ms}
        content["dead_letters"] = int(self.dead_letters)
        if self.skipped:
            content |= {"skip_before": self.skipped.before, "skip_from_ms": self.skipped.from_ms}
        return json.dumps(content, separators=(",", ":"))

    @classmethod
    def from_metadata(cls, text: str) -> "RestorePoint | None":
        """Read offset metadata; None if that is something else."""
        try:
            content = json.loads(text)
            skipped = None
            if "skip_before" in content:
                skipped = Skipped(int(content["skip_before"]), int(content["skip_from_ms"]))
            dead_letters = bool(content.get("dead_letters", 1))
            return cls(int(content["windows_from"]), int(content["reach_ms"]), dead_letters, skipped)
        except (ValueError, TypeError, KeyError, AttributeError):
            return None
