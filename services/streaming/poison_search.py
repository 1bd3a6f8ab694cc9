"""Search for the poison record of a batch, by bisection: each part is handled in a Kafka transaction of its own.

The handler names most poison records itself (`PoisonRecords`). The cause of an unexpected exception, and of a delivery
that the broker refuses, is unknown. The search halves the batch until the record is alone, and the other records are
committed on the way.
"""

from collections.abc import Collection, Iterable, Mapping

from confluent_kafka import KafkaException, Message

from services.errors import ExpectedError, PoisonError
from services.streaming.positions import MessagePosition, Partition, RecordPosition, position_of

MAX_ATTEMPTS = 2  # of a record alone: its first failure may have had another cause

# Errors of a broker that are caused by a record. Every other failed delivery is the cluster's, and is retried.
REFUSED_RECORDS = {
    "INVALID_MSG",
    "INVALID_MSG_SIZE",
    "INVALID_RECORD",
    "INVALID_TIMESTAMP",
    "MSG_SIZE_TOO_LARGE",
    "POLICY_VIOLATION",
    "RECORD_LIST_TOO_LARGE",
}


NOT_OF_A_RECORD = (ExpectedError, OSError, MemoryError)
"""Exceptions that are not caused by a record: expected ones, and those of the machine."""


class UnprocessableError(PoisonError):
    """Handling the record raised an unexpected exception, or a broker refused its result."""


class UnexplainedError(ExpectedError):
    """Handling some messages failed, and the record that is the cause is unknown."""

    def __init__(self, cause: Exception, ends: Mapping[Partition, int], count: int) -> None:
        super().__init__(f"{type(cause).__name__}: {cause}")
        self.cause, self.ends, self.count = cause, ends, count


class PoisonRecords(ExpectedError):  # noqa: N818 - named for what it carries
    """Some records of a batch can't be processed; the batch has to be handled again without them.

    Args:
        errors: The error of each, by its position.
    """

    def __init__(self, errors: Mapping[MessagePosition, PoisonError]) -> None:
        super().__init__("; ".join(f"{'-'.join(map(str, position))}: {error}" for position, error in errors.items()))
        self.errors = errors


def is_refused_record(error: KafkaException) -> bool:
    """Return whether a broker refused a delivery because of a record in it."""
    return error.args[0].name() in REFUSED_RECORDS


class PoisonSearch:
    """State of the search: it limits the batches, and holds the records that are known to be poison.

    Args:
        batch_size: Limit of a batch outside of a search.
    """

    def __init__(self, batch_size: int) -> None:
        self._batch_size = batch_size
        self._ends: dict[Partition, int] = {}  # the messages before these offsets are suspects
        self._suspects = 0
        self._failures: dict[RecordPosition, int] = {}  # by record that failed alone
        self._poison: dict[MessagePosition, PoisonError] = {}
        self._refused_dead_letters: set[RecordPosition] = set()  # their dead letters were refused, too

    @property
    def active(self) -> bool:
        """True during a search."""
        return bool(self._ends)

    @property
    def limit(self) -> int:
        """The limit of the next batch."""
        return max(1, min(self._batch_size, self._suspects // 2)) if self._ends else self._batch_size

    def failed(self, ends: Mapping[Partition, int], count: int, error: Exception) -> bool:
        """Continue the search after handling or committing some messages failed for an unknown record.

        Args:
            ends: The offset after the last of these messages, by partition.
            count: Number of these messages.
            error: The error.

        Returns:
            False where no attempt is left: the broker refuses even a dead letter without content.
        """
        self._ends, self._suspects = dict(ends), count
        if count > 1:
            return True
        ((topic, number), end), *_ = ends.items()
        position = topic, number, end - 1
        failures = self._failures[position] = self._failures.get(position, 0) + 1
        if failures >= MAX_ATTEMPTS:
            if position in self._refused_dead_letters:
                return False
            if position in self._poison:
                self._refused_dead_letters.add(position)
            else:
                self.mark_poison(
                    {position: UnprocessableError(f"{type(error).__name__}: {error}", stage="TRANSFORMATION")}
                )
            del self._failures[position]
            self._ends = {}
        return True

    def mark_poison(self, errors: Mapping[MessagePosition, PoisonError]) -> None:
        """Mark records as poison: they become dead letters without being handled."""
        self._poison.update(errors)

    def committed(self, ends: Mapping[Partition, int], count: int) -> None:
        """Remove committed messages from the suspects.

        Args:
            ends: The offset after the last of these messages, by partition.
            count: Number of these messages.
        """
        if self._ends:
            self._suspects = max(1, self._suspects - count)
            self._ends = {partition: end for partition, end in self._ends.items() if ends.get(partition, -1) < end}
        if self._poison or self._failures:
            every: set[MessagePosition] = {*self._poison, *self._failures}
            done = {position for position in every if position[2] < ends.get(position[:2], -1)}
            self._poison = {position: error for position, error in self._poison.items() if position not in done}
            self._failures = {position: count for position, count in self._failures.items() if position not in done}
            self._refused_dead_letters -= done

    def retain(self, partitions: Collection[Partition]) -> None:
        """Limit the search to these partitions: another process searches in revoked ones."""
        self._ends = {partition: end for partition, end in self._ends.items() if partition in partitions}

    def is_refused_dead_letter(self, message: Message) -> bool:
        """Return whether a broker refused the dead letter of a record."""
        return position_of(message) in self._refused_dead_letters

    def poison(self, messages: Iterable[Message]) -> dict[int, PoisonError]:
        """Return the poison records among some messages: their errors by index."""
        if not self._poison:
            return {}
        errors = ((index, self._poison.get(position_of(message))) for index, message in enumerate(messages))
        return {index: error for index, error in errors if error is not None}
