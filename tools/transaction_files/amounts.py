"""Amounts as people, banks and programs write them, as the unscaled integer of a decimal: cents for a scale of 2."""

import re
from dataclasses import dataclass, field
from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal, localcontext

from tools.transaction_files.cells import Unfit

_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,9})?")
_SPACES = re.compile("[ \u00a0\u2007\u2009\u202f'\u2019]")  # what separates thousands and currencies
_SIGNS = str.maketrans("\u2212\u2013", "--")
_CURRENCY = r"(?:[A-Z]{3}|kr\.?|Kč|zł|Fr\.?|Rs\.?|[A-Z]{0,3}[$€£¥₹₽₩₺₫₴₦฿₪₱₿¢])"
_BEFORE = re.compile(rf"([+-]?){_CURRENCY}\.?([+-]?)(?=[\d.,(])")
_AFTER = re.compile(rf"(?<=[\d.,)]){_CURRENCY}([+-]?)$")
_GROUPED = {
    ".": re.compile(r"[+-]?[0-9]{1,3}(?:,[0-9]{2,3})*,[0-9]{3}(?:\.[0-9]*)?"),
    ",": re.compile(r"[+-]?[0-9]{1,3}(?:\.[0-9]{3})+(?:,[0-9]*)?"),
}
_NOISE = Decimal("1e-6")  # of a cent
_ULPS = Decimal(4) / Decimal(2**52)


@dataclass(frozen=True)
class AmountForm:
    """Form of amounts in a file.

    Attributes:
        decimal: The decimal separator; the other one of . and , may separate thousands.
        round: Whether more decimals than the contract has are rounded, half away from zero.
    """

    decimal: str = "."
    round: bool = False


@dataclass
class AmountReader:
    """Reads amounts exactly.

    A binary float's shortest form counts as the cent that it stands for: 85.64999999999999 is 85.65. It has to be
    within 1e-6 of a cent, or within four steps of a double.

    Args:
        precision: Largest number of digits.
        scale: Number of digits after the point.
        form: The form of amounts.

    Attributes:
        floats: A cell that was read as the cent next to it, and that cent; None if there was none.
        rounded: A cell that was rounded, and what it became; None if there was none.
    """

    precision: int
    scale: int
    form: AmountForm = field(default_factory=AmountForm)
    floats: tuple[str, Decimal] | None = field(default=None, init=False)
    rounded: tuple[str, Decimal] | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self._limit = 10**self.precision
        self._powers: list[int] = [10 ** (self.scale - places) for places in range(self.scale + 1)]

    def __call__(self, cell: str, units: int | None = None) -> int:
        """Return the amount of a cell; below 0 where it says so.

        Args:
            cell: The text.
            units: The number of decimals of its currency, for an amount in minor units; None for one in units.

        Raises:
            Unfit: If it is no amount that the contract has room for.
        """
        whole, _, places = cell.partition(self.form.decimal)
        if (
            units is None and whole.isdigit() and places.isdigit() and cell.isascii()
            and len(whole) <= self.precision and len(places) <= self.scale
        ):  # fmt: skip
            unscaled = int(whole + places) * self._powers[len(places)]
            if unscaled < self._limit:
                return unscaled
        number = self._number(cell)
        return self._unscaled(cell, number if units is None or not number else number.scaleb(-units))

    def _number(self, cell: str) -> Decimal:
        """Return the number that a cell says."""
        text = cell.strip()
        if not _NUMBER.fullmatch(text) or self.form.decimal == ",":
            text = self._plain(text)
        if not _NUMBER.fullmatch(text):
            raise Unfit(self._expected(cell))
        return Decimal(text)

    def _plain(self, text: str) -> str:
        """Take off what people put around the digits: currency, separators of thousands, parentheses, a last sign."""
        text = _SPACES.sub("", text).translate(_SIGNS)
        negative = False
        for _ in range(2):  # a currency stands inside or outside of the parentheses
            text = _AFTER.sub(r"\1", _BEFORE.sub(r"\1\2", text))
            if text.startswith("(") and text.endswith(")"):
                text, negative = text[1:-1], True
        if text[-1:] in {"-", "+"} and text[:1].isdigit():
            text = text[-1] + text[:-1]
        other = "," if self.form.decimal == "." else "."
        if _GROUPED[self.form.decimal].fullmatch(text):
            text = text.replace(other, "")
        elif other in text:
            return ""
        text = text.replace(self.form.decimal, ".")
        return f"-{text}" if negative else text

    def _expected(self, cell: str) -> str:
        example = "1234.56" if self.form.decimal == "." else "1234,56"
        other = "," if self.form.decimal == "." else "."
        hint = (
            f"; is {other} the decimal separator? then --decimal {other}" if re.search(rf"\d\{other}\d", cell) else ""
        )
        return f"an amount such as {example}{hint}"

    def _unscaled(self, cell: str, number: Decimal) -> int:
        if not number:
            return 0
        if number.adjusted() >= self.precision - self.scale:
            raise Unfit(f"at most {Decimal(self._limit - 1).scaleb(-self.scale)}")
        if number.adjusted() < -self.precision - 40:
            raise Unfit(f"at most {self.scale} digits after the point")
        with localcontext() as context:
            context.prec = max(60, len(number.as_tuple().digits) + 10)
            exact = number.scaleb(self.scale)
            cents = exact.to_integral_value(ROUND_HALF_EVEN)
            if exact != cents:
                away = abs(exact - cents)
                if cents and away <= max(_NOISE, abs(exact) * _ULPS):
                    self.floats = self.floats or (cell.strip(), cents.scaleb(-self.scale))
                elif self.form.round:
                    cents = exact.to_integral_value(ROUND_HALF_UP)
                    self.rounded = self.rounded or (cell.strip(), cents.scaleb(-self.scale))
                else:
                    raise Unfit(f"at most {self.scale} digits after the point, or --round")
        if abs(cents) >= self._limit:
            raise Unfit(f"at most {Decimal(self._limit - 1).scaleb(-self.scale)}")
        return int(cents)
