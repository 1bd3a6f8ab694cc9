"""The locks of this repository, and that a change which they do not follow is noticed."""

import json
import re
import subprocess
from pathlib import Path

import pytest

from tools.locks import check
from tools.locks.check import read_locks, read_metadata, report
from tools.locks.closure import PYTHONS

REPOSITORY = check.ROOT


def test_every_lock_that_is_installed_from_is_complete() -> None:
    assert {lock.path for lock in read_locks()} == {
        "requirements.txt", "requirements-services.txt", "requirements-parquet.txt", "requirements-tracing.txt",
        "requirements-training.txt", "requirements-apprise.txt", "requirements-flink.txt",
        "requirements-flink-build.txt",
        "benchmarks/peers/quix/requirements.txt", "benchmarks/peers/tutorial/requirements.txt",
    }  # fmt: skip
    said: list[str] = []
    assert report(read_metadata(), said.append) == 0
    assert said == []


def test_a_requirement_that_the_lock_lacks_is_named_with_the_place() -> None:
    metadata = read_metadata()
    plugin = next(pin for pin in metadata if pin.startswith("pytest-cov=="))
    needy = check.Metadata(">=3.11", frozenset(), (*metadata[plugin].requires, "tomli; sys_platform == 'win32'"))
    said: list[str] = []
    assert report(metadata | {plugin: needy}, said.append) == 1
    assert said[0] == (
        f"requirements.txt: {plugin} requires tomli, which is not in it "
        "(Python 3.11.0 on x86_64-pc-windows-msvc and 7 more)"
    )
    assert "scripts/lock" in said[-1]


def test_a_lock_of_another_form_is_a_complaint(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_bytes((check.ROOT / "pyproject.toml").read_bytes())
    (tmp_path / "requirements-services.txt").write_text("numpy>=2\n")
    monkeypatch.setattr(check, "ROOT", tmp_path)
    said: list[str] = []
    assert report({}, said.append) == 1
    assert 'requirements-services.txt: "numpy>=2": expected name==version and hashes' in said[0]


def test_the_record_names_no_address() -> None:
    text = check.METADATA_FILE.read_text(encoding="utf-8")
    assert "://" not in text
    assert json.loads(text)


def test_one_file_alone_makes_pip_install_from_a_lock() -> None:
    listing = subprocess.run(["git", "ls-files"], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    code = [path for path in listing.stdout.splitlines() if not path.startswith(("tests/", "docs/", "CHANGELOG"))]
    users = {
        path
        for path in code
        if re.search(r"--require-hashes|install .*(-r|--requirement)\b", (REPOSITORY / path).read_text(errors="ignore"))
    }
    assert users == {"tools/locks/install.py", "tools/locks/record.py"}  # the latter only looks, by uv


def test_the_supported_pythons_are_the_same_everywhere() -> None:
    oldest, newest = PYTHONS[0], PYTHONS[-1]
    major, minor = (int(part) for part in newest.split("."))
    first, after = tuple(map(int, oldest.split("."))), (major, minor + 1)
    assert f"not {first} <= sys.version_info < {after}" in (REPOSITORY / "scripts/install").read_text()
    assert f"Python {oldest} to {newest} (with `venv`)" in (REPOSITORY / "README.md").read_text(encoding="utf-8")
    weekly = (REPOSITORY / ".github/workflows/fresh-machine.yml").read_text(encoding="utf-8")
    assert f'["python:{oldest}-slim", "python:{newest}-slim"]' in weekly
