"""Which rules hold: one version at a time, and the one before it for what it began to judge.

A transaction that the first stage judged by one version is judged by that version in every later stage: a change of the
rules never judges anything by half of each.
"""

import time
from threading import Lock

from services.rules.topology import Topology

KEPT_SECONDS = 30.0
"""How long rules are kept after they were replaced; what is between two stages is there for less than a second."""


class RuleVersions:
    """The rules in use.

    Args:
        topology: Those that hold first.
    """

    def __init__(self, topology: Topology) -> None:
        self._current = topology
        self._next = topology
        self._before: dict[str, tuple[Topology, float]] = {}
        self._lock = Lock()

    @property
    def current(self) -> Topology:
        """The rules that hold."""
        return self._current

    @property
    def next(self) -> Topology:
        """The rules that are to hold; the same where nothing is waiting."""
        with self._lock:
            return self._next

    @property
    def waiting(self) -> bool:
        """Whether others are to hold."""
        return self._next is not self._current

    @property
    def all(self) -> list[Topology]:
        """The current rules, and those before that still count."""
        return [self._current, *(topology for topology, _ in self._before.values())]

    @property
    def repartition_topics(self) -> set[str]:
        """The topics that a stage of one of these versions passes transactions on to another stage by."""
        return {stage.topic for topology in self.all for stage in topology.stages[1:] if stage.rules}

    def propose(self, topology: Topology) -> None:
        """These are to hold as soon as they can; may be called by another thread."""
        with self._lock:
            self._next = topology

    def begin(self, topology: Topology) -> None:
        """These hold from now on."""
        self._before[self._current.version] = self._current, time.monotonic()
        self._before.pop(topology.version, None)
        self._current = topology

    def of(self, version: str) -> Topology:
        """The rules of a version; the current ones if it is not known any more."""
        if version == self._current.version or version not in self._before:
            return self._current
        return self._before[version][0]

    def retire(self) -> bool:
        """Forgets rules that were replaced long enough ago; whether there were any."""
        now = time.monotonic()
        old = [version for version, (_, since) in self._before.items() if now - since > KEPT_SECONDS]
        for version in old:
            del self._before[version]
        return bool(old)
