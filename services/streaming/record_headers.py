"""Headers of consumed records, also where the client can't read them."""

from collections.abc import Callable, Iterable
from operator import methodcaller
from typing import Any

from confluent_kafka import Message

from services.streaming.record_size import Header

Headers = list[Header]
"""The headers of a record: names, which may repeat, and values."""

_headers: Callable[[Message], Headers | None] = methodcaller("headers")  # looks at the result, as `map` does


def headers_of(messages: Iterable[Message]) -> tuple[list[Headers | None], dict[int, SystemError]]:
    """Return the headers of each message, and by index the error where the client can't read them.

    Call it once for a message: where a name is not UTF-8, the client keeps a list with holes. It returns that list and
    sets an exception, which `message.headers()` ignores once CPython has specialised the call, as it does in loops: any
    later call raises the exception then. `map` checks for it, and can be continued.
    """
    headers: list[Any] = []
    failures: dict[int, SystemError] = {}
    reading = map(Message.headers, messages)
    while True:
        try:
            headers.extend(reading)  # twice as fast as a loop with a `try` for each
        except SystemError as error:
            failures[len(headers)] = error  # those before it are there
            headers.append(None)
        else:
            return headers, failures


def read_headers(message: Message) -> Headers | None:
    """Return the headers of a message; None where the client can't read them (see `headers_of`)."""
    try:
        return _headers(message) or []
    except SystemError:
        return None
