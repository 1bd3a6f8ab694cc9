"""A process that outlives its owner and then ends the processes which the owner started."""

import sys
from contextlib import suppress

import psutil  # type: ignore[import-untyped]


def main() -> None:
    """Read process ids from standard input; when its owner closes it or dies, terminate those that still run."""
    watched = []
    for line in sys.stdin:
        with suppress(psutil.NoSuchProcess):
            watched.append(psutil.Process(int(line)))
    for process in watched:
        with suppress(psutil.NoSuchProcess):  # psutil never takes another process with that id for this one
            process.resume()  # a paused process does not receive SIGTERM
            process.terminate()


if __name__ == "__main__":
    main()
