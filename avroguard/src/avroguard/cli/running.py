"""What the commands have in common: errors become one line and an exit code, never a traceback."""

import os
import sys
from collections.abc import Callable

from avroguard.errors import ExpectedError


def run(name: str, command: Callable[[], int]) -> int:
    """Run a command and return its exit code.

    Args:
        name: The command's name, in front of its diagnostics on stderr.
        command: Does the work; returns 0, or 1 for findings.
    """
    try:
        code = command()
        sys.stdout.flush()
    except BrokenPipeError:  # whoever reads, such as head, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141  # 128 + SIGPIPE, as shells report it
    except ExpectedError as error:
        for line in str(error).splitlines():
            print(f"{name}: {line}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return 130  # 128 + SIGINT, as shells report it
    return code
