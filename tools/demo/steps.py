"""The steps of a run, told to a presenter as they begin, go on and end."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tools.demo.presenting import Presenter
from tools.demo.view import State, Step


class Say:
    """Tells how a step goes on.

    Args:
        tell: Takes each detail.
    """

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self.detail = ""

    def __call__(self, detail: str) -> None:
        """Tell it, unless it is what was told last."""
        if detail != self.detail:
            self.detail = detail
            self._tell(detail)

    def result(self, detail: str) -> None:
        """What came of it: told when the step is done."""
        self.detail = detail


@contextmanager
def step(presenter: Presenter, name: str, detail: str) -> Iterator[Say]:
    """One step: running inside the block, done when the block ends without an error."""
    began = time.monotonic()
    say = Say(lambda detail: presenter.step(Step(name, State.RUNNING, detail)))
    say(detail)
    yield say
    presenter.step(Step(name, State.DONE, say.detail, time.monotonic() - began))
