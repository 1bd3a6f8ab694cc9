"""Ctrl-C and SIGTERM: the first ends the run well, the second at once."""

import signal
from types import FrameType


class Interrupts:
    """Handles the signals of this process.

    While the pipeline runs, the first signal only sets `received`. Before that, and after a first one, a signal raises
    KeyboardInterrupt.
    """

    def __init__(self) -> None:
        self.received = False
        self._graceful = False
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._on_signal)

    def end_gracefully(self) -> None:
        """Make the first signal from here on only set `received`."""
        self._graceful = True

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        if not self._graceful or self.received:
            raise KeyboardInterrupt
        self.received = True
