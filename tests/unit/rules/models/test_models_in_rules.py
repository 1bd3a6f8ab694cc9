"""Models in a rules file: their scores are compared by rules, and what doesn't fit is refused with its line."""

import numpy as np
import pytest

from avroguard.avro.canonical_form import fingerprint
from services.rules.alert_content import alert_content
from services.rules.faults import RulesError
from services.rules.features import add_features
from services.rules.fields import fields_of_schema
from services.rules.loading import parse_rules
from services.rules.model import Mode, RuleSet, feature_column
from services.rules.models import ModelError, parse_model
from services.rules.models.loading import beside, model_files
from services.rules.rule_match import match_conditions
from services.rules.topology import build_topology
from tests.support.models import model_on
from tests.support.rules import CONSTANTS, SCHEMA

FEATURES = """
[features]
amount_ = "amount"
hour_ = "hour(created_at)"
half = "amount / 2"
count_ = { measure = "count", by = ["source"], over = "1h" }
"""
MODEL = """
[models.cards]
file = "cards.json"
mode = "live"
threshold = 0.5
"""
RULE = """
[rules.scored]
severity = "high"
when = "cards >= threshold"
reason = "score {cards} of {amount}"
"""
NAMES = ("amount_", "hour_", "half")
DECLARED = parse_rules(FEATURES + RULE.replace("cards >= threshold", "half > 1").replace("{cards} of ", ""), "r.toml",
                       SCHEMA, CONSTANTS).features  # fmt: skip
assert DECLARED is not None
CONTENT = model_on(DECLARED, NAMES, scale=3)


def read(text: str, content: bytes = CONTENT) -> RuleSet:
    return parse_rules(text, "rules.toml", SCHEMA, CONSTANTS, lambda _: content)


def test_a_rule_matches_from_the_threshold_of_its_model_on() -> None:
    rules = read(FEATURES + MODEL + RULE)
    (rule,) = rules.rules
    assert rule.mode is Mode.LIVE
    random = np.random.default_rng(1)
    columns = {"amount": random.integers(0, 400, 300), "created_at": random.integers(0, 10**9, 300)}
    computed = add_features(columns, 300, rule.features)
    model = parse_model(CONTENT, "cards.json")
    expected = model.scores([computed[feature_column(name)] for name in NAMES], 300)
    assert computed[feature_column("cards")].tolist() == expected.tolist()
    (matches,) = match_conditions([rule], computed, 300)
    assert matches.rows.tolist() == np.flatnonzero(expected >= 0.5).tolist()
    assert 0 < len(matches) < 300


def test_an_alert_has_score_threshold_features_and_reasons() -> None:
    rules = read(FEATURES + MODEL + RULE)
    fields = fields_of_schema(SCHEMA)
    columns = {
        "amount": np.arange(0, 400), "created_at": np.zeros(400, np.int64), "id": np.array([b"a"] * 400)
    }  # fmt: skip
    computed = add_features(columns, 400, rules.rules[0].features)
    (matches,) = match_conditions(rules.rules, computed, 400)
    model = parse_model(CONTENT, "cards.json")
    for match in list(matches)[:20]:
        content = alert_content(match, computed, fields)
        assert set(content["figures"]) == {*NAMES, "cards", "cards_threshold", "cards_features"}
        assert content["figures"]["cards_threshold"] == "0.5"
        assert content["figures"]["cards_features"] == DECLARED.select(NAMES).digest
        assert float(content["figures"]["cards"]) >= 0.5
        contributions = model.contributions([np.array([match.features[name]]) for name in NAMES], 1)[0]
        strongest = NAMES[int(np.argmax(contributions))]
        assert f"; cards: {strongest} " in content["reason"]


def test_a_rule_with_a_shadow_model_is_a_shadow_rule() -> None:
    rules = read(FEATURES + MODEL.replace("live", "shadow") + RULE)
    assert rules.rules[0].mode is Mode.SHADOW
    assert [(model.name, model.mode) for model in rules.models] == [("cards", Mode.SHADOW)]


def test_a_budget_is_the_threshold_of_the_models_test() -> None:
    rules = read(FEATURES + MODEL.replace("threshold = 0.5", 'budget = "10/day"') + RULE)
    assert rules.models[0].threshold == 0.6
    assert "0.6" in rules.rules[0].when.text


def test_another_model_file_is_another_version_of_the_rule() -> None:
    assert DECLARED is not None
    text = FEATURES + MODEL + RULE
    first, other = read(text), read(text, model_on(DECLARED, NAMES, seed=2))
    assert first.version == read(text).version != other.version
    assert first.rules[0].version != other.rules[0].version


def test_a_model_without_a_rule_is_computed_where_its_features_are_known() -> None:
    assert DECLARED is not None
    content = model_on(DECLARED, ("amount_", "count_", "half"))
    plain = '[rules.r]\nseverity = "low"\nwhen = "amount > 1"\nreason = "{amount}"\n'
    rules = read(FEATURES + MODEL + plain, content)
    stages = {"target": "in", "source": "by-source"}
    topology = build_topology(rules, stages)
    assert [feature.name for feature in topology.stages[1].features if feature.score] == ["cards"]
    assert rules.features is not None
    assert "cards" not in rules.features.names


def test_a_model_of_another_contract_is_taken_with_a_warning() -> None:
    assert DECLARED is not None
    text = FEATURES + MODEL + RULE
    assert read(text, model_on(DECLARED, NAMES, contract=fingerprint(SCHEMA.json))).warnings == ()
    (warning,) = read(text, model_on(DECLARED, NAMES, contract="ba9876543210")).warnings
    assert warning.startswith(
        "rules.toml:9: model cards: file: the model was trained on transactions with the contract ba9876543210, and"
    )


def test_champion_and_challenger_are_beside_each_other() -> None:
    other = MODEL.replace("cards", "challenger").replace("live", "shadow")
    second = RULE.replace("cards", "challenger").replace("scored", "challenged")
    rules = read(FEATURES + MODEL + other + RULE + second)
    assert [rule.mode for rule in rules.rules] == [Mode.LIVE, Mode.SHADOW]


BROKEN = {
    "not tables": ('models = 3\n' + FEATURES + RULE, "rules.toml:1: expected tables [models.NAME], found 3"),
    "not a table": (FEATURES + "[models]\ncards = 1\n" + RULE, "model cards: expected a table [models.cards], found 1"),
    "name": (FEATURES + MODEL.replace("cards]", "Cards]") + RULE, '"Cards" is no name for a model'),
    "name of a feature": (FEATURES + MODEL.replace("models.cards", "models.half") + RULE, '"half" is the name of a'),
    "unknown key": (FEATURES + MODEL + "modes = 1\n" + RULE, 'unknown key "modes"; did you mean "mode"?'),
    "no mode": (FEATURES + MODEL.replace('mode = "live"', "") + RULE, "mode: expected live or shadow, found nothing"),
    "mode": (FEATURES + MODEL.replace("live", "lives") + RULE, 'mode: expected live or shadow, found "lives"'),
    "no file": (FEATURES + MODEL.replace('file = "cards.json"', "") + RULE, "file: expected the name of a model file"),
    "two limits": (FEATURES + MODEL + 'budget = "1/day"\n' + RULE, 'expected either budget, such as "100/day", or'),
    "no limit": (FEATURES + MODEL.replace("threshold = 0.5", "") + RULE, 'expected either budget, such as "100/day"'),
    "threshold": (FEATURES + MODEL.replace("0.5", "1.5") + RULE, "threshold: expected a score from 0 to 1, found 1.5"),
    "budget": (FEATURES + MODEL.replace("threshold = 0.5", 'budget = "100"') + RULE, "budget: expected alerts a day"),
    "budget of too many": (
        FEATURES + MODEL.replace("threshold = 0.5", 'budget = "101/day"') + RULE,
        "budget: the model was tested on 100 transactions a day, fewer than",
    ),
    "feature missing": (FEATURES.replace("half", "third") + MODEL + RULE, "the model needs an unknown feature half"),
    "feature of another definition": (
        FEATURES.replace("amount / 2", "amount / 3") + MODEL + RULE,
        "file: the model was trained on features with the digest",
    ),
    "threshold of no model": (
        FEATURES + MODEL + RULE.replace("cards >= threshold", "half >= threshold"),
        "it is that of the one model in the condition: name one, or write a number",
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", BROKEN)
def test_a_model_that_does_not_fit_is_refused_with_its_line(kind: str) -> None:
    text, message = BROKEN[kind]
    with pytest.raises(RulesError) as refused:
        read(text)
    assert message in str(refused.value)
    assert str(refused.value).startswith("rules.toml:")


def test_a_broken_or_missing_model_file_is_a_fault_of_its_line(tmp_path) -> None:  # type: ignore[no-untyped-def]
    line = (FEATURES + MODEL).splitlines().index('file = "cards.json"') + 1
    with pytest.raises(
        RulesError, match=f"rules.toml:{line}: model cards: file: cards.json: line 1, column 1: expected"
    ):
        read(FEATURES + MODEL + RULE, b"")
    with pytest.raises(RulesError, match="cards.json: can't be read: these rules have no directory"):
        parse_rules(FEATURES + MODEL + RULE, "rules.toml", SCHEMA, CONSTANTS)
    with pytest.raises(ModelError, match="cards.json: can't be read: No such file or directory; scripts/train writes"):
        beside(tmp_path / "rules.toml")("cards.json")
    (tmp_path / "cards.json").write_bytes(CONTENT)
    assert beside(tmp_path / "rules.toml")("cards.json") == CONTENT


def test_the_files_of_models_are_found_in_any_rules_file() -> None:
    assert model_files((MODEL + MODEL.replace("cards", "b")).encode()) == ["b.json", "cards.json"]
    assert model_files(b"models = 3") == model_files(b"\xff") == model_files(b"[models.x]\nfile = 1") == []
