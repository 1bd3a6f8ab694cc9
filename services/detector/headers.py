"""What the detector writes into the headers of the transactions that it passes on."""

from collections.abc import Iterable, Sequence
from typing import Any

from confluent_kafka import Message

from services.streaming.sink import Headers

VERSION = "rules.version"
"""The version of the rules that judged the transaction."""

FIRED = "rules.fired"
"""The names of the live rules that fired on it, separated by commas; absent where none did."""

OWNED = frozenset({VERSION, FIRED})

Verdict = tuple[str, tuple[str, ...]]
"""The version of the rules, and the names of those that fired."""


class HeaderWriter:
    """Makes headers; equal ones are the same object, as there are far fewer of them than transactions."""

    def __init__(self) -> None:
        self._made: dict[Verdict, Headers] = {}

    def __call__(self, version: str, fired: Sequence[str] = ()) -> Headers:
        """The headers for a verdict."""
        verdict = (version, tuple(fired))
        headers = self._made.get(verdict)
        if headers is None:
            headers = [(VERSION, version.encode())]
            if fired:
                headers.append((FIRED, ",".join(fired).encode()))
            if len(self._made) > 10_000:  # every combination of very many rules
                self._made.clear()
            self._made[verdict] = headers
        return headers


def read_headers(messages: Sequence[Message]) -> list[Verdict]:
    """What an earlier stage wrote into each message's headers; an empty version where it wrote nothing."""
    verdicts = []
    last, verdict = None, _verdict(())
    for message in messages:
        own: Any = message.headers()
        if own != last:  # most are like the one before
            last, verdict = own, _verdict(own or ())
        verdicts.append(verdict)
    return verdicts


def _verdict(headers: Iterable[tuple[str, str | bytes | None]]) -> Verdict:
    version, fired = "", ""
    for name, value in headers:
        if isinstance(value, bytes):
            if name == VERSION:
                version = value.decode(errors="replace")
            elif name == FIRED:
                fired = value.decode(errors="replace")
    return version, tuple(fired.split(",")) if fired else ()
