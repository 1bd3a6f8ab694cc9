"""Accounts: ids of up to 34 characters pass as they are; longer ones are shortened, and can be looked up again."""

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from services.errors import UsageError
from tools.transaction_files.cells import Remembered, Unfit, encodable

LONGEST = 34
"""Characters of an account's id: those of an IBAN, and of any other account in ISO 20022 (Max34Text)."""

_DIGITS = 12
_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_FLOAT = re.compile(r"([0-9]{1,15})\.0+")
_SCIENTIFIC = re.compile(r"[0-9](?:[.,][0-9]+)?[eE]\+?[0-9]{1,3}")
_IBAN = re.compile(r"[A-Z]{2}[0-9]{2}(?: [A-Z0-9]{4}){2,7}(?: [A-Z0-9]{1,4})?")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_HEAD = ("account", "original")


@dataclass
class Accounts:
    """Accounts of files, as the contract has them.

    Attributes:
        shortened: By shortened id the one that it was.
        floats: An id that a program wrote as a floating-point number, 596.0; empty if there was none.
    """

    shortened: dict[str, str] = field(default_factory=dict)
    floats: str = ""

    def reader(self, field_name: str, prefix: str = "") -> Remembered:
        """Return a reader of accounts.

        Args:
            field_name: The field, for errors.
            prefix: Put in front of each, so that customer 7 and shop 7 are not the same account.
        """
        return Remembered(lambda cell: self._read(cell, field_name, prefix))

    def _read(self, cell: str, field_name: str, prefix: str) -> bytes:
        name = cell.strip()
        if not name:
            raise Unfit(f"an account; where there is none: --default {field_name}=CASH, for example")
        if number := _FLOAT.fullmatch(name):
            self.floats = self.floats or name
            name = number[1]
        elif _SCIENTIFIC.fullmatch(name):
            raise Unfit("all digits: a spreadsheet has cut this number; export the column as text")
        elif _IBAN.fullmatch(name):
            name = name.replace(" ", "")  # as it is printed; electronically it has none
        name = encodable(prefix + name)
        if _CONTROL.search(name):  # a name over several lines is one of several words
            name = " ".join(name.split())
            if _CONTROL.search(name):
                raise Unfit("an account without control characters")
        if len(name) > LONGEST:
            short = shortened(name)
            self.shortened[short] = name
            name = short
        return name.encode()


def shortened(name: str) -> str:
    """Return the first 21 characters of a name, and the last 12 digits to the base 62 of its SHA-256.

    Two of a million names that begin alike get the same with a probability of 2e-10.
    """
    number = int.from_bytes(sha256(name.encode()).digest(), "big")
    digits = []
    for _ in range(_DIGITS):
        number, digit = divmod(number, len(_ALPHABET))
        digits.append(_ALPHABET[digit])
    return f"{name[: LONGEST - _DIGITS - 1]}~{''.join(reversed(digits))}"


def write_lookup(path: Path, accounts: dict[str, str]) -> None:
    """Write the table of shortened accounts; those that the file has already stay in it.

    Raises:
        UsageError: If the file is another one, or can't be written.
    """
    try:
        known = dict(_lookup(path)) if path.exists() else {}
        with path.open("w", newline="", encoding="utf-8") as stream:
            writer = csv.writer(stream)
            writer.writerow(_HEAD)
            writer.writerows(sorted((known | accounts).items()))
    except OSError as error:
        raise UsageError(f"{path}: can't be written: {error.strerror}") from None


def _lookup(path: Path) -> Iterator[tuple[str, str]]:
    with path.open(newline="", encoding="utf-8") as stream:
        rows = csv.reader(stream)
        if next(rows, None) != list(_HEAD):
            raise UsageError(f"{path}: there already, and no table of accounts ({','.join(_HEAD)}); name another one")
        for row in rows:
            yield row[0], row[1]
