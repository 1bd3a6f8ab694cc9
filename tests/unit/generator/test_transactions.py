"""Random transactions: the same for the same seed, and by the contract."""

import re
from hashlib import sha256
from uuid import UUID

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.contracts import RecordDecoder, load_contracts, unframe
from services.generator.encoding import TransactionEncoder
from services.generator.transactions import BLOCK, LEAST_CENTS, MOST_CENTS, RandomTraffic, Transactions, account_ids


def times(first: int, count: int) -> np.ndarray:
    return 1_700_000_000_000 + np.arange(first, first + count)


def taken(source: RandomTraffic, sizes: list[int]) -> list[Transactions]:
    return [source.take(size, times) for size in sizes]


def rows(parts: list[Transactions]) -> list[tuple[bytes, bytes, bytes, int]]:
    return [
        row
        for part in parts
        for row in zip(
            part.ids.tolist(), part.sources.tolist(), part.targets.tolist(), part.cents.tolist(), strict=True
        )
    ]


@given(st.lists(st.integers(1, 6000), min_size=1, max_size=8), st.integers(0, 2**64))
def test_a_seed_gives_the_same_transactions_in_any_batches(sizes: list[int], seed: int) -> None:
    cut = rows(taken(RandomTraffic(100, seed), sizes))
    whole = rows(taken(RandomTraffic(100, seed), [BLOCK] * (len(cut) // BLOCK + 1)))
    assert cut == whole[: len(cut)]


def test_a_seed_gives_the_recorded_transactions() -> None:
    parts = taken(RandomTraffic(1000, 5), [5000, 5000])
    columns = (column.tobytes() for part in parts for column in (part.ids, part.sources, part.targets, part.cents))
    assert sha256(b"".join(columns)).hexdigest() == "ecfaccbb3a00a89aa634ca250b116244b166ab5880c69f97055fb548db12d96d"


def test_another_seed_gives_other_transactions() -> None:
    assert rows([RandomTraffic(100, 1).take(5, times)]) != rows([RandomTraffic(100, 2).take(5, times)])


def test_a_source_never_ends_and_never_repeats_an_id() -> None:
    source = RandomTraffic(1000, 7)
    ids = [identifier for _ in range(4) for identifier in source.take(BLOCK, times).ids.tolist()]
    assert len(set(ids)) == 4 * BLOCK


def test_transactions_fulfil_the_contract() -> None:
    part = RandomTraffic(50, 3).take(BLOCK, times)
    account = re.compile(rb"[0-9a-zA-Z]{12}")
    assert all(account.fullmatch(name) for name in part.sources.tolist() + part.targets.tolist())
    assert len(set(part.sources.tolist())) == 50
    assert not (part.sources == part.targets).any()
    assert all(
        UUID(identifier.decode()).version == 4 and str(UUID(identifier.decode())) == identifier.decode()
        for identifier in part.ids.tolist()
    )
    assert part.cents.min() >= LEAST_CENTS
    assert part.cents.max() <= MOST_CENTS


def test_two_accounts_pay_each_other() -> None:
    part = RandomTraffic(2, 3).take(100, times)
    assert {*zip(part.sources.tolist(), part.targets.tolist(), strict=True)} == {
        (left, right) for left in part.sources.tolist() for right in part.sources.tolist() if left != right
    }


def test_amounts_and_accounts_are_uniform() -> None:
    parts = taken(RandomTraffic(20, 11), [BLOCK] * 12)
    cents = np.concatenate([part.cents for part in parts])
    targets = np.concatenate([part.targets for part in parts])
    share = (cents >= 90_000).mean()
    assert 0.097 < share < 0.1035  # 10,001 of 99,901 values; 5 standard deviations are 0.005
    counts = np.unique(targets, return_counts=True)[1] / len(targets)
    assert abs(counts - 1 / 20).max() < 0.004


def test_both_ends_of_the_amounts_occur() -> None:
    cents = np.concatenate([part.cents for part in taken(RandomTraffic(2, 5), [BLOCK] * 200)])
    assert (cents.min(), cents.max()) == (LEAST_CENTS, MOST_CENTS)


def test_accounts_have_the_set_number_and_differ() -> None:
    accounts = account_ids(10_000, np.random.default_rng(1))
    assert len(set(accounts.tolist())) == 10_000


def test_messages_decode_to_the_transactions() -> None:
    schema = load_contracts().topic("queueing.transactions").required_schema
    part = RandomTraffic(10, 1).take(20, times)
    decoder = RecordDecoder(schema.json)
    for row, value in enumerate(TransactionEncoder(schema, 9).encode(part)):
        schema_id, body = unframe(value)
        record = decoder.decode(body)
        assert schema_id == 9
        assert str(record["id"]).encode() == part.ids[row]
        assert (record["source"].encode(), record["target"].encode()) == (part.sources[row], part.targets[row])
        assert int(record["amount"] * 100) == part.cents[row]
        assert record["currency"] == "EUR"
        assert record["created_at"].timestamp() * 1000 == pytest.approx(part.created_at[row])
