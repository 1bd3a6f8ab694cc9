"""Argument types and error output that the tools' commands share."""

import argparse
import math
import sys
from collections.abc import Callable
from datetime import UTC, datetime

from services.errors import ExpectedError

INTERRUPTED = 130  # 128 + SIGINT, as shells report it


def command_parser(program: str, description: str, epilog: str) -> argparse.ArgumentParser:
    """A parser whose help has the epilog as it is written; options can't be abbreviated."""
    return argparse.ArgumentParser(
        prog=program,
        description=description,
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )


def print_error(program: str, error: ExpectedError) -> int:
    """Print an error to standard error, each line with the program's name, and return its exit code."""
    for line in str(error).splitlines():
        print(f"{program}: {line}", file=sys.stderr)
    return error.exit_code


def whole_number(low: int, high: int | None = None) -> Callable[[str], int]:
    """A type for arguments that are whole numbers within inclusive limits."""
    expected = f"a whole number from {low} to {high}" if high else f"a whole number, {low} or more"

    def parse(text: str) -> int:
        if not (text.isascii() and text.isdigit() and low <= int(text) and (high is None or int(text) <= high)):
            raise argparse.ArgumentTypeError(f"expected {expected}, found {text!r}")
        return int(text)

    return parse


def positive_number(text: str) -> float:
    """Parse a number above 0.

    Raises:
        ArgumentTypeError: It is none.
    """
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not (number > 0 and math.isfinite(number)):
        raise argparse.ArgumentTypeError(f"expected a number above 0, found {text!r}")
    return number


def moment(text: str) -> datetime:
    """Parse a time in ISO 8601; without an offset it is UTC.

    Raises:
        ArgumentTypeError: It is none.
    """
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected a time such as 2026-01-31T12:00, found {text!r}") from None
    return time if time.tzinfo else time.replace(tzinfo=UTC)
