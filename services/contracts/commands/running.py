"""What the commands have in common: errors become one line and an exit code, never a traceback."""

import sys
from collections.abc import Callable

from services.errors import PipelineError


def run(name: str, command: Callable[[], int]) -> int:
    """Run a command and return its exit code.

    Args:
        name: The command's name, in front of its diagnostics on stderr.
        command: Does the work; returns 0, or 1 for findings.
    """
    try:
        return command()
    except PipelineError as error:
        for line in str(error).splitlines():
            print(f"{name}: {line}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return 130  # 128 + SIGINT, as shells report it
