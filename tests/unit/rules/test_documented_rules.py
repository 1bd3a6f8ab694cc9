"""The rules that documents show are rules."""

import re
import textwrap
from pathlib import Path

import pytest

from services.contracts import load_contracts
from services.detection.settings import DEFAULT_RULES
from services.rules.loading import constants_of, load_rules, parse_rules

ROOT = Path(__file__).parents[3]
SCHEMA = load_contracts().topic("queueing.transactions").required_schema


def blocks(document: str) -> list[str]:
    """Return the TOML with rules in it that a document shows: fenced or indented."""
    text = (ROOT / document).read_text()
    fenced = re.findall(r"```toml\n(.*?)```", text, re.DOTALL)
    indented = re.findall(r"(?:^ {4}.*\n)+", text, re.MULTILINE)
    return [block for block in map(textwrap.dedent, [*fenced, *indented]) if block.startswith("[rules.")]


@pytest.mark.parametrize("document", ["README.md", "docs/writing-a-rule.md"])
def test_rules_in_documents_are_sound_beside_the_default_rules(document: str) -> None:
    (block,) = blocks(document)
    name = re.findall(r"\[rules\.(.*?)\]", block)[0]
    own = DEFAULT_RULES.read_text()
    if f"[rules.{name}]" in own:
        own = ""
    rules = parse_rules(own + block, document, SCHEMA, constants_of()).rules
    assert rules[-1].name == name


def test_features_that_the_guide_shows_are_sound() -> None:
    text = (ROOT / "docs" / "writing-a-rule.md").read_text()
    (block,) = re.findall(r"```toml\n(\[features\].*?)```", text, re.DOTALL)
    rules = parse_rules(block, "guide", SCHEMA, constants_of())
    assert rules.features is not None
    assert {feature.name for feature in rules.rules[0].features} == {"hour", "night", "s_avg", "ratio"}


def test_windows_that_the_guide_offers_are_sound() -> None:
    guide = (ROOT / "docs" / "writing-a-rule.md").read_text()
    windows = re.findall(r"^\|.*(\{ measure = .*? \})`", guide, re.MULTILINE)
    assert windows
    for window in windows:
        rule = f'[rules.x]\nseverity = "low"\nreason = "{{it}}"\nwindows.it = {window}'
        assert parse_rules(rule, "guide", SCHEMA, constants_of()).rules


def test_examples_are_sound() -> None:
    files = sorted((ROOT / "docs" / "examples").glob("*.toml"))
    assert files
    for file in files:
        assert load_rules(file, SCHEMA, constants_of()).rules


def test_what_the_guide_says_about_versions_is_so() -> None:
    guide = (ROOT / "docs" / "writing-a-rule.md").read_text()
    (block,) = blocks("docs/writing-a-rule.md")
    shown = dict(
        re.findall(r"^ {6}(\S+) +(?:low|medium|high|critical) +(?:live|shadow) +([0-9a-f]{12})", guide, re.MULTILINE)
    )
    rules = parse_rules(DEFAULT_RULES.read_text() + block, "guide", SCHEMA, constants_of()).rules
    assert shown == {rule.name: rule.version for rule in rules if rule.key == ("source",)}
