"""Content of the release notes."""

import re

import pytest

from tools.release_notes import PROJECT, ReleaseError, release_notes

CHANGELOG = """\
# Changelog

## [Unreleased]

- Soon.

## [1.2.0] - 2026-11-26

### Added

- A verb.

## [1.1.0] - 2026-10-01

- A fix.
"""


def test_the_section_of_the_version_is_taken() -> None:
    assert release_notes("v1.2.0", "1.2.0", CHANGELOG) == "### Added\n\n- A verb."
    assert release_notes("v1.1.0", "1.1.0", CHANGELOG) == "- A fix."


@pytest.mark.parametrize(
    ("tag", "version", "changelog", "complaint"),
    [
        ("v1.3.0", "1.2.0", CHANGELOG, "expected the tag v1.2.0"),
        ("v1.3.0", "1.3.0", CHANGELOG, "the CHANGELOG says nothing of it"),
        ("v1x2.0", "1x2.0", CHANGELOG, "the CHANGELOG says nothing of it"),
        ("v1.0.0", "1.0.0", "## [1.0.0] - 2026-01-01\n\n## [0.9.0] - 2025-01-01\n", "nothing of it"),
        ("v1.0.0", "1.0.0", "## [1.0.0]\n\n- Undated.\n", "YYYY-MM-DD"),
    ],
)
def test_what_does_not_agree_is_not_released(tag: str, version: str, changelog: str, complaint: str) -> None:
    with pytest.raises(ReleaseError, match=re.escape(complaint)):
        release_notes(tag, version, changelog)


def test_avroguards_changelog_has_a_place_for_what_comes() -> None:
    assert "\n## [Unreleased]\n" in (PROJECT / "CHANGELOG.md").read_text(encoding="utf-8")
