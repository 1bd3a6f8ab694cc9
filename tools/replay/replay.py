"""Takes transactions through to their end, to the one row that doesn't fit too many, or until it is time to stop."""

from collections.abc import Iterable
from threading import Event

from tools.replay.progress import ReplayProgress
from tools.replay.sender import Sender, Sent
from tools.replay.summary import Summary
from tools.transaction_files.blocks import Block


class Replay:
    """One run over some files.

    Args:
        blocks: The transactions, in the order in which they are sent.
        sender: The sender of the transactions; None to send nothing.
        progress: Shows the progress and the unfit rows.
        stop: Ends it when set.

    Attributes:
        sent: Counts of what was sent; without a sender of what would have been.
        summary: What the transactions are like.
        unfit: Number of rows that don't fit.
        left_out: Number of rows that the profile leaves out.
        complete: Whether all rows were read and sent.
    """

    def __init__(self, blocks: Iterable[Block], sender: Sender | None, progress: ReplayProgress, stop: Event) -> None:
        self._blocks = blocks
        self._sender = sender
        self._progress = progress
        self._stop = stop
        self._read = 0.0
        self.sent = Sent() if sender is None else sender.sent
        self.summary = Summary()
        self.unfit = 0
        self.left_out = 0
        self.complete = False

    def run(self, max_errors: int) -> None:
        """Send what fits and report what doesn't.

        Args:
            max_errors: End at the first row that doesn't fit after so many; what comes before it is sent, unless the
                rows have to be sorted first.

        Raises:
            UnreadableFile: If a file can't be read to its end.
            DeliveryFailed: If a message was not delivered.
        """
        for read in self._blocks:
            left = max_errors - self.unfit
            block = read if len(read.errors) <= left else read.before(read.errors[left].line)
            self._progress.unfit(read.errors[: left + 1])
            self.unfit += min(len(read.errors), left + 1)
            self.left_out += read.left_out
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
            self.summary.add(block)
            self._show(block, len(block))
        else:
            self._sender.send(block, lambda done: self._show(block, done))
        self._read = block.read

    def _show(self, block: Block, done: int) -> None:
        share = done / len(block) if len(block) else 1.0
        self._progress.progress(self._read + (block.read - self._read) * share, self.sent.transactions, self.unfit)
