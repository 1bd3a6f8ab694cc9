"""Search for the poison row of a batch: it alone becomes a dead letter, and the loop's search ends at the record."""

from collections.abc import Callable, Collection, Iterator, Mapping

from confluent_kafka import KafkaException

from services.detection.incoming import BatchRows, rows_without
from services.errors import PoisonError
from services.streaming.poison_search import NOT_OF_A_RECORD, PoisonRecords, UnprocessableError, is_refused_record
from services.streaming.positions import MessagePosition, Partition, RecordPosition
from services.streaming.sink import Sink

PARTS = 16
"""Parts that the suspect rows of a batch are handled in, each confirmed by the brokers."""

MAX_ATTEMPTS = 3  # of a batch that fails although each of its rows was handled


class RowSearch:
    """State of the search: the suspect rows of batches, and the rows that are known to be poison.

    Rows are numbered as in the batch. Each attempt is a Kafka transaction: it is aborted where a part fails.
    """

    def __init__(self) -> None:
        self._lengths: dict[RecordPosition, int] = {}  # of the batches handled since the last commit or abort
        self._suspects: dict[RecordPosition, tuple[int, int]] = {}
        self._attempts: dict[RecordPosition, int] = {}
        self._poison: dict[MessagePosition, PoisonError] = {}
        self._without_content: set[MessagePosition] = set()

    @property
    def active(self) -> bool:
        """True while there are suspects or poison rows."""
        return bool(self._suspects or self._poison)

    def handled(self, position: RecordPosition, length: int) -> None:
        """Note that a batch is handled in the open transaction."""
        self._lengths[position] = length

    def begin(self, position: RecordPosition) -> bool:
        """Search in a record that failed alone.

        Returns:
            False where it is no batch, or the search has found nothing: the record itself is poison.
        """
        length = self._lengths.get(position, 0)
        attempts = self._attempts[position] = self._attempts.get(position, 0) + 1
        if not length or attempts > MAX_ATTEMPTS:
            self._forget(position)
            return False
        self._suspects[position] = 0, length
        return True

    def handle(
        self, position: RecordPosition, rows: BatchRows, sink: Sink, handle_rows: Callable[[BatchRows], None]
    ) -> None:
        """Handle the rows of one record while a search is active.

        Poison rows become dead letters. Those of a suspect batch are handled in parts, each confirmed by the brokers.

        Args:
            position: The position of the record.
            rows: Its rows.
            sink: Takes the dead letters.
            handle_rows: Handles rows that are not poison.

        Raises:
            PoisonRecords: A part failed: the record has to be handled again.
        """
        good = rows_without(rows, self._poison)
        for row in range(len(rows)) if len(good) < len(rows) else ():
            if rows.position(row) in self._poison:
                self._write_dead_letter(rows, row, sink)
        if position not in self._suspects:
            handle_rows(good)
            return
        sink.confirm()
        for begin, end in self._parts(position):
            try:
                handle_rows(good.between(begin, end))
                sink.confirm()
            except NOT_OF_A_RECORD:
                raise
            except Exception as error:
                self._failed(position, begin, end, _cause(sink, error))
                raise PoisonRecords({}) from error

    def _write_dead_letter(self, rows: BatchRows, row: int, sink: Sink) -> None:
        """Write the dead letter of a row; without its content where writing that fails."""
        position = rows.position(row)
        without = position in self._without_content
        try:
            rows.write_dead_letter(sink, row, self._poison[position], without_content=without)
            sink.confirm()
        except NOT_OF_A_RECORD:
            raise
        except Exception as error:
            _cause(sink, error)
            if without:
                raise
            self._without_content.add(position)
            raise PoisonRecords({}) from error

    def _parts(self, position: RecordPosition) -> Iterator[tuple[int, int]]:
        """Yield consecutive ranges of the rows of a suspect batch: the suspects in small parts."""
        low, high = self._suspects[position]
        if low:
            yield 0, low
        step = -(-(high - low) // PARTS)
        for begin in range(low, high, step):
            yield begin, min(high, begin + step)
        if high < self._lengths[position]:
            yield high, self._lengths[position]

    def _failed(self, position: RecordPosition, begin: int, end: int, error: Exception) -> None:
        """Continue the search after handling some rows failed: they are the suspects; one alone is poison."""
        if end - begin > 1:
            self._suspects[position] = begin, end
            return
        cause = UnprocessableError(f"{type(error).__name__}: {error}", stage="TRANSFORMATION")
        self.mark({(*position, begin): cause})
        self._suspects[position] = 0, self._lengths[position]  # there may be another one
        self._attempts[position] = 0

    def mark(self, errors: Mapping[MessagePosition, PoisonError]) -> None:
        """Mark rows as poison: they become dead letters without being handled."""
        self._poison.update(errors)

    def committed(self) -> None:
        """Forget the batches that are committed."""
        for position in self._lengths:
            self._forget(position)
        self._lengths.clear()

    def revoked(self, partitions: Collection[Partition]) -> None:
        """Forget the batches of partitions: another process searches there."""
        for position in [*self._suspects, *self._attempts, *(row[:3] for row in self._poison)]:
            if position[:2] in partitions:
                self._forget(position)

    def aborted(self) -> None:
        """Forget which batches are handled: they are read again."""
        self._lengths.clear()

    def _forget(self, position: RecordPosition) -> None:
        if not (self._suspects or self._poison or self._attempts):
            return
        self._suspects.pop(position, None)
        self._attempts.pop(position, None)
        for row in [row for row in self._poison if row[:3] == position]:
            del self._poison[row]
            self._without_content.discard(row)


def _cause(sink: Sink, error: Exception) -> Exception:
    """Return why handling rows failed.

    Raises:
        KafkaException: No row is the cause.
    """
    cause = sink.cause_of(error)
    if isinstance(cause, KafkaException) and not is_refused_record(cause):
        raise cause
    return cause
