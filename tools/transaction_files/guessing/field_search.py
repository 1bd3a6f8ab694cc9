"""Search for the columns of fields: by their names, and by whether their cells can be read as the field."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from tools.transaction_files import cells as cell_readers
from tools.transaction_files.currencies import currency, currency_of_name
from tools.transaction_files.guessing.forms import decimal_of, is_clock, share_read, time_form
from tools.transaction_files.guessing.words import CLOCKS, DONE, FRAUD_WORDS, STATES, name_score, plain_name
from tools.transaction_files.profile import ISO, NEGATIVE, Profile, Source

_PRECISION, _SCALE = 18, 2
_MOST = 0.8  # share of cells that have to be readable
_OWN = "own-account"
_NOBODY = "unknown"
_START = datetime(2020, 1, 1, tzinfo=UTC)


@dataclass
class FieldSearch:
    """Search for the columns of fields.

    Args:
        columns: The columns of a file.
        cells: By column the cells of its first rows.
        base: What is known already.

    Attributes:
        doubts: What a person has to decide or check.
    """

    columns: Sequence[str]
    cells: Mapping[str, Sequence[str]]
    base: Profile
    doubts: list[str] = field(default_factory=list)

    def profile(self) -> Profile:
        """Return the profile with all fields that were found."""
        self._fields = dict(self.base.fields)
        self._settings: dict[str, object] = {}
        self._times()
        self._amounts()
        self._currency()
        self._labels()
        self._accounts()
        self._ids()
        self._states()
        return replace(self.base, fields=self._fields, **self._settings)  # type: ignore[arg-type]

    def _free(self) -> list[str]:
        used = {column for source in self._fields.values() for column in source.columns}
        return [column for column in self.columns if column not in used]

    def _by_name(self, name: str, least: float = 0.3) -> list[str]:
        """Return the free columns whose names fit a field, the best first."""
        scores = {column: name_score(name, column) for column in self._free()}
        return sorted((column for column in scores if scores[column] >= least), key=lambda column: -scores[column])

    def _times(self) -> None:
        if "created_at" in self._fields:
            return
        named = self._by_name("created_at")
        forms = {column: time_form(self.cells[column]) for column in [*named, *self._free()]}
        clocks = [column for column in self._free() if is_clock(self.cells[column]) and plain_name(column) in CLOCKS]
        sure = [column for column in named if forms[column].share >= _MOST and column not in clocks]
        others = [
            column for column in self._free()
            if forms[column].share >= _MOST and not forms[column].is_number and column not in clocks
        ]  # fmt: skip
        # Of several columns the one that has times of day, not dates alone.
        best = next((column for column in sure if _has_clock(self.cells[column])), (sure or others or [""])[0])
        if not best:
            self.doubts.append(
                "no column has times: --map created_at=COLUMN, and --time-format if they have another form"
            )
            return
        form = forms[best]
        columns: tuple[str, ...] = (best,)
        if clocks and not _has_clock(self.cells[best]) and not form.is_number:
            columns = (best, clocks[0])
        if form.doubt:
            self.doubts.append(f"created_at: {form.doubt}: change [times] in the profile")
        elif not _has_clock(self.cells[best]) and len(columns) == 1 and not form.is_number:
            self.doubts.append("created_at: dates without a time of day: rules over minutes and hours mean nothing")
        self._fields["created_at"] = Source(columns)
        if self.base.times == (ISO,):
            self._settings["times"] = form.forms
        if "offset-h" in form.forms and self.base.start is None:
            self._settings["start"] = _START

    def _amounts(self) -> None:
        if {"amount", "debit"} & set(self._fields):
            return
        shares = {column: decimal_of(self.cells[column], _PRECISION, _SCALE) for column in self._free()}
        readable = {column for column, (_, share) in shares.items() if share >= _MOST}
        debit, credit = (
            next((each for each in self._by_name(name) if each in readable), "") for name in ("debit", "credit")
        )
        amount = next((column for column in self._by_name("amount") if column in readable), "")
        if debit and credit and debit != credit and amount in {"", debit, credit}:
            self._fields |= {"debit": Source((debit,)), "credit": Source((credit,))}
            self._settings["decimal"] = shares[debit][0]
            return
        if not amount and not debit:
            self.doubts.append(
                "no column has amounts: --map amount=COLUMN, or debit and credit where these are two columns"
            )
            return
        amount = amount or debit
        self._fields["amount"] = Source((amount,))
        if self.base.decimal == ".":
            self._settings["decimal"] = shares[amount][0]
        if any(word in plain_name(amount).split() for word in ("minor", "cents", "cent", "pence")):
            self._settings["minor_units"] = True
        elif all(cell.strip().isdigit() for cell in self.cells[amount]):
            self.doubts.append("amount: all are whole numbers; if they count cents: minor_units = true")
        if not self._direction() and any("-" in cell or "(" in cell or "\u2212" in cell for cell in self.cells[amount]):
            self._settings["paid_out"] = NEGATIVE
            self.doubts.append(
                'amount: negative is taken as paid out; if it is the other way round: signed = "positive"'
            )

    def _direction(self) -> bool:
        for column in self._by_name("direction"):
            words = {cell.strip() for cell in self.cells[column] if cell.strip()}
            if len(words) == 2 and share_read(cell_readers.is_paid_out, sorted(words)) == 1:
                self._fields["direction"] = Source((column,))
                return True
        return False

    def _currency(self) -> None:
        if "currency" in self._fields:
            return
        for column in self._by_name("currency"):
            texts = {cell.strip() for cell in self.cells[column] if cell.strip()}
            unknown = [text for text in sorted(texts) if share_read(currency, [text]) == 0]
            strange = [text for text in unknown if not currency_of_name(text)]
            if texts and len(strange) < len(texts):
                values = {text: currency_of_name(text) for text in unknown if text not in strange}
                self._fields["currency"] = Source((column,), values=values)
                if strange:
                    self.doubts.append(f"currency: no currency of ISO 4217: {', '.join(strange[:5])}")
                return
        code = next(filter(None, map(_currency_in, self._fields.get("amount", Source()).columns)), "")
        self._fields["currency"] = Source(value=code or "EUR")
        if not code:
            self.doubts.append("currency: no column has one; EUR is taken for all: is it?")

    def _labels(self) -> None:
        if "fraud" not in self._fields:
            for column in self._by_name("fraud"):
                words = {cell.strip() for cell in self.cells[column] if cell.strip()}
                unknown = [word for word in sorted(words) if share_read(cell_readers.fraud, [word]) == 0]
                if words and len(words) <= 8 and all(word.lower() in FRAUD_WORDS for word in unknown):
                    self._fields["fraud"] = Source(
                        (column,), values={word: FRAUD_WORDS[word.lower()] for word in unknown}
                    )
                    break
        if "fraud" in self._fields and "scenario" not in self._fields and (names := self._by_name("scenario", 0.7)):
            self._fields["scenario"] = Source((names[0],))

    def _accounts(self) -> None:
        for name in ("source", "target"):
            if name not in self._fields and (columns := self._account_columns(name)):
                column = columns[0]
                default = _NOBODY if any(not cell.strip() for cell in self.cells[column]) else None
                self._fields[name] = Source((column,), default=default)
        if "source" not in self._fields:
            self._fields["source"] = Source(value=_OWN)
            self.doubts.append(
                f"source: no column has the account that pays; {_OWN!r} stands for the file's own account"
            )
        if "target" not in self._fields:
            self._fields["target"] = Source(value=_NOBODY)
            self.doubts.append(
                f"target: no column has who receives; {_NOBODY!r} is taken for all: rules by receiver see one"
            )
        self._prefixes()

    def _account_columns(self, name: str) -> list[str]:
        columns = self._by_name(name)
        columns = [column for column in columns if column == name or any(cell.strip() for cell in self.cells[column])]
        # The name of the other party is a better account than a free text, and From Account than From Bank.
        return sorted(columns, key=lambda column: ("bank" in plain_name(column).split(), -name_score(name, column)))

    def _prefixes(self) -> None:
        """Keep customers and shops with the same numbers apart."""
        source, target = self._fields["source"], self._fields["target"]
        if len(source.columns) != 1 or len(target.columns) != 1:
            return
        payers, payees = ({cell.strip() for cell in self.cells[each.columns[0]]} for each in (source, target))
        is_shop = any(
            word in plain_name(target.columns[0]).split() for word in ("merchant", "terminal", "shop", "store")
        )
        if is_shop and all(text.isdigit() for text in payers | payees if text):
            self._fields["source"] = replace(source, prefix="C")
            self._fields["target"] = replace(target, prefix="T")

    def _ids(self) -> None:
        if "id" not in self._fields:
            for column in self._by_name("id", 0.7):
                texts = [cell.strip() for cell in self.cells[column]]
                if texts and all(texts) and len(set(texts)) == len(texts):
                    self._fields["id"] = Source((column,))
                    return

    def _states(self) -> None:
        if self.base.where:
            return
        for column in self._free():
            words = {cell.strip() for cell in self.cells[column] if cell.strip()}
            done = [word for word in sorted(words) if word.lower() in DONE]
            if plain_name(column) in STATES and done and len(words) <= 8:
                name = column if column.isidentifier() else f"`{column}`"
                self._settings["where"] = f"{name} == '{done[0]}'"
                if len(words) > 1:
                    others = ", ".join(sorted(words - {done[0]}))
                    self.doubts.append(f"rows of {column} {others} are left out")
                return


def _has_clock(cells: Sequence[str]) -> bool:
    """Return whether times have a time of day."""
    texts = [cell.strip() for cell in cells if cell.strip()]
    return any(":" in text or (text.isdigit() and len(text) >= 10) for text in texts)


def _currency_in(column: str) -> str:
    """Return the currency that a column's name has in parentheses, such as Amount (EUR); empty if there is none."""
    match = re.search(r"\(([A-Z]{3}|[^\w\s)])\)", column)
    if match is None:
        return ""
    return match[1] if share_read(currency, [match[1]]) else currency_of_name(match[1])
