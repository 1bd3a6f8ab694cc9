"""Conversion of a file's cells to fields of the contract; each function takes a cell's text or raises `Unfit`."""

import math
import re
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from hashlib import sha256
from typing import Any, NoReturn

ACCOUNT_LENGTH = 12

Read = Callable[[str], Any]
"""Gives the column's value for a cell; raises Unfit."""

_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,9})?")
_CURRENCY = re.compile("[A-Z]{3}")
_ACCOUNT = re.compile(f"[0-9a-zA-Z]{{{ACCOUNT_LENGTH}}}")
_NUMBERED = re.compile(f"(?=.{{1,{ACCOUNT_LENGTH}}}$)([a-zA-Z]*)([0-9]+)", re.ASCII)
_UUID = re.compile("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_IDS = uuid.uuid5(uuid.NAMESPACE_OID, "payments.Transaction")
_WORDS = {"1": True, "true": True, "yes": True, "1.0": True, "0": False, "false": False, "no": False, "0.0": False}

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NAIVE_EPOCH = datetime(1970, 1, 1)  # what a time without a zone is compared with
_MILLISECOND = timedelta(milliseconds=1)
_FIRST_MS = (datetime.min - _NAIVE_EPOCH) // _MILLISECOND
_LAST_MS = (datetime.max - _NAIVE_EPOCH) // _MILLISECOND

TIMES: Mapping[str, tuple[int, str]] = {
    "epoch-s": (1000, "seconds since 1970, such as 1522540800"),
    "epoch-ms": (1, "milliseconds since 1970, such as 1522540800000"),
    "offset-s": (1000, "seconds since the start, such as 86400"),
    "offset-h": (3_600_000, "hours since the start, such as 24"),
}
"""Times that are numbers: milliseconds in one, and what they look like. Those of the first two count from 1970."""

ISO = "iso"


class Unfit(Exception):  # noqa: N818 - never seen outside this package
    """A cell is not what it should be; the message says what was expected."""


class Remembered(dict[str, Any]):
    """Reads a cell that comes again and again only once; forgets everything when it holds too many.

    Args:
        read: Reads a cell.
        limit: Number of cells it holds; each takes about 200 bytes.
    """

    def __init__(self, read: Read, limit: int = 500_000) -> None:
        super().__init__()
        self._read = read
        self._limit = limit

    def __missing__(self, cell: str) -> Any:
        value = self._read(cell)
        if len(self) >= self._limit:
            self.clear()
        self[cell] = value
        return value


def amount_reader(precision: int, scale: int) -> Read:
    """Reads an amount exactly, as the unscaled integer of a decimal (cents for a scale of 2).

    Args:
        precision: Largest number of digits.
        scale: Number of digits after the point.
    """
    limit = 10**precision
    powers: list[int] = [10 ** (scale - places) for places in range(scale + 1)]

    def read(cell: str) -> int:
        whole, _, places = cell.partition(".")
        if whole.isdigit() and places.isdigit() and len(whole) <= precision and len(places) <= scale and cell.isascii():
            unscaled = int(whole + places) * powers[len(places)]
            if unscaled < limit:
                return unscaled
        return rare(cell.strip())

    def rare(cell: str) -> int:
        number = _number(cell, "an amount such as 1234.56")
        if number < 0:
            raise Unfit("0 or more (a refund is a payment the other way round)")
        if number and number.adjusted() >= precision - scale:
            raise Unfit(f"at most {Decimal(limit - 1).scaleb(-scale)}")
        _, digits, exponent = number.as_tuple()
        zeros = len(digits) - len("".join(map(str, digits)).rstrip("0"))
        if number and -(int(exponent) + zeros) > scale:
            raise Unfit(f"at most {scale} digits after the point")
        return int(number * 10**scale) if number else 0

    return read


def time_reader(form: str, start_ms: int = 0) -> Read:
    """Reads a time as milliseconds since 1970; what is finer is cut off.

    Args:
        form: "iso" (ISO 8601, in UTC where it names no zone) or one of `TIMES`.
        start_ms: The time that offsets count from.
    """
    if form == ISO:
        return _iso
    unit, expected = TIMES[form]
    base = start_ms if form.startswith("offset") else 0

    def read(cell: str) -> int:
        if cell.isdigit() and cell.isascii() and len(cell) < 20:
            moment = base + int(cell) * unit
        else:
            number = _number(cell.strip(), expected)
            if number.adjusted() > 20:
                _out_of_range(form)
            moment = base + math.floor(number * unit)
        if not _FIRST_MS <= moment <= _LAST_MS:
            _out_of_range(form)
        return moment

    return read


def currency(cell: str) -> bytes:
    """The code of a currency by ISO 4217: three capital letters; which are in use isn't looked up."""
    code = cell.strip()
    if not _CURRENCY.fullmatch(code):
        raise Unfit("a currency's code by ISO 4217 such as EUR")
    return code.encode()


def account_reader(prefix: str = "") -> Read:
    """Reads an account as the contract has it: 12 characters of 0-9a-zA-Z.

    One that is so stays as it is. Of one that is a number, letters before it or not, the number is filled up with zeros
    (C42 is C00000000042), so leading zeros mean nothing. Whatever else it is (an IBAN, a UUID, a name) becomes the last
    12 digits to the base 62 of its SHA-256: two of a million accounts get the same with a probability of 2e-10.

    Args:
        prefix: Put in front of each first, so that customer 7 and shop 7 are not the same account.
    """

    def read(cell: str) -> bytes:
        name = cell.strip()
        if not name:
            raise Unfit("an account")
        name = prefix + name
        if _ACCOUNT.fullmatch(name):
            return name.encode()
        if numbered := _NUMBERED.fullmatch(name):
            letters, digits = numbered.groups()
            return f"{letters}{digits.zfill(ACCOUNT_LENGTH - len(letters))}".encode()
        return _hashed(name)

    return Remembered(read).__getitem__


def identifier(cell: str) -> bytes:
    """A transaction's id: a UUID as it is, anything else as the UUID of version 5 that it always gets."""
    name = cell.strip()
    if _UUID.fullmatch(name.lower()):
        return name.lower().encode()
    if not name:
        raise Unfit("an id")
    return str(uuid.uuid5(_IDS, _encodable(name))).encode()


def fraud(cell: str) -> bool:
    """Return whether a transaction is fraud."""
    word = cell.strip().lower()
    if word not in _WORDS:
        raise Unfit("1 or 0, true or false, yes or no")
    return _WORDS[word]


def name_reader(names: Mapping[str, str]) -> Read:
    """Reads the name of a scenario or an incident; empty and 0 are none.

    Args:
        names: Names for scenarios that the file calls something else.
    """

    def read(cell: str) -> bytes:
        name = cell.strip()
        if "\0" in name:
            raise Unfit("a name without a zero byte")
        return b"" if name in {"", "0"} else _encodable(names.get(name, name)).encode()

    return Remembered(read).__getitem__


def _number(text: str, expected: str) -> Decimal:
    if not _NUMBER.fullmatch(text):
        raise Unfit(expected)
    return Decimal(text)


def _iso(cell: str) -> int:
    try:
        if cell.isdigit():
            raise Unfit("a time such as 2018-04-01T12:00:31Z; for a number say which: --time epoch-s, for example")
        moment = datetime.fromisoformat(cell.strip())
        return (moment - (_NAIVE_EPOCH if moment.tzinfo is None else _EPOCH)) // _MILLISECOND
    except (ValueError, OverflowError):
        raise Unfit("a time by ISO 8601 such as 2018-04-01T12:00:31Z") from None


def _out_of_range(form: str) -> NoReturn:
    hint = "; are these milliseconds? then --time epoch-ms" if form == "epoch-s" else ""
    raise Unfit(f"a time in the years 1 to 9999{hint}")


def _encodable(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise Unfit("text in UTF-8") from None
    return text


def _hashed(name: str) -> bytes:
    number = int.from_bytes(sha256(_encodable(name).encode()).digest(), "big")
    digits = []
    for _ in range(ACCOUNT_LENGTH):
        number, digit = divmod(number, len(_ALPHABET))
        digits.append(_ALPHABET[digit])
    return "".join(reversed(digits)).encode()
