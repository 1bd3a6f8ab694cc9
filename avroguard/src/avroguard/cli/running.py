"""Error handling of all commands: errors become one line and an exit code, never a traceback."""

import os
import sys
from collections.abc import Callable

from avroguard.errors import ExpectedError
from avroguard.reporting import Format, failure_report, render


def run(name: str, command: Callable[[], int], form: str = Format.TEXT) -> int:
    """Run a command and return its exit code.

    Args:
        name: The command's name, in front of its diagnostics on stderr.
        command: Does the work; returns 0, or 1 for findings.
        form: The form of its report: an error that ends the command is a whole report as well, on stdout.
    """
    try:
        code = command()
        sys.stdout.flush()
    except BrokenPipeError:  # the reader, such as head, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141  # 128 + SIGPIPE, as shells report it
    except ExpectedError as error:
        for line in str(error).splitlines():
            print(f"{name}: {line}", file=sys.stderr)
        if form != Format.TEXT:
            print(render(failure_report(name, error), Format(form)), end="", flush=True)
        return error.exit_code
    except KeyboardInterrupt:
        return 130  # 128 + SIGINT, as shells report it
    return code
