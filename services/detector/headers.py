"""What the detector writes into the headers of the transactions that it passes on."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from confluent_kafka import Message

from services.errors import PoisonError
from services.streaming.dead_letters import Headers, headers_of
from services.streaming.record_size import headers_size
from services.streaming.sink import unreadable_headers

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


@dataclass(frozen=True)
class Incoming:
    """Messages of one stage whose headers could be read.

    Attributes:
        messages: As they were read.
        headers: Of each; None where it has none.
    """

    messages: Sequence[Message]
    headers: Sequence[Headers | None]

    def part(self, begin: int, end: int) -> "Incoming":
        """Some that follow each other."""
        return Incoming(self.messages[begin:end], self.headers[begin:end])


def read_headers(messages: Sequence[Message]) -> tuple[Incoming, dict[int, PoisonError]]:
    """Read the headers of messages, once.

    Returns:
        Those whose headers can be read; and by their index what is wrong with the others.
    """
    headers, errors = headers_of(messages)
    if not errors:
        return Incoming(messages, headers), {}
    kept = [index for index in range(len(messages)) if index not in errors]
    incoming = Incoming([messages[index] for index in kept], [headers[index] for index in kept])
    return incoming, {index: unreadable_headers(error) for index, error in errors.items()}


def verdicts_of(headers: Iterable[Headers | None]) -> list[Verdict]:
    """What an earlier stage wrote into the headers of each message; an empty version where it wrote nothing."""
    verdicts = []
    last, verdict = None, _verdict(())
    for own in headers:
        if own != last:  # most are like the one before
            last, verdict = own, _verdict(own or ())
        verdicts.append(verdict)
    return verdicts


def sizes_of(headers: Sequence[Headers | None]) -> Sequence[int]:
    """Bytes that the headers of each message take; empty if none has any."""
    if headers.count(None) == len(headers):
        return ()
    sizes = []
    last, size = None, 0
    for own in headers:
        if own != last:
            last, size = own, headers_size(own or ())
        sizes.append(size)
    return sizes


def _verdict(headers: Iterable[tuple[str, str | bytes | None]]) -> Verdict:
    version, fired = "", ""
    for name, value in headers:
        if isinstance(value, bytes):
            if name == VERSION:
                version = value.decode(errors="replace")
            elif name == FIRED:
                fired = value.decode(errors="replace")
    return version, tuple(fired.split(",")) if fired else ()
