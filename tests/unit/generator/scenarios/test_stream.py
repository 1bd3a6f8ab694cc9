"""A labelled stream: reproducible, with the set share of each scenario."""

from collections import Counter
from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from services.errors import UsageError
from services.generator.scenarios import HARD, STANDARD, Block, FanIn, HonestChange, RapidFire, labelled_stream

START = 1_700_000_000_000


def joined(blocks: list[Block]) -> tuple[dict[str, Any], Any, Any]:
    columns = {name: np.concatenate([block.columns[name] for block in blocks]) for name in blocks[0].columns}
    return columns, *(np.concatenate([getattr(block, name) for block in blocks]) for name in ("scenario", "incident"))


def stream(count: int, seed: int = 1, scenarios: Any = STANDARD, **changes: Any) -> tuple[dict[str, Any], Any, Any]:
    arguments = {"accounts": 5000, "rate": 0.4, "start": START} | changes
    return joined(list(labelled_stream(seed, count, scenarios=scenarios, **arguments)))


def test_a_stream_has_its_length_and_is_in_order_of_event_time() -> None:
    columns, scenario, incident = stream(50_001)
    assert {len(column) for column in [*columns.values(), scenario, incident]} == {50_001}
    assert set(columns) == {"id", "source", "target", "amount", "currency", "created_at"}
    created_at = columns["created_at"]
    assert (np.diff(created_at) >= 0).all()
    assert created_at[0] == START
    assert len(set(columns["id"].tolist())) == 50_001
    assert not (columns["source"] == columns["target"]).any()


def test_a_stream_depends_on_its_seed() -> None:
    first, repeated, another = (stream(30_000, seed) for seed in (7, 7, 8))
    for left, right in zip([*first[0].values(), *first[1:]], [*repeated[0].values(), *repeated[1:]], strict=True):
        assert np.array_equal(left, right)
    assert not set(first[0]["id"].tolist()) & set(another[0]["id"].tolist())


def test_the_rate_is_kept_over_days() -> None:
    created_at = stream(4 * 20_000, rate=20_000 / 86_400)[0]["created_at"]
    assert (created_at[-1] - created_at[0]) / 86_400_000 == pytest.approx(4, abs=0.05)


def test_each_scenario_has_the_share_that_was_set() -> None:
    scenarios = (FanIn(rate=0.05), RapidFire(rate=0.1))
    _, scenario, _ = stream(400_000, scenarios=scenarios, rate=4)
    shares = {name: number / 400_000 for name, number in Counter(scenario.tolist()).items()}
    # About 310 and 1000 incidents: five standard deviations of their numbers are 28 and 16 %.
    assert shares[b"fan-in"] == pytest.approx(0.05, rel=0.3)
    assert shares[b"rapid-fire"] == pytest.approx(0.1, rel=0.2)


def test_too_few_accounts_are_an_error_with_the_needed_number() -> None:
    with pytest.raises(UsageError, match="fan-in needs at least 81 accounts and there are 80"):
        stream(1, accounts=80)


def test_honest_changes_of_spending_have_no_label() -> None:
    columns, scenario, incident = stream(30_000, scenarios=[HonestChange(rate=0.2, over=(timedelta(hours=1),) * 2)])
    assert set(scenario.tolist()) == set(incident.tolist()) == {b""}
    plain = stream(30_000, scenarios=[])[0]
    assert columns["amount"].mean() > 1.2 * plain["amount"].mean()


def test_the_hard_mix_has_labels_of_all_its_fraud() -> None:
    names = Counter(name.decode() for name in stream(60_000, scenarios=HARD)[1].tolist() if name)
    assert set(names) == {scenario.name for scenario in HARD if scenario.is_fraud}
