"""Unit tests stand where the code stands that they test, and helpers in `support`."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MIRRORED = {"tests/unit": ("services", "tools", "."), "avroguard/tests/unit": ("avroguard/src/avroguard",)}


@pytest.mark.parametrize("unit", MIRRORED)
def test_each_folder_of_unit_tests_is_a_package(unit: str) -> None:
    folders = {file.parent.relative_to(ROOT / unit) for file in (ROOT / unit).glob("**/test_*.py")}
    packages = (ROOT / sources for sources in MIRRORED[unit])
    known = {folder for package in packages for folder in folders if (package / folder / "__init__.py").is_file()}
    assert folders - known <= {Path()}


def test_no_test_imports_another() -> None:
    pattern = re.compile(r"^from tests\.(?:unit|integration|end_to_end)\b.*", re.MULTILINE)
    files = [file for tests in ("tests", "avroguard/tests") for file in (ROOT / tests).glob("**/*.py")]
    matches = {file: pattern.findall(file.read_text(encoding="utf-8")) for file in files}
    assert len(files) > 100
    assert {file: lines for file, lines in matches.items() if lines} == {}
