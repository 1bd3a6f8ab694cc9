from collections.abc import Mapping

import numpy as np
import pytest

from services.contracts import load_contracts
from services.history import Block, evaluate_history
from services.history.blocks import Labels
from services.history.comparison import Comparison
from services.history.result import Result, result_of
from services.history.stages import stages_of
from services.rules.fields import fields_of_schema
from services.rules.loading import constants_of, parse_rules
from services.rules.model import RuleSet

SCHEMA = load_contracts().topic("queueing.transactions").required_schema
HOUR = 3_600_000


def large(limit: int, mode: str = "live") -> str:
    return f"""
[rules.large]
severity = "low"
mode = "{mode}"
when = "amount >= {limit}"
reason = "{{amount}} {{currency}}"
"""


BUSY = """
[rules.busy]
severity = "high"
reason = "{payments} payments of {source}"
windows.payments = { measure = "count", by = ["source"], over = "1h", at_least = 2 }
"""


def rules(text: str) -> RuleSet:
    return parse_rules(text, "rules.toml", SCHEMA, constants_of())


def block(amounts: list[int], *, fraud: bool | None = None) -> Block:
    count = len(amounts)
    columns = {
        "id": np.array([f"id{row}".encode() for row in range(count)]),
        "source": np.array([b"a", b"b"] * count)[:count],
        "target": np.array([f"t{row}".encode() for row in range(count)]),
        "amount": np.array(amounts) * 100,
        "currency": np.full(count, b"EUR"),
        "created_at": np.arange(count) * 1000,
    }
    nothing = np.full(count, b"")
    labels = None if fraud is None else Labels(np.full(count, fraud), nothing, nothing)
    return Block(columns, count, labels)


def backtest(live: str, changed: str, part: Block, examples: int = 3) -> Result:
    before, after = rules(live), rules(changed)
    comparison = Comparison(before, after, fields_of_schema(SCHEMA), examples)
    history = evaluate_history(
        iter([part]), stages_of(before, after, partitions=2), lateness_ms=HOUR, watch=comparison.watch
    )
    return result_of(comparison, history, names=("live", "changed"), source="these", notes=[])


def counts(result: Result, rule: str) -> Mapping[str, int | str]:
    (entry,) = [entry for entry in result.rules if entry.name == rule]
    return {
        "status": entry.status,
        "fired": entry.fired.transactions,
        "fires": entry.fires.transactions,
        "newly": entry.newly.transactions,
        "no longer": entry.no_longer.transactions,
        "in shadow": entry.newly_in_shadow.transactions,
    }


AMOUNTS = [100, 200, 300, 400]


def test_a_lower_limit_fires_newly_and_a_higher_one_no_longer() -> None:
    lower = backtest(large(300), large(200), block(AMOUNTS))
    assert counts(lower, "large") == {
        "status": "changed", "fired": 2, "fires": 3, "newly": 1, "no longer": 0, "in shadow": 0
    }  # fmt: skip
    assert (lower.suspicious_before.transactions, lower.suspicious_after.transactions) == (2, 3)
    assert (lower.newly.transactions, lower.no_longer.transactions) == (1, 0)
    (example,) = lower.examples
    assert (example.change, example.reason, example.verdict) == ("newly", "200.00 EUR", "newly suspicious")
    assert (example.transaction["id"], example.transaction["amount"], example.fraud) == ("id1", "200.00", None)

    higher = backtest(large(200), large(300), block(AMOUNTS))
    assert (higher.newly.transactions, higher.no_longer.transactions) == (0, 1)
    assert [example.change for example in higher.examples] == ["no longer"]


def test_the_same_rules_differ_in_nothing() -> None:
    same = backtest(large(300) + BUSY, large(300) + BUSY, block(AMOUNTS))
    assert {rule.status for rule in same.rules} == {"same"}
    assert (same.newly.transactions, same.no_longer.transactions, same.examples) == (0, 0, ())
    assert counts(same, "busy")["fires"] == 2


def test_a_shadow_rule_is_shown_and_decides_nothing() -> None:
    result = backtest(large(300), large(300) + BUSY.replace("severity", 'mode = "shadow"\nseverity'), block(AMOUNTS))
    assert counts(result, "busy") == {
        "status": "added", "fired": 0, "fires": 2, "newly": 0, "no longer": 0, "in shadow": 2
    }  # fmt: skip
    assert (result.newly.transactions, result.suspicious_after.transactions) == (0, 2)
    assert {example.change for example in result.examples} == {"newly in shadow"}


def test_a_rule_that_leaves_shadow_mode_fires_newly() -> None:
    result = backtest(large(300, "shadow"), large(300), block(AMOUNTS))
    assert (counts(result, "large")["fired"], counts(result, "large")["newly"]) == (2, 2)
    assert (result.suspicious_before.transactions, result.newly.transactions) == (0, 2)


def test_a_rule_that_is_removed_fires_no_longer_but_another_may_still() -> None:
    result = backtest(large(300) + BUSY, BUSY, block(AMOUNTS))
    assert (counts(result, "large")["status"], counts(result, "large")["no longer"]) == ("removed", 2)
    assert result.no_longer.transactions == 0  # the rows of 300 and 400 are the second payments of a and b
    assert {example.verdict for example in result.examples} == {"suspicious as before"}


def test_examples_are_bounded_and_of_different_keys() -> None:
    result = backtest(large(300), large(300) + BUSY, block([1] * 12))
    assert len([example for example in result.examples if example.rule == "busy"]) == 2  # ten payments, two accounts
    assert len(backtest(large(300), large(100), block([200] * 12), examples=5).examples) == 5


@pytest.mark.parametrize(("fraud", "expected"), [(True, 1), (False, 0), (None, None)])
def test_the_truth_is_counted_where_it_is_known(fraud: bool | None, expected: int | None) -> None:
    assert backtest(large(300), large(200), block(AMOUNTS, fraud=fraud)).newly.fraud == expected


def test_a_new_rule_that_fires_on_nothing_is_told_of() -> None:
    (note,) = backtest(BUSY, BUSY + large(900), block(AMOUNTS)).notes
    assert note.startswith("large fires on nothing here")
    assert not backtest(BUSY, BUSY + large(400), block(AMOUNTS)).notes


WITH_FEATURE = """
[features]
seen = { measure = "count", by = ["source"], over = "1h" }

[rules.often]
severity = "low"
when = "seen >= 2"
reason = "{seen} payments of {source}"
"""


def test_the_reason_of_an_example_shows_features() -> None:
    result = backtest(large(1000), WITH_FEATURE, block(AMOUNTS))
    assert {example.reason for example in result.examples} == {"2 payments of a", "2 payments of b"}
