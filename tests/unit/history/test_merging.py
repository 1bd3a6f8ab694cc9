import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from services.history.topic_input import ARRIVED, joined_labels, merged
from services.rules.conditions import null_mark


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 20)), max_size=40))
def test_merging_keeps_the_order_of_each_partition(messages: list[tuple[int, int]]) -> None:
    partition = np.array([number for number, _ in messages], np.int64)
    time = np.array([milliseconds for _, milliseconds in messages], np.int64)
    order = merged(partition, time)
    assert sorted(order.tolist()) == list(range(len(messages)))
    for number in range(4):
        rows = [row for row in order.tolist() if partition[row] == number]
        assert rows == sorted(rows)


def test_merging_goes_by_time() -> None:
    assert merged(np.array([0, 0, 1, 1]), np.array([10, 30, 20, 40])).tolist() == [0, 2, 1, 3]


def test_a_time_that_goes_back_does_not_come_before_its_predecessor() -> None:
    assert merged(np.array([0, 0, 1]), np.array([30, 10, 20])).tolist() == [2, 0, 1]


def test_labels_find_their_transactions_and_the_last_of_several_holds() -> None:
    table = {
        "transaction_id": np.array([b"b", b"a", b"b", b"x"]),
        "fraud": np.array([True, False, False, True]),
        "scenario": np.array([b"fan-in", b"", b"odd", b"fan-in"]),
        null_mark("scenario"): np.array([False, True, False, False]),
        "incident": np.array([b"i1", b"", b"", b"i2"]),
        null_mark("incident"): np.array([False, True, True, False]),
    }
    table[ARRIVED] = np.arange(len(table["transaction_id"]))
    labels, count = joined_labels(np.array([b"a", b"b", b"c", b"x", b"xx"]), table)
    assert count == 3
    assert labels.fraud.tolist() == [False, False, False, True, False]
    assert labels.scenario.tolist() == [b"", b"odd", b"", b"fan-in", b""]
    assert labels.incident.tolist() == [b"", b"", b"", b"i2", b""]


def test_only_labelled_transactions_are_known_where_people_review_a_part() -> None:
    table = {
        "transaction_id": np.array([b"a"]),
        "fraud": np.array([True]),
        "scenario": np.array([b""]),
        null_mark("scenario"): np.array([True]),
        "incident": np.array([b""]),
        null_mark("incident"): np.array([True]),
        ARRIVED: np.array([7]),
    }
    ids = np.array([b"a", b"b"])
    labels, _ = joined_labels(ids, table)
    assert labels.known is None  # a generator names all fraud
    labels, _ = joined_labels(ids, table, reviewed_only=True)
    assert labels.known is not None
    assert labels.known.tolist() == [True, False]
