"""Limit on the records of a batch, so that a slow one is handled well within its transaction's timeout. Pure."""

BATCH_SECONDS = 4.0
"""The target for the longest batch. Brokers abort a transaction after `transaction.timeout.ms`, 15 seconds or
more: a batch that takes longer fails, is read again, and would fail again at the same size."""


class BatchLimit:
    """The number of records to handle at once: fewer after a batch that took too long, and more again after fast ones.

    Args:
        most: The most records.
        seconds: The target for the longest batch.
    """

    def __init__(self, most: int, seconds: float = BATCH_SECONDS) -> None:
        self._most = most
        self._seconds = seconds
        self.records = most

    def handled(self, records: int, seconds: float) -> None:
        """Note the time that a batch took, whether it succeeded or not."""
        if seconds > self._seconds:
            self.records = max(1, min(self.records, int(records * self._seconds / seconds / 2)))
        elif records >= self.records and seconds < self._seconds / 2:
            self.records = min(self._most, self.records * 2)
