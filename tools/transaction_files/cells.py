"""Conversion of a file's cells to ids, labels and names; each function takes a cell's text or raises `Unfit`."""

import re
import uuid
from collections.abc import Callable, Mapping
from typing import Any

Read = Callable[[str], Any]
"""Gives the column's value for a cell; raises Unfit."""

_UUID = re.compile("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_IDS = uuid.uuid5(uuid.NAMESPACE_OID, "payments.Transaction")
_WORDS = {
    "1": True, "true": True, "yes": True, "1.0": True, "y": True, "t": True,
    "0": False, "false": False, "no": False, "0.0": False, "n": False, "f": False,
}  # fmt: skip
_OUT = {"out", "debit", "dbit", "dr", "d", "db", "paid out", "withdrawal", "soll", "s", "af", "debet", "dare"}
_IN = {"in", "credit", "crdt", "cr", "c", "paid in", "deposit", "haben", "h", "bij", "avere"}


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


def identifier(cell: str) -> bytes:
    """A transaction's id: a UUID as it is, anything else as the UUID of version 5 that it always gets."""
    name = cell.strip()
    if _UUID.fullmatch(name.lower()):
        return name.lower().encode()
    if not name:
        raise Unfit("an id")
    return str(uuid.uuid5(_IDS, encodable(name))).encode()


def fraud(cell: str) -> bool | None:
    """Return whether a transaction is fraud; None for an empty cell: not known yet."""
    word = cell.strip().lower()
    if not word:
        return None
    if word not in _WORDS:
        raise Unfit("1 or 0, true or false, yes or no, y or n, or empty; another word by --value fraud:WORD=1")
    return _WORDS[word]


def is_paid_out(cell: str) -> bool:
    """Return whether the source pays, by the words that statements have for it."""
    word = cell.strip().lower()
    if word not in _OUT | _IN:
        raise Unfit("debit or credit, D or C, out or in; another word by --value direction:WORD=out")
    return word in _OUT


def name_reader() -> Read:
    """Reads the name of a scenario or an incident; empty and 0 are none."""

    def read(cell: str) -> bytes:
        name = cell.strip()
        if "\0" in name:
            raise Unfit("a name without a zero byte")
        return b"" if name in {"", "0"} else encodable(name).encode()

    return Remembered(read).__getitem__


def with_values(read: Read, values: Mapping[str, str], default: str | None) -> Read:
    """Return a reader of the texts that a file's texts mean, and of the default where a cell is empty."""
    if not values and default is None:
        return read

    def meant(cell: str) -> Any:
        text = cell.strip()
        if not text and default is not None:
            return read(default)
        return read(values.get(text, cell))

    return meant


def encodable(text: str) -> str:
    """Return the text; raises Unfit where bytes of the file are no text."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise Unfit("text in UTF-8") from None
    return text
