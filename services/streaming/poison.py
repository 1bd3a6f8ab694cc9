"""Which record makes a batch fail: found by handling ever smaller parts of it, each in a Kafka transaction of its own.

Most poison is known where it is read, and named by the handler (`PoisonRecords`). What remains is an exception that
nobody foresaw, or a delivery that the broker refuses: neither says which record caused it. The search halves what is
handled at once until the record is alone. The records beside it are committed on the way.
"""

from collections.abc import Collection, Iterable, Mapping

from confluent_kafka import KafkaException, Message

from services.errors import ExpectedError, PoisonError
from services.streaming.positions import Partition, RecordPosition, position_of

TRIES_ALONE = 2  # a record that fails alone is handled once more: the failure may have had another cause

# What a broker refuses for the sake of a record. Every other failed delivery is the cluster's, and is tried again.
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
"""Exceptions that say themselves what is wrong, or that are the machine's."""


class UnprocessableError(PoisonError):
    """Handling the record failed in a way that nobody foresaw, or a broker refused what came of it."""


class PoisonRecords(ExpectedError):  # noqa: N818 - named for what it carries
    """Some records of a batch can't be processed; the batch has to be handled again without them.

    Args:
        errors: What is wrong with each, by its place.
    """

    def __init__(self, errors: Mapping[RecordPosition, PoisonError]) -> None:
        super().__init__("; ".join(f"{topic}-{partition}-{offset}: {error}" for (topic, partition, offset), error
                                   in errors.items()))  # fmt: skip
        self.errors = errors


def is_refused_record(error: KafkaException) -> bool:
    """Whether a broker refused a delivery because of a record in it."""
    return error.args[0].name() in REFUSED_RECORDS


class PoisonSearch:
    """Decides how many messages are handled at once, and which are dead letters without being handled.

    Args:
        batch_size: The most messages that are handled at once.
    """

    def __init__(self, batch_size: int) -> None:
        self._batch_size = batch_size
        self._ends: dict[Partition, int] = {}  # the messages before these offsets are suspected
        self._suspects = 0
        self._failures: dict[RecordPosition, int] = {}  # of records that failed alone
        self._poison: dict[RecordPosition, PoisonError] = {}
        self._refused_dead_letters: set[RecordPosition] = set()  # refused even as dead letters

    @property
    def active(self) -> bool:
        """Whether a record is being searched for."""
        return bool(self._ends)

    @property
    def limit(self) -> int:
        """The most messages to handle at once now."""
        return max(1, min(self._batch_size, self._suspects // 2)) if self._ends else self._batch_size

    def failed(self, ends: Mapping[Partition, int], count: int, error: Exception) -> bool:
        """Note that handling or committing some messages failed, and it is not known which one is the cause.

        Args:
            ends: The offset after the last of these messages, by partition.
            count: How many messages these are.
            error: What was raised.

        Returns:
            Whether anything is left to try: a broker may refuse even a dead letter without content.
        """
        self._ends, self._suspects = dict(ends), count
        if count > 1:
            return True
        ((topic, number), end), *_ = ends.items()
        place = topic, number, end - 1
        failures = self._failures[place] = self._failures.get(place, 0) + 1
        if failures >= TRIES_ALONE:
            if place in self._refused_dead_letters:
                return False
            if place in self._poison:
                self._refused_dead_letters.add(place)
            else:
                self.mark_poison(
                    {place: UnprocessableError(f"{type(error).__name__}: {error}", stage="TRANSFORMATION")}
                )
            del self._failures[place]
            self._ends = {}
        return True

    def mark_poison(self, errors: Mapping[RecordPosition, PoisonError]) -> None:
        """Note that these records are to be dead letters."""
        self._poison.update(errors)

    def committed(self, ends: Mapping[Partition, int], count: int) -> None:
        """Note that some messages are committed: they are not the cause.

        Args:
            ends: The offset after the last of these messages, by partition.
            count: How many messages these are.
        """
        if self._ends:
            self._suspects = max(1, self._suspects - count)
            self._ends = {one: end for one, end in self._ends.items() if ends.get(one, -1) < end}
        if self._poison or self._failures:
            done = {place for place in {*self._poison, *self._failures} if place[2] < ends.get(place[:2], -1)}
            for place in done:
                self._poison.pop(place, None)
                self._failures.pop(place, None)
            self._refused_dead_letters -= done

    def retain(self, partitions: Collection[Partition]) -> None:
        """Search in these partitions alone: another process searches in what was revoked."""
        self._ends = {partition: end for partition, end in self._ends.items() if partition in partitions}

    def is_refused_dead_letter(self, message: Message) -> bool:
        """Whether a broker refused the dead letter of a record as well."""
        return position_of(message) in self._refused_dead_letters

    def poison(self, messages: Iterable[Message]) -> dict[int, PoisonError]:
        """Which of some messages are to be dead letters: by their index what is wrong with each."""
        if not self._poison:
            return {}
        errors = ((index, self._poison.get(position_of(message))) for index, message in enumerate(messages))
        return {index: error for index, error in errors if error is not None}
