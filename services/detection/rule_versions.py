"""Versions of the rules: the current one, and for a while those before it for transactions between two stages.

A transaction that the first stage evaluated by one version is evaluated by that version in every later stage: each
verdict is of one version.
"""

import time
from threading import Lock

from services.rules.topology import Topology

RETENTION_SECONDS = 30.0
"""Seconds that a replaced version is kept; a transaction is between two stages for less than a second."""


class RuleVersions:
    """The versions of the rules that are in use. `propose` may be called by another thread.

    Args:
        topology: The first version.
    """

    def __init__(self, topology: Topology) -> None:
        self._current = topology
        self._proposed = topology
        self._replaced: dict[str, tuple[Topology, float]] = {}
        self._lock = Lock()

    @property
    def current(self) -> Topology:
        """The version by which new transactions are evaluated."""
        return self._current

    @property
    def proposed(self) -> Topology:
        """The version that was proposed last; the current one where none is pending."""
        with self._lock:
            return self._proposed

    @property
    def is_pending(self) -> bool:
        """Return whether a proposed version is not activated yet."""
        return self._proposed is not self._current

    @property
    def in_use(self) -> list[Topology]:
        """The current version, and the replaced ones that are still kept."""
        return [self._current, *(topology for topology, _ in self._replaced.values())]

    def propose(self, topology: Topology) -> None:
        """Have a version activated as soon as its windows are restored."""
        with self._lock:
            self._proposed = topology

    def activate(self, topology: Topology) -> None:
        """Make a version the current one."""
        self._replaced[self._current.version] = self._current, time.monotonic()
        self._replaced.pop(topology.version, None)
        self._current = topology

    def get(self, version: str) -> Topology:
        """Return a version in use; the current one where it is not kept any more."""
        if version == self._current.version or version not in self._replaced:
            return self._current
        return self._replaced[version][0]

    def retire(self) -> bool:
        """Drop versions that were replaced long enough ago; return whether there were any."""
        now = time.monotonic()
        old = [version for version, (_, since) in self._replaced.items() if now - since > RETENTION_SECONDS]
        for version in old:
            del self._replaced[version]
        return bool(old)
