"""Ctrl-C and SIGTERM: at first a wish to end well, then an order to end now."""

import signal
from types import FrameType


class Interrupts:
    """What the signals of this process mean at the moment.

    While the pipeline runs, the first signal only sets ``wanted``. Before that, and after a first one, a signal raises
    KeyboardInterrupt.
    """

    def __init__(self) -> None:
        self.wanted = False
        self._graceful = False
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._on_signal)

    def end_gracefully(self) -> None:
        """From here on the first signal is a wish."""
        self._graceful = True

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        if not self._graceful or self.wanted:
            raise KeyboardInterrupt
        self.wanted = True
