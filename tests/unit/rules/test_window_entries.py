"""Entries of windows: their keys, ids and fields, and the range of their times."""

from typing import Any

import numpy as np
import pytest

from services.rules.model import Columns, Measure
from services.rules.windows.byte_rows import key_objects
from tests.support.window_rules import HOUR, aggregation, rows, rule, state_of

IDS = [
    b"0b8f5a3c-1d2e-4f60-8a9b-c0d1e2f3a4b5",
    b"0B8F5A3C-1D2E-4F60-8A9B-C0D1E2F3A4B5",
    b"0b8f5a3c+1d2e-4f60-8a9b-c0d1e2f3a4b5",
    b"0b8f5a3c-1d2e-4f60-8a9b-c0d1e2f3a4g5",
    b"0123456789abcdef",
    b"x",
]


def test_entries_stay_readable_when_rules_need_other_fields() -> None:
    total, senders = rule(aggregation(Measure.SUM, "amount")), rule(aggregation(Measure.DISTINCT, "target"))
    state = state_of(senders)
    state.evaluate(rows([0, 1]), 2, [senders])
    state.commit()
    state.require(total.aggregations)
    state.evaluate(rows([2], first=2), 1, [senders, total])
    state.commit()
    state.retain([senders.aggregations[0].window])
    columns = {name: column for name, column in rows([3], first=3).items() if name != "amount"}
    (match,) = state.evaluate(columns, 1, [senders]).matches
    assert (match.aggregates, match.contributors) == ({"distinct": 4}, (b"0", b"1", b"2", b"3"))


def test_keys_of_several_fields_are_equal_in_whatever_batch() -> None:
    texts = [b"", b"\0", b"a", b"a\0", b"\1", b"\1a", b"\0\1"]
    numbers = [0, 1, 256, 255, -1, 2**40]
    rows = [(number, text) for number in numbers for text in texts]
    narrow = [row for row in rows if not row[1].endswith(b"\0")]

    def keys_of(some: list[tuple[int, bytes]], dtype: Any) -> list[Any]:
        return key_objects([np.array([number for number, _ in some]), np.array([text for _, text in some], dtype)])

    wide = dict(zip(rows, keys_of(rows, object), strict=True))
    assert len(set(wide.values())) == len(rows)
    assert keys_of(narrow, "S") == [wide[row] for row in narrow]
    assert keys_of(narrow, "S64") == [wide[row] for row in narrow]


@pytest.mark.parametrize("dtype", ["S", object])
def test_ids_are_read_as_they_were_written(dtype: Any) -> None:
    ids = rule(aggregation(Measure.DISTINCT, "id", at_least=len(IDS)))
    state = state_of(ids)
    columns = {**rows(range(len(IDS))), "id": np.array(IDS, dtype)}
    (match,) = state.evaluate(columns, len(IDS), [ids]).matches
    assert match.contributors == tuple(IDS)
    (match,) = state.evaluate({**rows([9]), "id": np.array(IDS[:1], dtype)}, 1, [ids]).matches
    assert match.aggregates == {"distinct": len(IDS)}  # the same id, whatever it is packed with


def test_canonical_ids_are_read_as_they_were_written() -> None:
    counts = rule(aggregation(Measure.COUNT, at_least=3))
    ids = [IDS[0], b"ffffffff-ffff-ffff-ffff-ffffffffffff", b"00000000-0000-0000-0000-000000000000"]
    (match,) = state_of(counts).evaluate({**rows(range(3)), "id": np.array(ids)}, 3, [counts]).matches
    assert match.contributors == tuple(ids)


def test_a_window_on_fractions_is_rejected() -> None:
    total = rule(aggregation(Measure.SUM, "amount"))
    columns: Columns = {**rows([1]), "amount": np.array([0.5])}
    with pytest.raises(ValueError, match="amount has values of type float64"):
        state_of(total).evaluate(columns, 1, [total])


def test_times_at_the_ends_of_the_range_do_not_overflow() -> None:
    counts = rule(aggregation(Measure.COUNT, at_least=1), aggregation(Measure.INACTIVITY))
    state = state_of(counts, lateness_ms=1000)
    ends = [-(2**63), 2**63 - 1]
    evaluation = state.evaluate(rows([ends[0] + 2 * HOUR, ends[1], ends[0]]), 3, [counts])
    state.commit()
    assert [(match.row, dict(match.aggregates)) for match in evaluation.matches] == [
        (0, {"count": 1, "inactivity": None}),
        (1, {"count": 1, "inactivity": None}),
    ]
    assert evaluation.late == 1
