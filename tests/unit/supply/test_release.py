"""Versions and notes of a release."""

from pathlib import Path

import pytest

from tools.release_notes import ReleaseError
from tools.supply.release import agreed, notes, version_of

ROOT = Path(__file__).parents[3]
CHANGELOG = "# Changelog\n\n## [Unreleased]\n\n### Added\n\n- A\n\n## [0.9.0] - 2026-01-01\n\n- B\n"


def test_the_repository_has_one_version() -> None:
    version = version_of(ROOT)
    assert agreed(ROOT, version) == version
    with pytest.raises(ReleaseError, match=r"Chart.yaml: version is .*; pyproject.toml says 9\.9\.9"):
        agreed(ROOT, "9.9.9")


def test_notes_are_the_section_of_the_version() -> None:
    assert notes("0.9.0", CHANGELOG, dry_run=False) == "- B"
    assert notes("0.9.0", CHANGELOG, dry_run=True) == "- B"
    assert notes("1.0.0", CHANGELOG, dry_run=True) == "### Added\n\n- A"
    with pytest.raises(ReleaseError, match=r"\[1\.0\.0\]"):
        notes("1.0.0", CHANGELOG, dry_run=False)
