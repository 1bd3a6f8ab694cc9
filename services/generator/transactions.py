"""What the transactions are: random, but the same again for the same seed. Pure: no clock, no I/O."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Self

import numpy as np
import numpy.typing as npt

ACCOUNT_LENGTH = 12
LEAST_CENTS, MOST_CENTS = 100, 100_000
# Rows are drawn in blocks of this size whatever is asked for: another size would give other transactions for a seed.
BLOCK = 8192

_ALPHABET = np.frombuffer(b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", np.uint8)
_HYPHENS = [8, 13, 18, 23]
_DIGITS = np.setdiff1d(np.arange(36), _HYPHENS)

Texts = npt.NDArray[np.bytes_]
Times = Callable[[int, int], npt.NDArray[np.int64]]
"""From the index of the first transaction and how many: when each is made, in milliseconds since 1970."""


@dataclass(frozen=True)
class Transactions:
    """Some transactions, a row each.

    Attributes:
        ids: UUIDs of version 4 as text, S36.
        sources: The accounts that pay, S12.
        targets: The accounts that receive, S12; never the source of the same row.
        cents: The amounts in hundredths of the currency's unit, int64.
        created_at: When each is made, in milliseconds since 1970.
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
    """An endless sequence of transactions. How it is cut into batches does not change it.

    Accounts take part uniformly, amounts are uniform over 1.00 to 1000.00, both included.

    Args:
        accounts: How many accounts take part; at least 2.
        seed: The same gives the same transactions and accounts.
    """

    def __init__(self, accounts: int, seed: int) -> None:
        for_accounts, for_rows = np.random.SeedSequence(seed).spawn(2)
        self._accounts = account_ids(accounts, np.random.default_rng(for_accounts))
        self._random = np.random.default_rng(for_rows)
        self._block = self._draw()
        self._used = 0
        self._taken = 0

    def take(self, most: int, times: Times) -> Transactions:
        """The next transactions: at least one and at most ``most``.

        Args:
            most: How many at most.
            times: When they are made.
        """
        if self._used == BLOCK:
            self._block, self._used = self._draw(), 0
        rows = slice(self._used, min(BLOCK, self._used + most))
        ids, sources, targets, cents = self._block
        created_at = times(self._taken, rows.stop - rows.start)
        self._used, self._taken = rows.stop, self._taken + len(created_at)
        return Transactions(ids[rows], sources[rows], targets[rows], cents[rows], created_at)

    def _draw(self) -> tuple[Texts, Texts, Texts, npt.NDArray[np.int64]]:
        """A block's ids, sources, targets and cents."""
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
    """Random account ids: 12 characters of 0-9a-zA-Z, so many that two are hardly ever the same."""
    characters = _ALPHABET[random.integers(0, len(_ALPHABET), (count, ACCOUNT_LENGTH))]
    return characters.view(f"S{ACCOUNT_LENGTH}").reshape(count)


def uuids(count: int, random: np.random.Generator) -> Texts:
    """Random UUIDs of version 4 and variant 10 (RFC 9562, 5.4) as lower case text."""
    octets = np.frombuffer(random.bytes(16 * count), np.uint8).reshape(count, 16).copy()
    octets[:, 6] = octets[:, 6] & 0x0F | 0x40
    octets[:, 8] = octets[:, 8] & 0x3F | 0x80
    text = np.full((count, 36), ord("-"), np.uint8)
    text[:, _DIGITS] = np.frombuffer(octets.tobytes().hex().encode(), np.uint8).reshape(count, 32)
    return text.view("S36").reshape(count)
