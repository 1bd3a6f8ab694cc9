"""Random streams of transactions for windows, and what a plain recomputation says of them.

`Recomputed` is written from the definition in `docs/decisions` alone: it forgets nothing and looks at every row again
for every figure. `random.Random` decides everything, so that hypothesis can drive (and shrink) it.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from random import Random
from typing import Any

import numpy as np

from services.rules.model import (
    Aggregation,
    Columns,
    Condition,
    Mask,
    Measure,
    Mode,
    Rule,
    Severity,
    Window,
)

Row = Mapping[str, Any]

KEYS = (("target",), ("source",), ("amount",), ("target", "amount"), ("source", "target"), ("amount", "created_at"))
ACCOUNTS = (b"ann", b"bob", b"bo", b"", b"\0x", b"c" * 40)
ODD_ACCOUNTS = (*ACCOUNTS, b"nul\0", b"\0", b"long" * 80)
"""Values that a column of fixed width can't hold: such a batch has a column of objects."""


@dataclass(frozen=True)
class AtLeast:
    """A condition: a number is no less than a limit."""

    name: str
    limit: int
    features: frozenset[str] = frozenset()

    @property
    def text(self) -> str:
        return f"{self.name} >= {self.limit}"

    @property
    def fields(self) -> frozenset[str]:
        return frozenset({self.name})

    def mask(self, columns: Columns, rows: int) -> Mask:
        assert len(columns[self.name]) == rows
        return np.asarray(columns[self.name] >= self.limit)

    def holds(self, row: Row) -> bool:
        return bool(row[self.name] >= self.limit)


@dataclass(frozen=True)
class Fired:
    """A rule match as the recomputation sees it."""

    row: int
    rule: str
    key: tuple[Any, ...]
    aggregations: Mapping[str, Any]
    contributors: tuple[bytes, ...]
    suppressed: int | None = 0


@dataclass
class Recomputed:
    """The windows of a partition as their definition says, with nothing ever forgotten."""

    lateness_ms: int
    contributors: int
    read: dict[Window, list[tuple[int, Row]]] = field(default_factory=dict)
    watermark_ms: int | None = None
    order: int = 0
    values: list[list[Any]] = field(default_factory=list)
    matching: dict[Window, Rule] = field(default_factory=dict)

    def require(self, aggregations: Iterable[Aggregation]) -> None:
        for aggregation in aggregations:
            self.read.setdefault(aggregation.window, [])
            if aggregation.rule is not None:
                self.matching[aggregation.window] = aggregation.rule

    def retain(self, windows: Collection[Window]) -> None:
        self.read = {window: rows for window, rows in self.read.items() if window in windows}

    def copy(self) -> "Recomputed":
        read = {window: list(rows) for window, rows in self.read.items()}
        matching = dict(self.matching)
        return Recomputed(self.lateness_ms, self.contributors, read, self.watermark_ms, self.order, matching=matching)

    def take(
        self,
        rows: Sequence[Row],
        clocks: Sequence[int],
        wheres: Mapping[Window, Condition | None],
        rules: Sequence[Rule] = (),
        *,
        only: Collection[Window] | None = None,
        aggregations: Sequence[Aggregation] = (),
    ) -> tuple[list[Fired], int]:
        """Read rows and evaluate each; return the matches and the number of late rows.

        The results of `aggregations` for each row are in `values`, a list for each of them.
        """
        self.values = [[] for _ in aggregations]
        fired, late = [], 0
        for index, row in enumerate(rows):
            if self.watermark_ms is not None and row["created_at"] < self.watermark_ms - self.lateness_ms:
                late += 1
            self.watermark_ms = max(
                clocks[index], *([] if self.watermark_ms is None else [self.watermark_ms]), -(2**62)
            )
            written: dict[Window, int | None] = {}
            for window, read in self.read.items():
                where = wheres[window]
                if window.measure is Measure.MATCHES:
                    continue
                if (only is None or window in only) and (where is None or where.holds(row)):  # type: ignore[attr-defined]
                    read.append((self.order, row))
            if only is None:
                for window, rule in self.matching.items():
                    if window in self.read and self._evaluate(rule, index, row):
                        written[window] = self._suppressed(window, row)
                        self.read[window].append((self.order, row))
            for rule in rules:
                kept = rule.kept_matches.window if rule.kept_matches else None
                for match in self._evaluate(rule, index, row):
                    suppressed = written[kept] if kept in self.read else 0
                    ids = () if suppressed is None else match.contributors
                    fired.append(replace(match, suppressed=suppressed, contributors=ids))
            for results, aggregation in zip(self.values, aggregations, strict=True):
                results.append(self._aggregation(aggregation.window, row))
            self.order += 1
        return fired, late

    def _evaluate(self, rule: Rule, index: int, row: Row) -> list[Fired]:
        if rule.when is not None and not rule.when.holds(row):  # type: ignore[attr-defined]
            return []
        aggregations = {
            aggregation.name: self._aggregation(aggregation.window, row) for aggregation in rule.aggregations
        }
        for aggregation in rule.aggregations:
            value = aggregations[aggregation.name]
            if aggregation.at_least is not None and not (value is not None and value >= aggregation.at_least):
                return []
            if aggregation.at_most is not None and not (value is not None and value <= aggregation.at_most):
                return []
        if not rule.aggregations:
            return [Fired(index, rule.name, (), {}, ())]
        limited = [f for f in rule.aggregations if (f.at_least, f.at_most) != (None, None)]
        window = [*limited, *rule.aggregations][0].window
        counting = sorted(self._counting(window, row), key=lambda entry: (entry[1]["created_at"], entry[0]))
        ids = tuple(entry["id"] for _, entry in counting[max(0, len(counting) - self.contributors) :])
        return [Fired(index, rule.name, tuple(row[name] for name in window.by), aggregations, ids)]

    def _suppressed(self, window: Window, row: Row) -> int | None:
        """Return the number of suppressed matches in the interval before; None where the match is suppressed."""
        every = window.over_ms // 2
        assert self.watermark_ms is not None
        since = self.watermark_ms - window.over_ms - self.lateness_ms
        same = [match for _, match in self.read[window] if all(match[f] == row[f] for f in window.by)]
        intervals = [match["created_at"] // every for match in same if match["created_at"] > since]
        interval = row["created_at"] // every
        return None if interval in intervals else max(intervals.count(interval - 1) - 1, 0)

    def _counting(self, window: Window, row: Row) -> list[tuple[int, Row]]:
        assert self.watermark_ms is not None
        time = row["created_at"]
        same = [(order, entry) for order, entry in self.read[window] if all(entry[f] == row[f] for f in window.by)]
        counting = []
        for order, entry in same:
            if not time - window.over_ms < entry["created_at"] <= time:
                continue
            if not entry["created_at"] > self.watermark_ms - window.over_ms - self.lateness_ms:
                continue
            if window.measure is Measure.INACTIVITY and any(
                entry["created_at"] < other["created_at"] <= self.watermark_ms - self.lateness_ms
                for earlier, other in same
                if earlier < self.order
            ):
                continue
            counting.append((order, entry))
        return counting

    def _aggregation(self, window: Window, row: Row) -> Any:
        counting = self._counting(window, row)
        values = [entry[window.field] for _, entry in counting] if window.field else []
        others = [entry["created_at"] for order, entry in counting if order != self.order]
        aggregations = {
            Measure.COUNT: len(counting),
            Measure.SUM: sum(values) if window.measure is Measure.SUM else 0,
            Measure.DISTINCT: len(set(values)),
            Measure.AVERAGE: Fraction(sum(values), len(values))
            if window.measure is Measure.AVERAGE and values
            else None,
            Measure.MIN: min(values, default=None),
            Measure.MAX: max(values, default=None),
            Measure.INACTIVITY: row["created_at"] - max(others) if others else None,
        }
        return aggregations[window.measure]


def random_window(random: Random) -> Window:
    measure = random.choice([measure for measure in Measure if measure is not Measure.MATCHES])
    name = None
    if measure is Measure.DISTINCT:
        name = random.choice(["source", "target", "id", "amount", "created_at"])
    elif measure not in (Measure.COUNT, Measure.INACTIVITY):
        name = random.choice(["amount", "created_at"])
    return Window(
        measure, name, random.choice(KEYS), random.choice([1, 2, 10, 25, 60, 300]), random.choice(["", "amount >= 2"])
    )


def random_rules(random: Random) -> tuple[Rule, ...]:
    """A few rules over fewer windows, so that some share one."""
    windows = [random_window(random) for _ in range(random.randint(1, 4))]
    if random.random() < 0.5:  # one key, so that windows whose results are needed of every row share entries
        windows = [replace(window, by=windows[0].by, where=windows[0].where) for window in windows]
    return tuple(_rule(random, number, windows) for number in range(random.randint(1, 4)))


def _rule(random: Random, number: int, windows: Sequence[Window]) -> Rule:
    aggregations = []
    for index in range(random.choice([0, 1, 1, 2, 2, 3])):
        window = random.choice(windows)
        low, high = _limits(random, window)
        where = AtLeast("amount", 2) if window.where else None
        every_row = random.random() < 0.5  # with others of its key it shares entries then
        aggregations.append(Aggregation(f"figure_{index}", window, where, low, high, every_row=every_row))
    when = random.choice([None, None, None, AtLeast("amount", 1), AtLeast("amount", 3), AtLeast("amount", 1000)])
    severity = random.choice(list(Severity))
    every = random.choice([None, None, 1, 5, 20, 60]) if aggregations else None
    return Rule(
        f"rule_{number}", severity, "", Mode.LIVE, when, tuple(aggregations), f"{number:012}", alert_every_ms=every
    )


def _limits(random: Random, window: Window) -> tuple[Fraction | None, Fraction | None]:
    if window.measure in (Measure.COUNT, Measure.DISTINCT):
        limits = [Fraction(n) for n in (0, 1, 2, 3, 5)]
    else:
        limits = [Fraction(n, 2) for n in (-3, 0, 1, 2, 4, 5, 9, 20, 41)]
    low = random.choice([None, *limits])
    high = random.choice([None, None, None, *limits])
    return low, high


@dataclass(frozen=True)
class Habits:
    """Properties of the rows of a stream.

    Attributes:
        accounts: The accounts that pay and are paid.
        disorder: Share of the rows that don't just come after the one before.
        lateness_ms: Usual distance of a row that is back in time.
    """

    accounts: Sequence[bytes]
    disorder: float
    lateness_ms: int


def random_habits(random: Random, lateness_ms: int) -> Habits:
    accounts = random.choice([ACCOUNTS, ACCOUNTS[:2], ACCOUNTS[:1], ODD_ACCOUNTS])
    return Habits(accounts, random.choice([0, 0.1, 0.1, 0.5, 0.9]), lateness_ms)


def random_rows(
    random: Random, habits: Habits, count: int, *, newest: int, edges: Sequence[int], number: int
) -> list[Row]:
    """Rows whose times repeat, run backwards, and lie on or beside the edges of what was read before.

    Args:
        random: Decides.
        habits: The properties of the rows.
        count: Number of rows.
        newest: The time that they are near to.
        edges: Distances at which something may begin or stop to count.
        number: Of the first: part of its id.
    """
    rows: list[Row] = []
    for index in range(count):
        kind = random.random() / habits.disorder if habits.disorder else 1
        if kind >= 1:
            newest += random.choice([0, 0, 1, 1, 2, 7])
            time = newest
        elif kind >= 0.4:
            time = newest - random.randint(0, habits.lateness_ms)
        elif kind >= 0.1:
            time = newest + random.choice([1, -1, -1]) * random.choice(edges) + random.choice([-1, 0, 1])
        else:
            time = newest - random.randint(0, 400)
        repeated = rows and random.random() < 0.05
        rows.append(
            {
                "id": rows[-1]["id"] if repeated else b"%d" % (number + index),
                "source": random.choice(habits.accounts),
                "target": random.choice(habits.accounts),
                "amount": random.choice([1, 2, 2, 2, 3, 256, -1]),
                "created_at": time,
            }
        )
    return rows


def columns_of(rows: Sequence[Row]) -> Columns:
    """Rows as the decoder delivers them."""
    columns = {}
    for name in ("id", "source", "target"):
        values = [row[name] for row in rows]
        wide = any(len(value) > 255 or value.endswith(b"\0") for value in values)
        columns[name] = np.array(values, dtype=object if wide else "S")
    for name in ("amount", "created_at"):
        columns[name] = np.array([row[name] for row in rows], dtype=np.int64)
    return columns
