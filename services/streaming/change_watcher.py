"""Watches files while a service runs, by their content."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from threading import Event, Thread

INTERVAL_SECONDS = 0.5


class ChangeWatcher:
    """Looks for a change twice a second, in a thread of its own.

    Comparing content, not dates, also notices a file that a mounted ConfigMap or an editor replaces.

    Args:
        name: The name of the thread.
        digest: Returns a digest of what is watched.
        changed: Called after each change.
        stop: Ends the watching when set.
    """

    def __init__(self, name: str, digest: Callable[[], str], changed: Callable[[], None], stop: Event) -> None:
        self._name = name
        self._digest = digest
        self._changed = changed
        self._stop = stop
        self._seen = digest()

    def start(self) -> None:
        """Start the thread."""
        Thread(target=self._watch, name=self._name, daemon=True).start()

    def look(self) -> None:
        """Look once."""
        digest = self._digest()
        if digest != self._seen:
            self._seen = digest
            self._changed()

    def _watch(self) -> None:
        while not self._stop.wait(INTERVAL_SECONDS):
            self.look()


def content_and_digest(path: Path) -> tuple[bytes, str]:
    """Return the content of a file and its digest; no content and the reason where it can't be read."""
    try:
        content = path.read_bytes()
    except OSError as error:
        return b"", f"unreadable: {error.strerror}"
    return content, hashlib.sha256(content).hexdigest()
