"""Every rule has its page, and what the page shows as wrong and right is found so."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from avroguard.compatibility import Rule, history_incompatibilities
from avroguard.levels import Level
from avroguard.lint import LINT_FAMILIES, lint_schema
from avroguard.rules import RULES, Family, Profile
from avroguard.semantics import SemanticRule, semantic_changes

PAGE = (Path(__file__).parents[4] / "docs" / "schema-rules.md").read_text()


@dataclass(frozen=True)
class Example:
    rule: str
    first: str
    before: str
    wrong: str
    right: str


def examples() -> Iterator[Example]:
    for section in re.split(r"^### ", PAGE, flags=re.MULTILINE)[1:]:
        blocks = dict(re.findall(r"^```json (\w+)\n(.*?)\n```$", section, flags=re.MULTILINE | re.DOTALL))
        if "wrong" in blocks:
            before = blocks.get("before", "")
            first, right = (blocks.get(name, before) for name in ("first", "right"))
            yield Example(section.partition("\n")[0], first, before, blocks["wrong"], right)


EXAMPLES = list(examples())
LINTED = [example for example in EXAMPLES if RULES[example.rule].family in LINT_FAMILIES]
COMPARED = [example for example in EXAMPLES if RULES[example.rule].family not in LINT_FAMILIES]


def linted(text: str) -> set[str]:
    return {finding.rule for finding in lint_schema("s.avsc", text.encode())}


def compared(example: Example, after: str) -> set[str]:
    first, old, new = json.loads(example.first), json.loads(example.before), json.loads(after)
    changes = semantic_changes(old, new, earlier=[first])
    return {str(change.rule) for change in (*history_incompatibilities(new, [old], Level.FULL), *changes)}


def test_every_rule_has_a_section_and_every_section_a_rule() -> None:
    assert sorted(re.findall(r"^### (.*)$", PAGE, flags=re.MULTILINE)) == sorted(RULES)


def test_every_section_says_what_the_rule_says() -> None:
    for rule in RULES.values():
        assert f"### {rule.id}\n\n{rule.summary}" in PAGE, rule.id


def test_the_table_of_profiles_has_every_rule_of_lint() -> None:
    for profile in Profile:
        (row,) = re.findall(rf"^\| `{profile}` \|.*\|(.*)\|$", PAGE, flags=re.MULTILINE)
        rules = [
            rule.id
            for rule in RULES.values()
            if rule.profile is profile and rule.family in LINT_FAMILIES - {Family.SYNTAX}
        ]
        assert re.findall(r"`([A-Z_0-9]+)`", row) == rules


def test_every_rule_about_schemas_has_an_example() -> None:
    shown = {example.rule for example in EXAMPLES}
    about_schemas = LINT_FAMILIES | {Family.COMPATIBILITY, Family.SEMANTICS}
    assert [rule.id for rule in RULES.values() if rule.family in about_schemas and rule.id not in shown] == []


def test_the_rules_of_the_comparisons_are_in_the_table() -> None:
    compatibility = [rule.id for rule in RULES.values() if rule.family is Family.COMPATIBILITY]
    assert compatibility == [str(rule) for rule in Rule]
    assert [rule.id for rule in RULES.values() if rule.family is Family.SEMANTICS] == [
        str(semantic_rule) for semantic_rule in SemanticRule
    ]


@pytest.mark.parametrize("example", LINTED, ids=lambda example: example.rule)
def test_lint_finds_what_the_page_says(example: Example) -> None:
    assert example.rule in linted(example.wrong)
    assert example.rule not in linted(example.right)


@pytest.mark.parametrize("example", LINTED, ids=lambda example: example.rule)
def test_right_examples_are_valid(example: Example) -> None:
    families = {RULES[rule].family for rule in linted(example.right)}
    assert Family.SYNTAX not in families


@pytest.mark.parametrize("example", COMPARED, ids=lambda example: example.rule)
def test_comparing_finds_what_the_page_says(example: Example) -> None:
    assert example.rule in compared(example, example.wrong)
    assert compared(example, example.right) == set()
