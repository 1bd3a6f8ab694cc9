"""Input for contenders that have the five default rules, with each verdict by a plain recomputation."""

from bisect import bisect_right, insort
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from io import BytesIO
from typing import Any

import fastavro
import numpy as np
import numpy.typing as npt

from benchmarks.work import SEED, SUSPICIOUS_CENTS, Work, random_rows
from services.contracts import HEADER_SIZE, load_contracts
from services.generator.encoding import TransactionEncoder
from services.generator.transactions import Transactions

MINUTE, HOUR = 60_000, 3_600_000
DORMANT_MS = 50 * HOUR
EARLY_SHARE = 0.1
"""Share of the rows before the pause that makes accounts dormant."""

BURST_EVERY = 2000
"""Rows of the plain stream for each burst."""


@dataclass(frozen=True)
class RulesWork(Work):
    """Messages with their verdicts.

    Attributes:
        suspicious: Ids of the transactions that some rule matches.
        by_rule: The number of matches of each rule.
    """

    suspicious: frozenset[bytes]
    by_rule: dict[str, int]


def rules_work(count: int, schema_id: int) -> RulesWork:
    """Transactions in the order of their times, with bursts that each of the rules over time matches.

    Args:
        count: Number of transactions.
        schema_id: Id of their schema.
    """
    rows = _with_bursts(random_rows(count))
    values = TransactionEncoder(load_contracts().topic("queueing.transactions").required_schema, schema_id).encode(rows)
    matches = _matches(rows)
    suspicious = set[int]().union(*matches.values())
    ids = rows.ids.tolist()
    return RulesWork(
        values,
        rows.targets.tolist(),
        len(suspicious),
        frozenset(ids[row] for row in suspicious),
        {name: len(found) for name, found in matches.items()},
    )


def ids_of(values: Sequence[bytes]) -> list[bytes]:
    """Return the ids of transactions, read by fastavro."""
    schema = fastavro.parse_schema(load_contracts().topic("queueing.transactions").required_schema.json)
    records: Iterator[Any] = (
        fastavro.schemaless_reader(BytesIO(value[HEADER_SIZE:]), schema, None) for value in values
    )
    return [str(record["id"]).encode() for record in records]


def _with_bursts(rows: Transactions) -> Transactions:
    """Replace some rows by bursts, and date the first ones two days before."""
    random = np.random.default_rng(SEED)
    columns = {column.name: getattr(rows, column.name).copy() for column in fields(rows)}
    sources, targets, cents = columns["sources"], columns["targets"], columns["cents"]
    for begin in range(0, len(rows) - 200, BURST_EVERY):
        kind = begin // BURST_EVERY % 3
        size = (10, 4, 60)[kind]
        places = begin + np.arange(size) * 3
        if kind == 0:  # many small payments to few receivers
            sources[places], targets[places] = sources[begin], targets[begin + np.arange(size) % 3]
            cents[places] = random.integers(100, 20_000, size)
        elif kind == 1:  # payments just under the limit to one receiver
            sources[places], targets[places], cents[places] = sources[begin], targets[begin], 87_500
        else:  # the same round amount from many payers to one receiver
            targets[places], cents[places] = targets[begin], 40_000
    columns["created_at"][: int(len(rows) * EARLY_SHARE)] -= DORMANT_MS
    return replace(rows, **columns)


def _matches(rows: Transactions) -> dict[str, set[int]]:
    """Return the rows that each rule matches: the definition, without any cleverness."""
    matches: dict[str, set[int]] = defaultdict(set)
    senders, receivers, band = _Window(24 * HOUR), _Window(MINUTE), _Window(2 * HOUR)
    latest: dict[bytes, int] = {}
    columns: Sequence[npt.NDArray[np.generic]] = (rows.sources, rows.targets, rows.cents, rows.created_at)
    for row, (source, target, cents, at) in enumerate(zip(*(column.tolist() for column in columns), strict=True)):
        if cents >= SUSPICIOUS_CENTS:
            matches["large-amount"].add(row)
        if cents % 10_000 == 0 and len(set(senders.added((target, cents), at, source))) >= 50:
            matches["many-senders"].add(row)
        if cents < 20_000:
            counted = receivers.added(source, at, target)
            if len(counted) >= 8 and len(set(counted)) <= 5:
                matches["rapid-fire"].add(row)
        if 85_000 <= cents < 90_000 and len(band.added((source, target), at, b"")) >= 3:
            matches["structuring"].add(row)
        before = latest.get(source)
        latest[source] = at
        if before is not None and cents >= 50_000 and 48 * HOUR <= at - before < 72 * HOUR:
            matches["dormant-account"].add(row)
    return dict(matches)


class _Window:
    """Entries of each key, all of them for ever.

    Args:
        over_ms: Length of the window.
    """

    def __init__(self, over_ms: int) -> None:
        self._over = over_ms
        self._entries: dict[object, list[tuple[int, int, bytes]]] = defaultdict(list)
        self._count = 0

    def added(self, key: object, at: int, value: bytes) -> list[bytes]:
        """Add an entry, and return the values of those in the window that ends with it."""
        entries = self._entries[key]
        self._count += 1
        insort(entries, (at, self._count, value))
        first = bisect_right(entries, (at - self._over + 1,))
        return [value for _, _, value in entries[first : bisect_right(entries, (at, self._count, value))]]
