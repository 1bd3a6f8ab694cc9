"""Interface of the transactional loop: the handler that it calls, and its settings."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from confluent_kafka import Message

from services.streaming.commit_interval import CommitInterval
from services.streaming.positions import Partition, RecordPosition
from services.streaming.sink import Sink


class Handler(Protocol):
    """Processing of the loop's messages. A handler's state must follow `committed` and `aborted`.

    State belongs to partitions: `assigned` and `revoked` are called in rebalances,
    `restore` reads their state back in steps, and `offset_metadata` stores the restore point for the next owner.
    """

    def assigned(self, partitions: Sequence[Partition]) -> None:
        """Add partitions that are assigned to this process. Called inside a rebalance: it must return soon."""

    def revoked(self, partitions: Sequence[Partition], *, lost: bool) -> None:
        """Remove revoked partitions; their handled messages are committed, or `aborted` will follow.

        Args:
            partitions: The revoked partitions.
            lost: True where the membership ended: the process is likely to get the same partitions again.
        """

    def unrestored(self) -> Collection[Partition]:
        """Return the assigned partitions whose state is not restored: the loop pauses them."""

    def is_restored(self) -> bool:
        """Return whether the state of every partition is restored. Called before each batch."""

    def restore(self, seconds: float, *, between_transactions: bool) -> None:
        """Restore the state of assigned partitions for a limited time; the next call continues.

        Args:
            seconds: Limit of the time, approximately.
            between_transactions: True where no transaction is open.

        Raises:
            RetryableError: the restore can't continue now; the loop calls again.
        """

    def offset_metadata(self, partition: Partition) -> str:
        """Return the metadata to commit with a partition's offset, from which `restore` begins; may be empty."""

    def handle(self, messages: Sequence[Message], sink: Sink) -> int:
        """Handle one batch and write the results to the sink.

        Returns:
            The number of messages; a record that is a batch of messages counts as these.

        Raises:
            RetryableError: the batch can't be handled now; the loop reads it again.
            PoisonRecords: some of its records can never be handled; the loop reads the others again.
        """

    def write_state(self, sink: Sink, offsets: Mapping[Partition, int]) -> None:
        """Write changes of state to the sink: called in the open transaction, before its offsets are committed.

        Args:
            sink: The sink.
            offsets: The offsets to be committed, by partition.
        """

    def search_inside(self, position: RecordPosition) -> bool:
        """Begin to search for the poison message in a record that is a batch of messages, and has failed alone.

        Called before `aborted`; the record is handled again. While `handle` searches, it raises `PoisonRecords`.

        Returns:
            False where the record is none, or can't be searched: it is poison itself.
        """

    def dead_lettered(self, partition: Partition, offset: int) -> None:
        """Record that a message of the open transaction was written to the dead-letter topic."""

    def committed(self) -> None:
        """Keep the changes of state since the last call of `committed` or `aborted`: they are committed."""

    def aborted(self) -> None:
        """Undo the changes of state since then: the messages will be read again, by this process or another."""


@dataclass(frozen=True)
class LoopSettings:
    """Settings of the loop.

    Attributes:
        topics: Topics to read.
        dead_letter_topic: Topic for poison messages.
        commit_interval: Time from one commit to the next.
        batch_size: Limit of the records in one batch.
        retry_timeout: Seconds of consecutive failures without a commit after which the loop gives up.
        stop_timeout: Seconds for the last commit after a stop.
        dead_letter_max_bytes: The largest record that the dead-letter topic accepts.
    """

    topics: tuple[str, ...]
    dead_letter_topic: str
    commit_interval: CommitInterval
    batch_size: int = 5000
    retry_timeout: float = 300
    stop_timeout: float = 5
    dead_letter_max_bytes: int = 2 * 1_048_588
