"""Profile of files: the source of each field of the contract, and the form of its values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from services.errors import UsageError

FIELDS = ("id", "source", "target", "amount", "currency", "created_at")
"""Fields of a transaction. An id is made where there is none."""

TRUTH = ("fraud", "scenario", "incident")
"""Fields of a label, as its contract has them."""

MOVEMENT = ("debit", "credit", "direction")
"""Columns of statements beside an amount or in its place: paid out, paid in, and which of both a row is."""

OPTIONAL = ("id", *TRUTH)
NAMES = (*FIELDS, *TRUTH, *MOVEMENT)

ISO = "iso"
NEGATIVE, POSITIVE = "negative", "positive"


@dataclass(frozen=True)
class Source:
    """Source of a field.

    Attributes:
        columns: The columns that it is in, joined where there are several; none: `value`, or the column of its name.
        value: The text that every row has instead.
        default: The text in place of an empty cell.
        values: By a text of the file the text that it means.
        prefix: Put in front of each account.
    """

    columns: tuple[str, ...] = ()
    value: str | None = None
    default: str | None = None
    values: Mapping[str, str] = field(default_factory=dict)
    prefix: str = ""


@dataclass(frozen=True)
class Profile:
    """Layout of files. A field without a source has a column of its own name.

    Attributes:
        fields: By field its source.
        format: "csv", "json" or "parquet"; empty: the file's content says it.
        encoding: Name of the encoding of text; empty: found out.
        delimiter: The character between two cells of CSV; empty: found out.
        skip: Number of lines before the header of CSV.
        header: Whether CSV has one; without, columns are known by their place: @1, @2.
        records: Path to the array of rows in a JSON document; empty: the document, or the only array in it.
        where: Condition on the file's columns; other rows are left out.
        decimal: The decimal separator of amounts, "." or ","; the other one may separate thousands.
        minor_units: Whether amounts count the smallest unit of their currency, such as cents.
        round: Whether amounts with more decimals than the contract has are rounded.
        paid_out: The sign of amounts that the source pays, "negative" or "positive"; amounts of the other sign are paid
            by the target. Empty: amounts have no sign.
        times: Forms of created_at, tried in order: "iso", one of `times.NUMBERS`, "day-first", "month-first" or a
            format with %.
        zone: Time zone of times that name none.
        start: The time that offsets count from.
        about: Remark on what files have this layout.
    """

    fields: Mapping[str, Source] = field(default_factory=dict)
    format: str = ""
    encoding: str = ""
    delimiter: str = ""
    skip: int = 0
    header: bool = True
    records: str = ""
    where: str = ""
    decimal: str = "."
    minor_units: bool = False
    round: bool = False
    paid_out: str = ""
    times: tuple[str, ...] = (ISO,)
    zone: str = "UTC"
    start: datetime | None = None
    about: str = ""

    def __post_init__(self) -> None:
        for problem in _problems(self):
            raise UsageError(problem)

    def source(self, name: str) -> Source:
        """Return the source of a field; without one in the profile, the column of its own name."""
        source = self.fields.get(name, Source())
        if source.columns or source.value is not None:
            return source
        return Source((name,), None, source.default, source.values, source.prefix)

    def needs(self, name: str) -> bool:
        """Return whether a file without the columns of this field can't be used."""
        source = self.fields.get(name, Source())
        if source.value is not None:
            return False
        if name in {"amount", *MOVEMENT}:
            return bool(source.columns) or (name == "amount" and not self.has_debit_and_credit)
        return bool(source.columns) or (name in FIELDS and name not in OPTIONAL)

    def uses(self, name: str) -> bool:
        """Return whether a field is read where its column is there; movements only where the profile names them."""
        if name == "amount":
            return not self.has_debit_and_credit
        return name not in MOVEMENT or name in self.fields

    @property
    def has_debit_and_credit(self) -> bool:
        """True where debits and credits stand in columns of their own."""
        return "debit" in self.fields or "credit" in self.fields


def _problems(profile: Profile) -> list[str]:
    """Return what contradicts itself, in the words of the options."""
    problems = []
    for name, source in profile.fields.items():
        if source.columns and source.value is not None:
            problems.append(f"{name}: both mapped to a column and set to a constant; choose one")
        if source.prefix and name not in {"source", "target"}:
            problems.append(f"{name}: only source and target are accounts and can have a prefix")
        if len(source.columns) > 1 and name not in {"id", "source", "target", "created_at"}:
            problems.append(f"{name}: only id, source, target and created_at can be joined of several columns")
    if profile.source("id").value is not None:
        problems.append("id: a constant would make all transactions one; leave it out and each gets an id")
    if "amount" in profile.fields and profile.has_debit_and_credit:
        problems.append("amount: either one column of amounts, or debit and credit; choose one")
    if "direction" in profile.fields and (profile.has_debit_and_credit or profile.paid_out):
        problems.append("direction: debit and credit, and signs of amounts, say the direction already; choose one")
    if profile.paid_out not in {"", NEGATIVE, POSITIVE}:
        problems.append(f"paid_out {profile.paid_out!r}: expected {NEGATIVE} or {POSITIVE}")
    if profile.decimal not in {".", ","}:
        problems.append(f"the decimal separator is . or , and not {profile.decimal!r}")
    if any(form.startswith("offset") for form in profile.times) and profile.start is None:
        problems.append(f"--time {profile.times[0]} counts from a start: say which, such as --start 2018-04-01")
    if profile.delimiter and (len(profile.delimiter) != 1 or profile.delimiter in '"\r\n'):
        problems.append(f"the delimiter is one character such as ; and not {profile.delimiter!r}")
    return problems
