"""Shows the batches of repartition topics as the single transactions in them."""

from collections.abc import Iterable, Iterator

from confluent_kafka import TIMESTAMP_CREATE_TIME, Message

from services.contracts import Registry
from services.detection.batch_unpacker import BatchUnpacker
from services.detection.headers import HeaderWriter
from services.detection.transaction_batch import TransactionBatch
from services.errors import PoisonError
from services.streaming.dead_letter_format import origin_of
from services.streaming.positions import MessagePosition, position_of
from services.streaming.record_headers import read_headers


class RowMessage(Message):
    """A transaction of a batch as a message of its own; topic, partition and offset are those of the batch.

    Attributes:
        row: Its row in the batch.
    """

    row = 0


class SingleTransactions:
    """Replaces batches by their transactions.

    Args:
        registry: Asked once per schema id.
    """

    def __init__(self, registry: Registry) -> None:
        self._unpack = BatchUnpacker(registry)
        self._headers = HeaderWriter()

    def of(self, messages: Iterable[Message]) -> Iterator[Message]:
        """Yield messages, with the transactions of a batch in its place: with their headers and those of the rules.

        Batches of labels are left out.

        Batches that are torn, or are dead letters, stay what they are.

        Raises:
            Unavailable: The registry can't be asked about a new schema id.
        """
        for message in messages:
            batch = self._batch(message)
            if batch is None:
                yield message
                continue
            if batch.labels is not None:
                continue
            topic, partition, offset = position_of(message)
            timestamps = batch.timestamps.tolist()
            for row, (value, key, headers) in enumerate(zip(batch.values, batch.keys, batch.headers, strict=True)):
                added = self._headers(batch.version, batch.matched.get(row, ()))
                single = RowMessage(
                    topic=topic, partition=partition, offset=offset, key=key, value=value,
                    headers=[*(headers or ()), *added], timestamp=(TIMESTAMP_CREATE_TIME, timestamps[row]),
                )  # fmt: skip
                single.row = row
                yield single

    def _batch(self, message: Message) -> TransactionBatch | None:
        try:
            batch = self._unpack(message.value(), None)
        except PoisonError:
            return None
        # The headers of other messages are left to whom they are for: they can be read once.
        return batch if batch is not None and not origin_of(read_headers(message) or ()) else None


def place(message: Message) -> MessagePosition:
    """Return the position of a message, with the row of a transaction in a batch."""
    position = position_of(message)
    return (*position, message.row) if isinstance(message, RowMessage) else position
