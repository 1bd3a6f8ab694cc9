"""What the transactional loop calls, and how it is told to pace itself."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from confluent_kafka import Message

from services.streaming.sink import Sink

Partition = tuple[str, int]
"""A topic and the number of one of its partitions."""


class Handler(Protocol):
    """What the loop calls. State that a handler keeps must follow `committed` and `aborted`.

    State that belongs to partitions comes and goes with them: `assigned` and `revoked` say which are this process's,
    `prepare` has the time to bring what they need, and `bookmark` leaves a note for whoever has a partition next.
    """

    def assigned(self, partitions: Sequence[Partition]) -> None:
        """These are ours from now on. Called in a rebalance: it must not take long."""

    def revoked(self, partitions: Sequence[Partition]) -> None:
        """These are somebody else's from now on; what was handled of them is committed, or will be undone."""

    def ready(self) -> bool:
        """Whether batches can be handled at once. Asked before each batch; where not, `prepare` is called."""

    def prepare(self) -> None:
        """Makes ready for the partitions that are ours. No transaction is open: it may take its time.

        Raises:
            RetryableError: it can't be done now, and will be tried again.
        """

    def bookmark(self, partition: Partition) -> str:
        """What to commit with a partition's offset, for `prepare` to find again; may be empty."""

    def handle(self, messages: Sequence[Message], sink: Sink) -> None:
        """Judges one batch and writes the results to the sink.

        Raises:
            RetryableError: the batch can't be handled now; it will be read again.
        """

    def committed(self) -> None:
        """Everything handled since the last call of `committed` or `aborted` is now committed."""

    def aborted(self) -> None:
        """Everything handled since then is undone and will be read again, by this process or another."""


@dataclass(frozen=True)
class LoopSettings:
    """How the loop paces itself.

    Attributes:
        topics: What it reads.
        dead_letter_topic: Where poison messages go.
        commit_interval: Seconds from one commit to the next, at least; a transaction lasts no longer.
        hops: How many transactions one after the other a message goes through, by way of topics that the loop itself
            writes and reads. They share the interval, so that it says how long a message waits in all, except while
            there is a backlog: then long transactions get through it sooner.
        batch_size: The most messages that a handler gets at once.
        patience: Seconds without a commit, while something keeps failing, before the loop gives up.
        stop_timeout: Seconds that the last commit may take when the loop is asked to stop.
    """

    topics: tuple[str, ...]
    dead_letter_topic: str
    commit_interval: float
    hops: int = 1
    batch_size: int = 5000
    patience: float = 300
    stop_timeout: float = 5
