"""Layout of a file: the field of the contract that each column holds."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from services.errors import UsageError
from tools.replay.cells import ISO

FIELDS = ("id", "source", "target", "amount", "currency", "created_at")
"""Fields of a transaction. An id is made where there is none."""

TRUTH = ("fraud", "scenario", "incident")
"""Fields of a label, as its contract has them."""

OPTIONAL = ("id", *TRUTH)


@dataclass(frozen=True)
class Layout:
    """Source of each field. One that is neither in `columns` nor in `constants` has a column of its own name.

    Attributes:
        columns: By field the column that it is in.
        constants: By field the cell that every row has.
        prefixes: By field, source or target, what is put in front of each account.
        time: The form of created_at: "iso" or one of `tools.replay.cells.TIMES`.
        start: The time that offsets count from.
        scenarios: Names for scenarios that the file calls something else.
        delimiter: The character between two cells of a CSV file.
        format: "csv", "jsonl" or "parquet"; empty: the file's name says it.
    """

    columns: Mapping[str, str] = field(default_factory=dict)
    constants: Mapping[str, str] = field(default_factory=dict)
    prefixes: Mapping[str, str] = field(default_factory=dict)
    time: str = ISO
    start: datetime | None = None
    scenarios: Mapping[str, str] = field(default_factory=dict)
    delimiter: str = ","
    format: str = ""

    def __post_init__(self) -> None:
        unknown = sorted({*self.columns, *self.constants} - {*FIELDS, *TRUTH})
        if unknown:
            raise UsageError(f"no field {', '.join(unknown)}; there are {', '.join((*FIELDS, *TRUTH))}")
        twice = sorted(set(self.columns) & set(self.constants))
        if twice:
            raise UsageError(f"{', '.join(twice)}: both mapped to a column and set to a constant; choose one")
        if "id" in self.constants:
            raise UsageError("id: a constant would make all transactions one; leave it out and each gets an id")
        other = sorted(set(self.prefixes) - {"source", "target"})
        if other:
            raise UsageError(f"{', '.join(other)}: only source and target are accounts and can have a prefix")
        if self.time.startswith("offset") and self.start is None:
            raise UsageError(f"--time {self.time} counts from a start: say which, such as --start 2018-04-01")
        if len(self.delimiter) != 1 or self.delimiter in '"\r\n':
            raise UsageError(f"the delimiter is one character such as ; and not {self.delimiter!r}")

    def column(self, name: str) -> str:
        """The column that a field is in, unless it is a constant."""
        return self.columns.get(name, name)

    def needs(self, name: str) -> bool:
        """Return whether a file without the column of this field can't be used."""
        return name not in self.constants and (name in self.columns or name not in OPTIONAL)


PRESETS: Mapping[str, Layout] = {
    # https://fraud-detection-handbook.github.io/fraud-detection-handbook/Chapter_3_GettingStarted/SimulatedDataset.html
    "handbook": Layout(
        columns={
            "created_at": "TX_DATETIME",
            "source": "CUSTOMER_ID",
            "target": "TERMINAL_ID",
            "amount": "TX_AMOUNT",
            "fraud": "TX_FRAUD",
            "scenario": "TX_FRAUD_SCENARIO",
        },
        constants={"currency": "EUR"},
        prefixes={"source": "C", "target": "T"},
        scenarios={"1": "large-amount", "2": "terminal-compromised", "3": "customer-compromised"},
    ),
    # Lopez-Rojas, Elmir, Axelsson: PaySim, a financial mobile money simulator for fraud detection (EMSS 2016)
    "paysim": Layout(
        columns={
            "created_at": "step",
            "source": "nameOrig",
            "target": "nameDest",
            "amount": "amount",
            "fraud": "isFraud",
        },
        constants={"currency": "EUR"},
        time="offset-h",
        start=datetime.fromisoformat("2017-01-01T00:00:00+00:00"),
    ),
}
"""Layouts of well-known data. Neither has a currency; PaySim's time is the hour of the simulation."""
