"""The table [features]: what is read, what has the same digest, and every kind of mistake with its line."""

import numpy as np
import pytest

from services.errors import ContractError
from services.rules.faults import RulesError
from services.rules.features import FeatureSet, add_features
from services.rules.loading import parse_rules
from services.rules.model import RuleSet, feature_column
from tests.support.rules import CONSTANTS, SCHEMA

FEATURES = """\
[features]
amount   = "amount"
hour     = "hour(created_at)"
ratio    = "amount / s_avg"
night    = "hour < 6 or hour >= 22"
s_avg    = { measure = "average amount", by = ["source"], over = "30d", past = true }
s_count  = { measure = "count", by = ["source"], over = "24h" }
pair_new = { measure = "inactivity", by = ["source", "target"], over = "30d" }
"""

RULE = """
[rules.unusual]
severity = "high"
when = "ratio > 5 and night"
reason = "{amount} is {ratio} times the average, the {s_count}th today"
"""


def read(text: str) -> RuleSet:
    return parse_rules(text, "rules.toml", SCHEMA, CONSTANTS)


def features_of(text: str) -> FeatureSet:
    features = read(text + RULE).features
    assert features is not None
    return features


def test_features_are_read_in_the_order_of_the_file_and_computed_in_that_of_their_use() -> None:
    features = features_of(FEATURES)
    assert features.names == ("amount", "hour", "ratio", "night", "s_avg", "s_count", "pair_new")
    ordered = [feature.name for feature in features.ordered]
    assert ordered.index("s_avg") < ordered.index("ratio")
    assert features.reach_ms == 30 * 86_400_000
    assert features.by_name["s_avg"].is_past
    assert features.by_name["s_avg"].unit == 100
    assert features.by_name["night"].is_condition
    assert features.fields == {"amount", "created_at", "id", "source", "target"}


def test_a_rule_has_the_features_that_it_needs_and_shows() -> None:
    (rule,) = read(FEATURES + RULE).rules
    assert {feature.name for feature in rule.features} == {"hour", "night", "s_avg", "ratio", "s_count"}
    assert set(rule.named_features) == {"ratio", "night", "s_count"}
    assert rule.needs_windows
    assert rule.fields == frozenset()


def test_the_digest_is_that_of_the_meaning() -> None:
    digest = features_of(FEATURES).digest
    assert features_of(FEATURES.replace('"amount / s_avg"', "'''\n  amount/(s_avg)'''")).digest == digest
    assert features_of(FEATURES.replace('"24h"', '"1d"')).digest == digest
    assert features_of(FEATURES.replace("past = true", "past = false")).digest != digest
    assert features_of(FEATURES.replace("amount / s_avg", "amount * s_avg")).digest != digest


def test_the_digest_of_some_features_does_not_depend_on_others() -> None:
    some = features_of(FEATURES).select(["ratio", "hour"])
    assert some.names == ("ratio", "hour")
    assert [feature.name for feature in some.ordered] == ["hour", "s_avg", "ratio"]
    assert some.digest == features_of(FEATURES.replace('over = "24h"', 'over = "2d"')).select(["hour", "ratio"]).digest
    assert some.digest != features_of(FEATURES.replace("30d", "31d")).select(["ratio", "hour"]).digest


def test_an_unknown_feature_cannot_be_selected() -> None:
    with pytest.raises(ContractError, match="unknown feature risk: the rules file has amount, hour"):
        features_of(FEATURES).select(["risk", "hour"])


def test_versions_change_with_the_features_of_a_file() -> None:
    before = read(FEATURES + RULE)
    used, unused = FEATURES.replace("30d", "31d"), FEATURES.replace('["source", "target"]', '["source", "currency"]')
    assert read(used + RULE).rules[0].version != before.rules[0].version
    assert read(unused + RULE).rules[0].version == before.rules[0].version
    assert read(unused + RULE).version != before.version


def line(name: str, value: str) -> str:
    return f"[features]\n{name} = {value}\n"


COUNT = '{ measure = "count", by = ["source"], over = "1h"'
BROKEN = {
    "no table": ("features = 5\n", 1, "expected a table [features], found 5"),
    "a number": (line("x", "5"), 2, "feature x: expected an expression or a window"),
    "a list": (line("x", '["amount"]'), 2, "expected an expression or a window"),
    "a bad name": (line("Ratio", '"amount / fee"'), 2, '"Ratio" is no name for a feature'),
    "a word of conditions": (line("not", '"amount / fee"'), 2, '"not" is no name for a feature'),
    "the name of a setting": (line("suspicious_amount", '"amount / 2"'), 2, "is the name of a setting"),
    "the name of another field": (line("fee", '"amount / 2"'), 2, "a field has the same name"),
    "empty": (line("x", '""'), 2, "an empty expression"),
    "not an expression": (line("x", '"amount /"'), 2, "not an expression"),
    "a comment": (line("x", '"amount / 2 # half"'), 2, "the expression ends before"),
    "a constant": (line("x", '"1 + 1"'), 2, "is the same for all transactions"),
    "an unknown field": (line("x", '"amout / 2"'), 2, 'unknown field or feature "amout"; did you mean "amount"?'),
    "an unknown function": (line("x", '"log(amount)"'), 2, "there is no log(); the functions are matches, hour"),
    "a text": (line("x", '"source"'), 2, "source is text: expected a number"),
    "a text in arithmetic": (line("x", '"amount / currency"'), 2, "currency is text: expected a number"),
    "a quoted text": (line("x", "\"amount / 'a'\""), 2, "is a text: expected a number"),
    "a time": (line("x", '"created_at"'), 2, "expected a number, such as hour(created_at)"),
    "bytes": (line("x", '"signature"'), 2, "signature is bytes: expected a number"),
    "the hour of a date": (line("x", '"hour(booked_on)"'), 2, "which has no hour"),
    "the weekday of a time of day": (line("x", '"weekday(clock)"'), 2, "which has no weekday"),
    "the hour of a number": (line("x", '"hour(amount)"'), 2, "expected a field that is a time, found amount"),
    "the hour of a calculation": (line("x", '"hour(amount + 1)"'), 2, "which is no field"),
    "no offset": (line("x", "\"hour(created_at, 'Berlin')\""), 2, "expected an offset from UTC"),
    "too many arguments": (line("x", "\"hour(created_at, '+01:00', 1)\""), 2, "expected hour(field)"),
    "abs of two": (line("x", '"abs(amount, fee)"'), 2, "abs: expected one number"),
    "min of one": (line("x", '"min(amount)"'), 2, "min: expected two numbers or more"),
    "a remainder of a feature": (
        '[features]\ny = "amount / fee"\nx = "y % 2"\n',
        3,
        "y is a feature: expected a field",
    ),
    "itself": (line("x", '"x + 1"'), 2, "in a circle: x -> x"),
    "a circle": ('[features]\nx = "y + 1"\ny = "z + 1"\nz = "x + 1"\n', 4, "in a circle: x -> y -> z -> x"),
    "of a faulty one": ('[features]\nx = "y + 1"\ny = "amout"\n', 2, "y: the feature is faulty"),
    "an unknown key": (line("x", COUNT + ", at_least = 5 }"), 2, 'unknown key "at_least"'),
    "past as a word": (line("x", COUNT + ', past = "yes" }'), 2, "past: expected true or false"),
    "no length": (line("x", '{ measure = "count", by = ["source"] }'), 2, "over: expected a number and s, m, h or d"),
    "an unknown measure": (
        line("x", COUNT.replace("count", "median amount") + " }"),
        2,
        'unknown measure "median amount"',
    ),
    "a measure of text": (line("x", COUNT.replace("count", "sum source") + " }"), 2, "sum of source, which is text"),
    "a feature in where": (
        '[features]\ny = "amount / fee"\nx = ' + COUNT + ', where = "y > 2" }\n',
        3,
        "a feature can't be in a window's where",
    ),
}


@pytest.mark.parametrize(("text", "number", "message"), BROKEN.values(), ids=BROKEN)
def test_a_broken_feature_is_refused_with_file_line_and_cause(text: str, number: int, message: str) -> None:
    with pytest.raises(RulesError) as caught:
        read(text + '[rules.x]\nseverity = "low"\nwhen = "amount > 1"\nreason = "."\n')
    first = str(caught.value).splitlines()
    assert any(each.startswith(f"rules.toml:{number}: ") and message in each for each in first), first


@pytest.mark.parametrize(
    ("when", "message"),
    [
        ("danger > 5", 'unknown field or feature "danger"'),
        ("ratio", "ratio is a number: compare it with something"),
        ("hour(created_at)", "is a number: compare it with something"),
        ("ratio > 'a'", "'a' is a text: expected a number"),
        ("ratio == source", "source is text: expected a number"),
        ("matches(ratio, 'a')", "expected a field that is text, found ratio"),
        ("2 + 2 > 3", "neither is about the transaction"),
        ("ratio in ['a']", "'a' is a text: expected a number"),
    ],
)
def test_a_condition_on_features_that_makes_no_sense_is_refused(when: str, message: str) -> None:
    with pytest.raises(RulesError, match="rules.toml:12: rule unusual: when: ") as caught:
        read(FEATURES + RULE.replace("ratio > 5 and night", when))
    assert message in str(caught.value)


def test_a_reason_names_features_of_the_file_alone() -> None:
    with pytest.raises(RulesError, match='"{danger}" is neither a field, a feature nor a window'):
        read(FEATURES + RULE.replace("{ratio}", "{danger}"))


def test_expressions_are_computed_by_columns_and_missing_values_are_nan() -> None:
    text = """\
[features]
share = "amount / fee"
left = "amount - discount"
known = "coalesce(discount, -1)"
both = "min(amount, abs(-fee)) + max(items, 2)"
cents = "amount % 1"
flag = "online"
foreign = "currency != 'EUR' and not online"
abroad = "country != 'DE'"
monday = "weekday(created_at, '+02:00') == 0"
early = "hour(created_at) in [0, 1, 23]"
twice = "-(share * 2)"
"""
    columns = {
        "amount": np.array([1050, 500, 0, 700]), "fee": np.array([300, 0, 0, -700]), "items": np.array([1, 5, 2, 3]),
        "discount": np.array([2, 0, 1, 0]), "discount is null": np.array([False, True, False, False]),
        "online": np.array([True, False, False, True]), "currency": np.array([b"EUR", b"USD", b"EUR", b"USD"]),
        "country": np.array([b"DE", b"FR", b"", b"FR"]), "country is null": np.array([False, False, True, False]),
        "created_at": np.array([0, 4 * 86_400_000 - 7_200_000, 4 * 86_400_000 - 7_200_001, 2 * 3_600_000]),
    }  # fmt: skip
    features = features_of(text + FEATURES.removeprefix("[features]\n"))
    nan = float("nan")
    expected = {
        "share": [3.5, nan, nan, -1],
        "left": [8.5, nan, -1, 7],
        "known": [2, -1, 1, 0],
        "both": [5, 5, 2, 10],
        "cents": [0.5, 0, 0, 0],
        "flag": [1, 0, 0, 1],
        "foreign": [0, 1, 0, 0],
        "abroad": [0, 1, 0, 1],
        "monday": [0, 1, 0, 0],
        "early": [1, 0, 0, 0],
        "twice": [-7, nan, nan, 2],
    }
    computed = add_features(columns, 4, features.select(expected).ordered)
    for name, values in expected.items():
        column = computed[feature_column(name)]
        assert column.dtype == np.float64
        np.testing.assert_array_equal(column, values, err_msg=name)


def test_a_condition_on_a_missing_value_is_false_negated_or_not() -> None:
    (rule,) = read(FEATURES + RULE.replace("ratio > 5 and night", "not ratio > 5 or ratio != 3 or not night")).rules
    assert rule.when is not None
    columns = {
        feature_column("ratio"): np.array([np.nan, np.nan, 3.0, 6.0]),
        feature_column("night"): np.array([1.0, 0.0, 1.0, 1.0]),
    }
    assert rule.when.mask(columns, 4).tolist() == [False, True, True, True]
