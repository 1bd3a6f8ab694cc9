"""Ends the demo's services when the demo is gone: a process that outlives it and knows so by a pipe."""

import sys
from contextlib import suppress

import psutil  # type: ignore[import-untyped]


def main() -> None:
    """Read process ids until the demo closes the pipe or dies, then ask those that still run to end."""
    watched = []
    for line in sys.stdin:
        with suppress(psutil.NoSuchProcess):
            watched.append(psutil.Process(int(line)))
    for process in watched:
        with suppress(psutil.NoSuchProcess):  # psutil never takes another process with that id for this one
            process.terminate()


if __name__ == "__main__":
    main()
