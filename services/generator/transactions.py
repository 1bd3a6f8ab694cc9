"""Random transactions, the same for the same seed. Pure: no clock, no I/O."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Self

import numpy as np
import numpy.typing as npt

ACCOUNT_LENGTH = 12
LEAST_CENTS, MOST_CENTS = 100, 100_000
# Rows are always drawn in blocks of this size: another size would give other transactions for a seed.
BLOCK = 8192

_ALPHABET = np.frombuffer(b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", np.uint8)
_HYPHENS = [8, 13, 18, 23]
_DIGITS = np.setdiff1d(np.arange(36), _HYPHENS)

Texts = npt.NDArray[np.bytes_]
Times = Callable[[int, int], npt.NDArray[np.int64]]
"""Takes the index of the first transaction and a count; returns the creation times, in milliseconds since 1970."""


@dataclass(frozen=True)
class Transactions:
    """Transactions, a row each.

    Attributes:
        ids: UUIDs of version 4 as text, S36.
        sources: Paying accounts, S12.
        targets: Receiving accounts, S12; never the source of the same row.
        cents: Amounts in hundredths of the currency's unit, int64.
        created_at: Creation times, in milliseconds since 1970.
    """

    ids: Texts
    sources: Texts
    targets: Texts
    cents: npt.NDArray[np.int64]
    created_at: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, rows: slice) -> Self:
        return type(self)(*(getattr(self, column.name)[rows] for column in fields(self)))


class RandomTraffic:
    """An endless sequence of transactions, independent of the batches in which it is taken.

    Accounts take part uniformly, amounts are uniform over 1.00 to 1000.00, both included.

    Args:
        accounts: Number of accounts; at least 2.
        seed: Seed of accounts and transactions.
    """

    def __init__(self, accounts: int, seed: int) -> None:
        for_accounts, for_rows = np.random.SeedSequence(seed).spawn(2)
        self._accounts = account_ids(accounts, np.random.default_rng(for_accounts))
        self._random = np.random.default_rng(for_rows)
        self._block = self._draw()
        self._used = 0
        self._taken = 0

    def take(self, limit: int, times: Times) -> Transactions:
        """Return the next transactions: at least one and at most ``limit``.

        Args:
            limit: Limit of their number.
            times: Creation times.
        """
        if self._used == BLOCK:
            self._block, self._used = self._draw(), 0
        rows = slice(self._used, min(BLOCK, self._used + limit))
        ids, sources, targets, cents = self._block
        created_at = times(self._taken, rows.stop - rows.start)
        self._used, self._taken = rows.stop, self._taken + len(created_at)
        return Transactions(ids[rows], sources[rows], targets[rows], cents[rows], created_at)

    def _draw(self) -> tuple[Texts, Texts, Texts, npt.NDArray[np.int64]]:
        """Return ids, sources, targets and cents of a block."""
        count = len(self._accounts)
        source = self._random.integers(0, count, BLOCK)
        target = (source + self._random.integers(1, count, BLOCK)) % count
        return (
            uuids(BLOCK, self._random),
            self._accounts[source],
            self._accounts[target],
            self._random.integers(LEAST_CENTS, MOST_CENTS + 1, BLOCK),
        )


def account_ids(count: int, random: np.random.Generator) -> Texts:
    """Return random account ids: 12 characters of 0-9a-zA-Z, which practically never collide."""
    characters = _ALPHABET[random.integers(0, len(_ALPHABET), (count, ACCOUNT_LENGTH))]
    return characters.view(f"S{ACCOUNT_LENGTH}").reshape(count)


def uuids(count: int, random: np.random.Generator) -> Texts:
    """Return random UUIDs of version 4 and variant 10 (RFC 9562, 5.4) as lower case text."""
    uuid_bytes = np.frombuffer(random.bytes(16 * count), np.uint8).reshape(count, 16).copy()
    uuid_bytes[:, 6] = uuid_bytes[:, 6] & 0x0F | 0x40
    uuid_bytes[:, 8] = uuid_bytes[:, 8] & 0x3F | 0x80
    text = np.full((count, 36), ord("-"), np.uint8)
    text[:, _DIGITS] = np.frombuffer(uuid_bytes.tobytes().hex().encode(), np.uint8).reshape(count, 32)
    return text.view("S36").reshape(count)
