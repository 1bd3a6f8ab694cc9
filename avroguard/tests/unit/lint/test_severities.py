"""Rules that count: profiles, `[rules]` of contracts.toml, and messages about faulty ones."""

from typing import Any

import pytest

from avroguard.config.globs import matches
from avroguard.config.severities import RuleSettings, read_rule_settings
from avroguard.findings import Finding
from avroguard.places import Place
from avroguard.rules import RULES, Profile, Severity

PROFILES = "profile: expected one of minimal, recommended, strict"
MISSPELLED = 'rules: there is no rule DOC_MISING; did you mean "DOC_MISSING"?'
SEVERITIES = 'rules: DOC_MISSING: expected "off", "warning" or "error"'


def finding(rule: str, file: str = "s/t.avsc") -> Finding:
    return Finding.of(rule, "m", place=Place(file, 1))


def counted(settings: dict[str, Any], *findings: Finding) -> list[tuple[str, Severity]]:
    read, faults = read_rule_settings(settings, lambda name: f"s/{name}")
    assert faults == []
    return [(counted.rule, counted.severity) for counted in read.apply(findings)]


@pytest.mark.parametrize(
    ("profile", "rules"),
    [
        (Profile.MINIMAL, ["TYPE_UNKNOWN", "RECORD_ENDLESS", "TYPE_CHANGED", "DEFAULT_CHANGED"]),
        (Profile.RECOMMENDED, ["TYPE_UNKNOWN", "RECORD_ENDLESS", "JSON_COMMENT", "TYPE_CHANGED", "DEFAULT_CHANGED"]),
        (
            Profile.STRICT,
            ["TYPE_UNKNOWN", "RECORD_ENDLESS", "JSON_COMMENT", "DOC_MISSING", "TYPE_CHANGED", "DEFAULT_CHANGED"],
        ),
    ],
)
def test_a_profile_has_its_rules_and_those_of_smaller_ones(profile: Profile, rules: list[str]) -> None:
    every = ("TYPE_UNKNOWN", "RECORD_ENDLESS", "JSON_COMMENT", "DOC_MISSING", "TYPE_CHANGED", "DEFAULT_CHANGED")
    findings = [finding(rule) for rule in every]
    assert [counted.rule for counted in RuleSettings().apply(findings, profile)] == rules
    assert [rule for rule, _ in counted({"profile": str(profile)}, *findings)] == rules


def test_the_recommended_profile_is_the_default() -> None:
    assert counted({}, finding("DOC_MISSING")) == []
    assert counted({}, finding("JSON_COMMENT")) == [("JSON_COMMENT", Severity.WARNING)]


def test_the_last_setting_that_covers_a_finding_counts() -> None:
    rules = {"*": "error", "*_STYLE": "off", "TYPE_NAME_STYLE": "warning", "old/**": {"TYPE_NAME_STYLE": "off"}}
    findings = finding("DOC_MISSING"), finding("FIELD_NAME_STYLE"), finding("TYPE_NAME_STYLE")
    assert counted({"rules": rules}, *findings, finding("TYPE_NAME_STYLE", "s/old/deep/t.avsc")) == [
        ("DOC_MISSING", Severity.ERROR),
        ("TYPE_NAME_STYLE", Severity.WARNING),
    ]


def test_a_change_of_meaning_has_a_severity_as_well() -> None:
    rules = {"ENUM_SYMBOL_MOVED": "off", "DECIMAL_*": "warning"}
    findings = finding("ENUM_SYMBOL_MOVED"), finding("DECIMAL_SCALE_CHANGED")
    assert counted({"rules": rules}, *findings) == [("DECIMAL_SCALE_CHANGED", Severity.WARNING)]


def test_parser_and_level_are_never_switched_off() -> None:
    fixed = ["TYPE_UNKNOWN", "TYPE_CHANGED", "WAIVER_EXPIRED", "TOPIC_REMOVED"]
    assert [rule for rule, _ in counted({"rules": {"*": "off"}}, *map(finding, fixed))] == fixed
    for rule in fixed:
        _, ((message, path),) = read_rule_settings({"rules": {rule: "off"}}, str)
        hint = " (a table [[waivers]] accepts single findings)" if rule in ("TYPE_CHANGED", "TOPIC_REMOVED") else ""
        assert message == f"rules: {rule} is always an error{hint}: {RULES[rule].summary.lower()}"
        assert path == ("rules", rule)


@pytest.mark.parametrize(
    ("tables", "message", "path"),
    [
        ({"profile": "strickt"}, f'{PROFILES}; did you mean "strict"?', ["profile"]),
        ({"profile": 1}, PROFILES, ["profile"]),
        ({"rules": []}, "rules: expected a table [rules]", ["rules"]),
        ({"rules": {"DOC_MISING": "off"}}, MISSPELLED, ["rules", "DOC_MISING"]),
        ({"rules": {"X*": "off"}}, "rules: there is no rule X*", ["rules", "X*"]),
        ({"rules": {"DOC_MISSING": "of"}}, SEVERITIES, ["rules", "DOC_MISSING"]),
        ({"rules": {"a/*": {"DOC_MISSING": 1}}}, SEVERITIES, ["rules", "a/*", "DOC_MISSING"]),
    ],
)
def test_faulty_settings_are_named(tables: dict[str, Any], message: str, path: list[str]) -> None:
    _, faults = read_rule_settings(tables, str)
    assert faults == [(message, tuple(path))]


@pytest.mark.parametrize(
    ("pattern", "yes", "no"),
    [
        ("a.avsc", ["a.avsc"], ["b/a.avsc", "aXavsc"]),
        ("*.avsc", ["a.avsc"], ["b/a.avsc"]),
        ("**/*.avsc", ["a.avsc", "b/c/a.avsc"], ["a.avpr"]),
        ("b/**", ["b/a.avsc", "b/c/a.avsc"], ["c/b/a.avsc"]),
        ("b", ["b", "b/c/a.avsc"], ["bc/a.avsc"]),
        ("b/", ["b/a.avsc"], ["bc/a.avsc"]),
        (".", ["a.avsc", "b/a.avsc"], []),
        ("orders-*", ["orders-value"], ["returns-value"]),
        ("shop.Order.?", ["shop.Order.a"], ["shop.Order.ab"]),
        ("[a]", ["[a]"], ["a"]),
    ],
)
def test_patterns(pattern: str, yes: list[str], no: list[str]) -> None:
    assert [name for name in (*yes, *no) if matches(pattern, name)] == yes
