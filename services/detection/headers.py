"""Headers of transactions that the detector passes on: the version of the rules, and the live rules that matched."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import compress
from typing import TypeVar

from confluent_kafka import Message

from services.contracts import SCHEMA_ID_HEADER, HeaderSchemaId, header_schema_id
from services.errors import PoisonError
from services.streaming.dead_letter_writer import unreadable_headers
from services.streaming.record_headers import Headers, headers_of
from services.streaming.record_size import headers_size

VERSION = "rules.version"
"""The version of the rules that evaluated the transaction."""

FIRED = "rules.fired"
"""The names of the live rules that matched it, separated by commas; absent where none did."""

OWNED = frozenset({VERSION, FIRED})

Verdict = tuple[str, tuple[str, ...]]
"""The version of the rules, and the names of those that matched."""

T = TypeVar("T")


class HeaderWriter:
    """Returns headers; equal ones are the same object, as there are far fewer of them than transactions."""

    def __init__(self) -> None:
        self._made: dict[Verdict, Headers] = {}

    def __call__(self, version: str, fired: Sequence[str] = ()) -> Headers:
        """Return the headers for a verdict."""
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
class HeaderRuns:
    """Headers of messages, once for consecutive ones with the same.

    Attributes:
        headers: The headers of each run; None for messages without any.
        lengths: The number of messages in each run.
    """

    headers: Sequence[Headers | None]
    lengths: Sequence[int]

    @classmethod
    def of(cls, headers: Sequence[Headers | None]) -> "HeaderRuns":
        """Return the runs in the headers of some messages."""
        without = headers.count(None)
        if without == len(headers):
            return cls((None,), (len(headers),))
        if (len(headers) - without) * 10 < len(headers):  # sampled for traces: most have none
            rows = list(compress(range(len(headers)), headers))
            if len(rows) + without == len(headers):  # none of them is empty
                return cls._of_few(headers, rows)
        distinct: list[Headers | None] = []
        starts: list[int] = []
        last: object = ()
        for row, own in enumerate(headers):
            if own != last:
                last = own
                distinct.append(own)
                starts.append(row)
        ends = [*starts[1:], len(headers)]
        return cls(distinct, [end - start for start, end in zip(starts, ends, strict=True)])

    @classmethod
    def _of_few(cls, headers: Sequence[Headers | None], rows: Sequence[int]) -> "HeaderRuns":
        """Return the runs where only some rows have headers."""
        runs: list[Headers | None] = []
        lengths: list[int] = []
        end = 0
        for row in rows:
            if row > end:
                runs.append(None)
                lengths.append(row - end)
            runs.append(headers[row])
            lengths.append(1)
            end = row + 1
        if end < len(headers):
            runs.append(None)
            lengths.append(len(headers) - end)
        return cls(runs, lengths)

    def by_message(self, by_run: Iterable[T]) -> list[T]:
        """Return for each message what is given for its run."""
        by_message: list[T] = []
        for item, length in zip(by_run, self.lengths, strict=True):
            by_message += [item] * length
        return by_message

    @property
    def largest(self) -> int:
        """The size of the largest headers in bytes."""
        return max((headers_size(own) for own in self.headers if own), default=0)

    def sizes(self) -> list[int]:
        """Return the size of each message's headers in bytes."""
        return self.by_message(headers_size(own or ()) for own in self.headers)

    def verdicts(self) -> list[Verdict]:
        """Return the verdict of the stages before for each message; an empty version where there is none."""
        return self.by_message(_verdict(own or ()) for own in self.headers)

    def schema_ids(self) -> dict[int, HeaderSchemaId | PoisonError]:
        """Return by message the schema id in its headers, or what is wrong with it; of those with such a header."""
        schema_ids: dict[int, HeaderSchemaId | PoisonError] = {}
        row = 0
        for own, length in zip(self.headers, self.lengths, strict=True):
            if own and (schema_id := _schema_id(own)) is not None:
                schema_ids.update(dict.fromkeys(range(row, row + length), schema_id))
            row += length
        return schema_ids


def without_schema_id(headers: Headers | None) -> Headers | None:
    """Return headers without that of the schema id: for a value that has its own before the body."""
    return headers and [header for header in headers if header[0] != SCHEMA_ID_HEADER]


def _schema_id(headers: Headers) -> HeaderSchemaId | PoisonError | None:
    try:
        return header_schema_id(headers)
    except PoisonError as error:
        return error


def read_headers(
    messages: Sequence[Message],
) -> tuple[Sequence[Message], Sequence[Headers | None], dict[int, PoisonError]]:
    """Read the headers of messages, once.

    Returns:
        The messages whose headers can be read, with their headers; and by index what is wrong with the others.
    """
    headers, errors = headers_of(messages)
    if not errors:
        return messages, headers, {}
    good = [index for index in range(len(messages)) if index not in errors]
    failures: dict[int, PoisonError] = {index: unreadable_headers(error) for index, error in errors.items()}
    return [messages[index] for index in good], [headers[index] for index in good], failures


def _verdict(headers: Iterable[tuple[str, str | bytes | None]]) -> Verdict:
    version, fired = "", ""
    for name, value in headers:
        if isinstance(value, bytes):
            if name == VERSION:
                version = value.decode(errors="replace")
            elif name == FIRED:
                fired = value.decode(errors="replace")
    return version, tuple(fired.split(",")) if fired else ()
