"""What the transactional loop calls, and how it is told to pace itself."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

from confluent_kafka import Message

from services.streaming.positions import Partition
from services.streaming.sink import Sink

__all__ = ["Handler", "LoopSettings", "Partition"]


class Handler(Protocol):
    """What the loop calls. State that a handler keeps must follow `committed` and `aborted`.

    State that belongs to partitions comes and goes with them: `assigned` and `revoked` say which are this process's,
    `restore` reads their state back in steps, and `offset_metadata` stores the restore point for the next owner.
    """

    def assigned(self, partitions: Sequence[Partition]) -> None:
        """Note partitions that are this process's from now on. Called in a rebalance: it must not take long."""

    def revoked(self, partitions: Sequence[Partition], *, lost: bool) -> None:
        """Note partitions that are this process's no more; what was handled of them is committed, or will be undone.

        Args:
            partitions: Which.
            lost: Whether the process may well get them back: its membership ended, not its turn.
        """

    def unrestored(self) -> Collection[Partition]:
        """Return the partitions whose messages can't be handled yet: the loop reads nothing of them meanwhile."""

    def is_restored(self) -> bool:
        """Return whether the state of every partition is restored. Called before each batch."""

    def restore(self, seconds: float, *, between_transactions: bool) -> None:
        """Restore what the assigned partitions need, for about so long, and go on with it at the next call.

        Args:
            seconds: How long the loop may be kept from everything else.
            between_transactions: Whether no transaction is open.

        Raises:
            RetryableError: it can't be done now, and will be tried again.
        """

    def offset_metadata(self, partition: Partition) -> str:
        """Return the metadata to commit with a partition's offset, from which `restore` begins; may be empty."""

    def handle(self, messages: Sequence[Message], sink: Sink) -> None:
        """Handle one batch and write the results to the sink.

        Raises:
            RetryableError: the batch can't be handled now; it will be read again.
            PoisonRecords: some of its records can never be handled; the others will be read again.
        """

    def dead_lettered(self, partition: Partition, offset: int) -> None:
        """Note that a record of the open transaction goes to the dead-letter topic."""

    def committed(self) -> None:
        """Note that everything handled since the last call of `committed` or `aborted` is now committed."""

    def aborted(self) -> None:
        """Undo everything handled since then: it will be read again, by this process or another."""


@dataclass(frozen=True)
class LoopSettings:
    """How the loop paces itself.

    Attributes:
        topics: What it reads.
        dead_letter_topic: Where poison messages go.
        commit_interval: Seconds from one commit to the next, at least; a transaction lasts no longer.
        stage_count: Chained Kafka transactions per message, one for each topic that the loop both writes and reads. The
            stages share the commit interval, so it bounds a message's whole latency. With a backlog each stage takes
            the whole interval: long transactions have more throughput.
        batch_size: The most messages that a handler gets at once.
        retry_timeout: Seconds without a commit, while something keeps failing, before the loop gives up.
        stop_timeout: Seconds that the last commit may take when the loop is asked to stop.
        dead_letter_max_bytes: The largest record that the dead-letter topic takes.
    """

    topics: tuple[str, ...]
    dead_letter_topic: str
    commit_interval: float
    stage_count: int = 1
    batch_size: int = 5000
    retry_timeout: float = 300
    stop_timeout: float = 5
    dead_letter_max_bytes: int = 2 * 1_048_588
