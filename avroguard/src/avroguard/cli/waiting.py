"""Waiting until the registry is up, for a command that starts together with it."""

import argparse
import sys
import time

from avroguard.errors import Unavailable
from avroguard.registry.client import Registry
from avroguard.registry.settings import RegistrySettings

_PAUSE = 0.5  # seconds between two looks whether the registry is up


def add_wait_option(parser: argparse.ArgumentParser) -> None:
    """Add ``--wait``."""
    parser.add_argument(
        "--wait", metavar="SECONDS", type=_seconds, default=0.0, help="wait until the registry is up, and has a leader"
    )


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= 86_400:
        raise argparse.ArgumentTypeError(f"expected seconds from 0 to 86400, found {text!r}")
    return seconds


def wait(settings: RegistrySettings, seconds: float, name: str) -> float:
    """Wait until the registry answers; not at all where the time is 0.

    Args:
        settings: The address of the registry and the credentials.
        seconds: Time to wait at most.
        name: The command's name, in front of what it says on stderr.

    Returns:
        How many of the seconds are left: a registry of several nodes may answer before it has a leader.

    Raises:
        Unavailable: If it doesn't answer within this time.
    """
    deadline = time.monotonic() + seconds
    impatient = settings.model_copy(update={"retries": 0, "timeout": min(settings.timeout, seconds or 1.0)})
    said = False
    with Registry(impatient) as registry:
        while seconds:
            try:
                registry.ping()
            except Unavailable as error:
                if time.monotonic() + _PAUSE > deadline:
                    raise Unavailable(f"gave up after {seconds:g} s: {error}") from None
                if not said:
                    print(f"{name}: waiting up to {seconds:g} s: {error}", file=sys.stderr)
                    said = True
                time.sleep(_PAUSE)
            else:
                break
    return max(deadline - time.monotonic(), 0.0)
