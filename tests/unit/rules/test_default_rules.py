from decimal import Decimal

import numpy as np
import pytest

from services.contracts import load_contracts
from services.detector.rules.loading import DEFAULT_RULES, constants_of, load_rules
from services.detector.rules.model import Rule, RuleSet, fields_of
from services.generator.transactions import Source

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
        ("source",),
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


def test_limits_are_those_that_the_readme_promises() -> None:
    limited = {
        rule.name: (figure.window.measure, figure.window.over_ms // 1000, figure.at_least)
        for rule in default_rules().rules
        for figure in rule.figures
        if figure.at_least is not None
    }
    assert limited == {
        "many-senders": ("distinct", 86_400, 50),
        "rapid-fire": ("count", 10, 10),
        "structuring": ("count", 3600, 10),
        "dormant-account": ("silence", 72 * 3600, 48 * 3_600_000),
    }


def test_the_plain_stream_has_as_many_of_each_as_the_file_says() -> None:
    cents = Source(10_000, seed=1).take(8192, lambda _first, count: np.zeros(count, np.int64)).cents
    columns = {"amount": cents}
    share = {
        rule.name: rule.when.mask(columns, len(cents)).mean() for rule in default_rules().rules if rule.when is not None
    }
    assert share["large-amount"] == pytest.approx(0.1001, abs=0.015)
    assert share["structuring"] == pytest.approx(0.0100, abs=0.005)
    assert share["many-senders"] < 0.002
