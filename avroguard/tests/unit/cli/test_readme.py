"""Promises of the README and the examples, checked."""

import re
from typing import Any

import pytest
import yaml

from avroguard.cli.main import VERBS
from avroguard.reporting import Format
from support.wheels import PROJECT, ROOT

README = (PROJECT / "README.md").read_text(encoding="utf-8")
EXAMPLES = ROOT / "docs" / "examples"


def test_the_readme_lists_every_verb() -> None:
    assert re.findall(r"^\| `avroguard (\w+)` \|", README, re.MULTILINE) == list(VERBS)


def test_the_readme_lists_every_format() -> None:
    section = README.partition("## Formats\n")[2].partition("\n## ")[0]
    assert set(re.findall(r"`(?:--format )?(\w+)`", section)) == {str(form) for form in Format}


def test_what_it_needs_and_its_size_are_said_everywhere_alike() -> None:
    guide = (ROOT / "docs" / "check-your-schemas.md").read_text(encoding="utf-8")
    for text in (README, guide):
        assert "a wheel of 220 kB, 2.2 MB installed, no other package" in text
        assert re.search(r"Python 3\.11 or newer,? and git", text)
    for promise in ("--allow-none", ".git/hooks/pre-commit", "working tree"):
        assert promise in README


@pytest.mark.parametrize("path", ["schema-checks.yml", "schema-checks.gitlab-ci.yml", "pre-commit-config.yaml"])
def test_an_example_asks_for_what_there_is(path: str) -> None:
    text = (EXAMPLES / path).read_text(encoding="utf-8")
    assert yaml.safe_load(text)
    assert set(re.findall(r"avroguard (\w+) -", text)) <= set(VERBS)
    assert set(re.findall(r"--format (\w+)", text)) <= {str(form) for form in Format}


def test_the_hooks_of_the_examples_exist() -> None:
    hooks: list[dict[str, Any]] = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
    names = {hook["id"] for hook in hooks}
    for text in (README, (EXAMPLES / "pre-commit-config.yaml").read_text(encoding="utf-8")):
        assert set(re.findall(r"^\s+- id: (\S+)", text, re.MULTILINE)) == {"avroguard-lint", "avroguard-check"} <= names
