"""Parsing of rows: the cells of some rows of a file become values of the contract, or problems with the row."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, cast

from tools.transaction_files.cells import Read, Unfit
from tools.transaction_files.column_names import base_name
from tools.transaction_files.field_columns import OpenFile
from tools.transaction_files.field_readers import FieldReaders, movement
from tools.transaction_files.profile import OPTIONAL, Profile
from tools.transaction_files.rows import Cells

AMOUNTS = ("amount", "debit", "credit")
PAID_OUT = "paid out"
"""Name of the values that say whether the source pays, where that isn't so of all rows."""

_SHOWN = 60  # characters of a cell in a message


@dataclass
class RowParser:
    """Parses rows of a file.

    Args:
        profile: The source of each field.
        readers: The readers of cells.
        constants: By field the value of all rows.
        opened: The file and its columns.
        cells: By column a cell for each row.
        count: Number of rows.

    Attributes:
        problems: By row what doesn't fit.
    """

    profile: Profile
    readers: FieldReaders
    constants: Mapping[str, Any]
    opened: OpenFile
    cells: Mapping[str, Cells]
    count: int
    problems: dict[int, list[str]] = field(default_factory=dict, init=False)

    def values(self) -> dict[str, list[Any]]:
        """Return by field the value of each row.

        A value is None where a cell doesn't fit, and where a field that need not be there isn't.
        """
        values = {name: self.column(name) for name in self.opened.fields if name not in AMOUNTS}
        return values | self._movements(values)

    def column(self, name: str) -> list[Any]:
        """Return the values of one field that is no amount."""
        texts = self._joined(name)
        if name == "created_at" and self.readers.plain_times and texts and None not in texts:
            times = self.readers.plain_times(cast("Sequence[str]", texts))
            if times is not None:
                return cast("list[Any]", times.tolist())
        return self._read(name, texts, self.readers.by_name[name])

    def is_header(self, row: int) -> bool:
        """Return whether a row is the header again, as in files that were put together."""
        return all((self.cells[name][row] or "").strip() == base_name(name) for name in self.opened.names)

    def _joined(self, name: str) -> Cells:
        """Return the cells of a field; those of several columns are joined where they aren't empty."""
        columns = self.opened.fields[name]
        if len(columns) == 1:
            return self.cells[columns[0]]
        between = " " if name == "created_at" else "-"
        return [
            None if None in row else between.join(filter(None, (cell.strip() for cell in row if cell)))
            for row in zip(*(self.cells[column] for column in columns), strict=True)
        ]

    def _read(self, name: str, texts: Cells, read: Read) -> list[Any]:
        if None not in texts:
            with suppress(Unfit):
                return list(map(read, cast("Sequence[str]", texts)))
        return [self._value(name, text, row, read) for row, text in enumerate(texts)]

    def _value(self, name: str, text: str | None, row: int, read: Read) -> Any:
        if text is None and self.profile.source(name).default is not None:
            text = ""
        if text is None:
            if self.profile.needs(name) and name not in {*OPTIONAL, "debit", "credit"}:
                self._add_problem(row, f"{'+'.join(self.opened.fields[name])}: there is none")
            return None
        try:
            return read(text)
        except Unfit as error:
            self._add_problem(row, self._problem(self.opened.fields[name], text, str(error)))
            return None

    def _movements(self, values: Mapping[str, list[Any]]) -> dict[str, list[Any]]:
        """Return the amounts without a sign, and whether the source pays them where a row may say otherwise."""
        codes = values.get("currency") or [self.constants.get("currency", b"")] * self.count
        amounts = {name: self._amounts(name, codes) for name in AMOUNTS}
        has_direction = "direction" in self.opened.fields or "direction" in self.constants
        if not (self.profile.has_debit_and_credit or self.profile.paid_out or has_direction or self.problems):
            plain = amounts["amount"]
            if min(plain, default=0) >= 0:
                return {"amount": plain}
        directions = values.get("direction") or [self.constants.get("direction")] * self.count
        moved = [
            self._movement(row, {name: amounts[name][row] for name in AMOUNTS}, directions[row])
            for row in range(self.count)
        ]
        return {"amount": [amount for amount, _ in moved], PAID_OUT: [is_out for _, is_out in moved]}

    def _movement(self, row: int, amounts: dict[str, int | None], direction: bool | None) -> tuple[int, bool]:
        if row in self.problems:
            return 0, True
        try:
            return movement(self.profile, amounts, direction)
        except Unfit as error:
            columns = tuple(column for name in AMOUNTS for column in self.opened.fields.get(name, ()))
            text = " and ".join(filter(None, (self.cells[column][row] for column in columns)))
            self._add_problem(row, self._problem(columns, text, str(error)))
            return 0, True

    def _amounts(self, name: str, codes: Sequence[Any]) -> list[Any]:
        """Return the amounts of a column with their signs."""
        if name not in self.opened.fields:
            return [self.constants.get(name)] * self.count
        texts = self._joined(name)
        default = self.profile.source(name).default
        if default is not None:
            texts = [text if text and text.strip() else default for text in texts]
        if name != "amount":  # an empty cell of debit or credit is none
            texts = [text if text and text.strip() else None for text in texts]
        read = self.readers.amount
        if None not in texts:
            with suppress(Unfit):
                if self.readers.plain_amount is not None:
                    return list(map(self.readers.plain_amount, cast("Sequence[str]", texts)))
                return list(map(read, cast("Sequence[str]", texts), codes))
        return [
            self._value(name, text, row, lambda cell, code=codes[row]: read(cell, code or b""))  # type: ignore[misc]
            for row, text in enumerate(texts)
        ]

    def _add_problem(self, row: int, text: str) -> None:
        self.problems.setdefault(row, []).append(text)

    def _problem(self, columns: tuple[str, ...], text: str, expected: str) -> str:
        encoding = self.opened.file.encoding
        try:
            text.encode()
        except UnicodeEncodeError:
            shown = "UTF-8" if encoding.startswith("utf-8") else encoding
            expected = f"text in {shown}; --encoding says which it is"
        shown_text = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
        return f"{'+'.join(columns)} {shown_text!r}: expected {expected}"
