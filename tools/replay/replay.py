"""Takes files through to their end, to the one row that doesn't fit too many, or until it is time to stop."""

from threading import Event

from tools.replay.progress import ReplayProgress
from tools.replay.row_reader import Block, RowReader
from tools.replay.sender import Sender, Sent


class Replay:
    """One run over some files.

    Args:
        reader: Reads them.
        sender: The sender of the transactions; None to send nothing.
        progress: Shows the progress and the unfit rows.
        stop: Ends it when set.
    """

    def __init__(self, reader: RowReader, sender: Sender | None, progress: ReplayProgress, stop: Event) -> None:
        self._reader = reader
        self._sender = sender
        self._progress = progress
        self._stop = stop
        self._files = 0
        self._read = 0.0
        self.sent = Sent() if sender is None else sender.sent
        self.unfit = 0
        self.complete = False

    def run(self, max_errors: int) -> None:
        """Send what fits and report what doesn't.

        Args:
            max_errors: End at the first row that doesn't fit after so many; what comes before it is sent.

        Raises:
            UnreadableFile: If a file can't be read to its end.
            DeliveryFailed: If a message was not delivered.
        """
        path = None
        for read in self._reader.blocks():
            if path is not None and read.path != path:
                self._files, self._read = self._files + 1, 0.0
            path = read.path
            left = max_errors - self.unfit
            block = read if len(read.errors) <= left else read.before(read.errors[left].line)
            self._progress.unfit(read.errors[: left + 1])
            self.unfit += min(len(read.errors), left + 1)
            self._send(block)
            if block is not read or self._stop.is_set():
                return
        self.complete = True

    def finish(self) -> None:
        """Wait until everything is delivered.

        Raises:
            DeliveryFailed: If not everything was delivered.
        """
        if self._sender is not None:
            self._sender.finish()

    def _send(self, block: Block) -> None:
        if self._sender is None:
            self.sent.add(block, slice(None))
            self._show(block, len(block))
        else:
            self._sender.send(block, lambda done: self._show(block, done))
        self._read = block.read

    def _show(self, block: Block, done: int) -> None:
        share = done / len(block) if len(block) else 1.0
        part = self._read + (block.read - self._read) * share
        self._progress.progress(self._files + part, self.sent.transactions, self.unfit)
