"""Transactions of the past in the order of a log, and the truth about them where it is known."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.rules.model import Columns, Mask

UNNAMED = "fraud"
"""Scenario of fraud whose label names none."""

Texts = NDArray[np.bytes_]


@dataclass(frozen=True)
class Labels:
    """Labels of transactions, a row each.

    Attributes:
        fraud: Whether it is.
        scenario: The kind of fraud as bytes; empty where unknown.
        incident: The occurrence of the scenario as bytes; empty where unknown.
        known: Whether it is known: whether there is a label, or none is needed. None: all are known.
        arrived: When each label arrived, in milliseconds since the epoch, and -1 where there is none; None: before any
            window would count it.
    """

    fraud: Mask
    scenario: Texts
    incident: Texts
    known: Mask | None = None
    arrived: NDArray[np.int64] | None = None

    def at(self, rows: NDArray[np.int64]) -> "Labels":
        """Return the values of some rows."""
        known = None if self.known is None else self.known[rows]
        arrived = None if self.arrived is None else self.arrived[rows]
        return Labels(self.fraud[rows], self.scenario[rows], self.incident[rows], known, arrived)


@dataclass(frozen=True)
class Block:
    """Some transactions in the order of the log.

    Attributes:
        columns: By field name an array of a value per row, as rules want them (see `services.rules`).
        rows: Number of rows.
        labels: The truth about them; None where it is unknown.
        partition: The partition of the first stage's topic that each was read from; None to find it by the key.
        clock: Source of the watermark instead of the event time, in milliseconds; None for the event time.
        counted: Mask of the rows to report about; the others only fill the windows. None: all are reported.
    """

    columns: Columns
    rows: int
    labels: Labels | None = None
    partition: NDArray[np.int64] | None = None
    clock: NDArray[np.int64] | None = None
    counted: Mask | None = None


@dataclass(frozen=True)
class Truth:
    """The truth about all transactions of a history, a row each.

    Attributes:
        fraud: Whether it is.
        scenario: The number of its scenario in `scenarios`; -1 for what is no fraud.
        incident: The number of its incident; -1 where there is none or it is unknown.
        scenarios: The names.
        known: Whether it is known; None where all are.
    """

    fraud: Mask
    scenario: NDArray[np.int16]
    incident: NDArray[np.int32]
    scenarios: tuple[str, ...]
    known: Mask | None = None


class TruthCollector:
    """Gathers labels block by block: names become numbers, since millions of rows are kept.

    Two incidents of different scenarios are never the same one, whatever their names.
    """

    def __init__(self) -> None:
        self._scenarios: dict[bytes, int] = {}
        self._incidents: dict[tuple[int, bytes], int] = {}
        self._parts: list[tuple[Mask, NDArray[np.int16], NDArray[np.int32], Mask]] = []

    def add(self, labels: Labels) -> None:
        """Take in some more rows."""
        scenario = np.full(len(labels.fraud), -1, np.int16)
        incident = np.full(len(labels.fraud), -1, np.int32)
        rows = np.flatnonzero(labels.fraud)
        for row, name, occurrence in zip(
            rows.tolist(), labels.scenario[rows].tolist(), labels.incident[rows].tolist(), strict=True
        ):
            number = self._scenarios.setdefault(name or UNNAMED.encode(), len(self._scenarios))
            scenario[row] = number
            if occurrence:
                incident[row] = self._incidents.setdefault((number, occurrence), len(self._incidents))
        known = np.ones(len(labels.fraud), np.bool_) if labels.known is None else labels.known
        self._parts.append((labels.fraud, scenario, incident, known))

    def truth(self) -> Truth:
        """All of it, the scenarios in the order of their names."""
        names = sorted(self._scenarios)
        place = np.zeros(len(names) + 1, np.int16)
        place[-1] = -1  # what -1 picks
        for name, number in self._scenarios.items():
            place[number] = names.index(name)
        fraud = np.concatenate([part[0] for part in self._parts])
        scenario = np.concatenate([part[1] for part in self._parts])
        incident = np.concatenate([part[2] for part in self._parts])
        known = np.concatenate([part[3] for part in self._parts])
        return Truth(
            fraud, place[scenario], incident, tuple(name.decode() for name in names), None if known.all() else known
        )
