from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from services.contracts import load_contracts
from services.detection.settings import DEFAULT_RULES
from services.generator.transactions import RandomTraffic
from services.rules.loading import constants_of, load_rules
from services.rules.model import Rule, RuleSet, fields_of
from services.rules.windows import WindowState

SCHEMA = load_contracts().topic("queueing.transactions").required_schema


def default_rules(suspicious_amount: Decimal = Decimal(900)) -> RuleSet:
    return load_rules(DEFAULT_RULES, SCHEMA, constants_of(suspicious_amount))


def rule_named(name: str) -> Rule:
    return next(rule for rule in default_rules().rules if rule.name == name)


def test_there_are_five() -> None:
    names = ["large-amount", "many-senders", "rapid-fire", "structuring", "dormant-account"]
    assert [rule.name for rule in default_rules().rules] == names
    assert {rule.mode for rule in default_rules().rules} == {"live"}
    assert fields_of(default_rules().rules) == ("amount", "created_at", "id", "source", "target")
    assert default_rules().longest_ms == 72 * 3_600_000


def test_each_runs_in_a_stage_by_target_or_by_source() -> None:
    assert [rule.key for rule in default_rules().rules] == [
        (),
        ("target", "amount"),
        ("source",),
        ("source", "target"),
        ("source",),
    ]


@pytest.mark.parametrize(("threshold", "least"), [("900", 90_000), ("899.991", 90_000), ("0", 0)])
def test_a_large_amount_is_the_setting_or_more(threshold: str, least: int) -> None:
    rule = default_rules(Decimal(threshold)).rules[0]
    amounts = np.array([least - 1, least, least + 1])
    assert rule.when is not None
    assert rule.when.mask({"amount": amounts}, 3).tolist() == [False, True, True]


def test_another_setting_is_another_version() -> None:
    ours, others = default_rules(), default_rules(Decimal(800))
    assert ours.rules[0].version != others.rules[0].version
    assert [rule.version for rule in ours.rules[1:]] == [rule.version for rule in others.rules[1:]]
    assert ours.version != others.version
    assert default_rules(Decimal("900.00")).version == ours.version


def test_limits_are_those_that_the_file_explains() -> None:
    limited = {
        rule.name: (aggregation.window.measure, aggregation.window.over_ms // 1000, aggregation.at_least)
        for rule in default_rules().rules
        for aggregation in rule.aggregations
        if aggregation.at_least is not None
    }
    assert limited == {
        "many-senders": ("distinct", 86_400, 50),
        "rapid-fire": ("count", 60, 8),
        "structuring": ("count", 7200, 3),
        "dormant-account": ("inactivity", 72 * 3600, 48 * 3_600_000),
    }


def test_the_plain_stream_has_as_many_of_each_as_the_file_says() -> None:
    cents = RandomTraffic(10_000, seed=1).take(8192, lambda _first, count: np.zeros(count, np.int64)).cents
    columns = {"amount": cents}
    share = {
        rule.name: rule.when.mask(columns, len(cents)).mean() for rule in default_rules().rules if rule.when is not None
    }
    assert share["large-amount"] == pytest.approx(0.1001, abs=0.015)
    assert share["structuring"] == pytest.approx(0.0500, abs=0.01)
    assert share["rapid-fire"] == pytest.approx(0.1992, abs=0.02)
    assert share["many-senders"] < 0.002


def columns(rows: Sequence[tuple[str, str, str, float]]) -> dict[str, Any]:
    """Source, target, amount and the second of each payment."""
    sources, targets, amounts, seconds = zip(*rows, strict=True)
    return {
        "id": np.array([f"{row:08x}-0000-4000-8000-000000000000".encode() for row in range(len(rows))]),
        "source": np.array([amount.encode() for amount in sources]),
        "target": np.array([amount.encode() for amount in targets]),
        "amount": np.array([int(Decimal(amount) * 100) for amount in amounts]),
        "created_at": np.array([round(second * 1000) for second in seconds]),
    }


def fired(given: dict[str, Any]) -> list[tuple[int, str]]:
    state = WindowState(lateness_ms=60_000)
    rules = [rule for rule in default_rules().rules if rule.aggregations]
    state.require([aggregation for rule in rules for aggregation in rule.aggregations])
    return [(match.row, match.rule.name) for match in state.evaluate(given, len(given["id"]), rules).matches]


def test_many_senders_are_fifty() -> None:
    rows = [(f"sender-{number}", "receiver", "800", 1700.0 * number) for number in range(51)]
    assert fired(columns(rows)) == [(49, "many-senders"), (50, "many-senders")]
    assert fired(columns([*rows[:48], rows[0], rows[49]])) == []  # 50 payments from 49 accounts
    odd = [(source, target, "800.01", second) for source, target, _, second in rows]
    assert fired(columns(odd)) == []


def test_rapid_fire_is_eight_small_payments_in_a_minute_to_five_accounts() -> None:
    rows = [("payer", f"shop-{number % 5}", "19.99", 8.5 * number) for number in range(8)]
    assert fired(columns(rows)) == [(7, "rapid-fire")]
    assert fired(columns([("payer", f"shop-{number}", "19.99", float(number)) for number in range(8)])) == []
    assert fired(columns([(source, target, "200", second) for source, target, _, second in rows])) == []
    assert fired(columns([(source, target, amount, 10 * second) for source, target, amount, second in rows])) == []


def test_structuring_is_three_payments_just_under_the_limit_to_one_account() -> None:
    rows = [("payer", "friend", amount, 3599.0 * number) for number, amount in enumerate(["850", "899.99", "875"])]
    assert fired(columns(rows)) == [(2, "structuring")]
    assert fired(columns([*rows[:2], ("payer", "other", "875", 7198.0)])) == []
    assert fired(columns([*rows[:2], ("payer", "friend", "849.99", 7198.0)])) == []
    assert fired(columns([*rows[:2], ("payer", "friend", "875", 7200.0)])) == []


def test_a_dormant_account_wakes_up_after_48_hours_with_500() -> None:
    hours = 3600.0
    rows = [("sleeper", "a", "5", 0.0), ("sleeper", "b", "500", 48 * hours), ("sleeper", "c", "500", 96 * hours - 1)]
    assert fired(columns(rows)) == [(1, "dormant-account")]
    assert fired(columns([rows[0], ("sleeper", "b", "499.99", 48 * hours)])) == []
    assert fired(columns([rows[0], ("sleeper", "b", "500", 72 * hours)])) == []  # as good as new


def test_no_window_catches_anything_in_the_plain_stream_however_fast_it_is() -> None:
    drawn = RandomTraffic(10_000, seed=1).take(8192, lambda _first, count: np.arange(count) // 100)
    names = ("id", "source", "target", "amount", "created_at")
    assert (
        fired(dict(zip(names, (drawn.ids, drawn.sources, drawn.targets, drawn.cents, drawn.created_at), strict=True)))
        == []
    )
