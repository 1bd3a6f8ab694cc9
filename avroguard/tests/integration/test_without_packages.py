"""The commands that need no registry run where nothing but Python can be imported."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import avroguard
from support.compatibility_cases import record
from support.contract_files import commit_all, git

ONLY_PYTHON = """
import sys

class Blocker:
    def find_spec(self, name, path=None, target=None):
        package = name.partition(".")[0]
        if package not in sys.stdlib_module_names and package != "avroguard":
            raise ModuleNotFoundError(f"blocked: {name}", name=name)

sys.meta_path.insert(0, Blocker())
from avroguard.cli.main import main
sys.exit(main())
"""
CENTS = {"type": "bytes", "logicalType": "decimal", "precision": 12, "scale": 2}
OLD = record(("id", "string"), ("amount", CENTS), name="Order")
NEW = record(("id", "string"), ("amount", {**CENTS, "scale": 4}), ("note", "string"), name="Order")


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A repository whose working tree breaks a schema; what it was before is beside it as well."""
    shop = tmp_path / "shop"
    schemas = shop / "schemas"
    schemas.mkdir(parents=True)
    (schemas / "order.avsc").write_text(json.dumps(OLD))
    (schemas / "contracts.toml").write_text(
        '[topics.orders]\npartitions = 1\nretention = "1d"\nvalue = "order.avsc"\ncompatibility = "BACKWARD"\n'
    )
    git(shop, "init", "--quiet", "--initial-branch", "main")
    commit_all(shop)
    shutil.copytree(schemas, tmp_path / "before")
    (schemas / "order.avsc").write_text(json.dumps(NEW))
    return shop


def run(where: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    variables = {"PATH": os.environ["PATH"], "PYTHONPATH": str(Path(avroguard.__file__).parents[1])}
    command = [sys.executable, "-c", ONLY_PYTHON, *arguments]
    return subprocess.run(command, cwd=where, env=variables, capture_output=True, text=True, check=False)


def test_what_is_no_part_of_python_is_blocked(shop: Path) -> None:
    done = run(shop, "drift")
    assert done.returncode == 2
    assert "the registry client is not installed" in done.stderr


@pytest.mark.parametrize("verb", ["register", "pull", "drift"])
def test_help_needs_no_registry_client(shop: Path, verb: str) -> None:
    done = run(shop, verb, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"usage: avroguard {verb} [...]\n\n{verb}: ")
    assert "pip install 'avroguard[registry]'" in done.stdout


def test_version(shop: Path) -> None:
    done = run(shop, "--version")
    assert (done.returncode, done.stderr) == (0, "")
    assert re.fullmatch(r"avroguard \d[\d.]*\n", done.stdout)


def test_a_branch_without_git_before_it_gets_a_hint(shop: Path) -> None:
    done = run(shop, "check", "--against", "main")
    assert done.returncode == 2
    assert 'did you mean "git:main"?' in done.stderr


def test_lint(shop: Path) -> None:
    done = run(shop, "lint", "schemas")
    assert (done.returncode, done.stderr) == (0, "")
    assert "2 files checked" in done.stdout


@pytest.mark.parametrize("against", ["git:HEAD", "../before"])
def test_check_and_explain(shop: Path, against: str) -> None:
    done = run(shop, "check", "--against", against, "--explain")
    assert (done.returncode, done.stderr) == (1, "")
    assert "READER_FIELD_MISSING_DEFAULT" in done.stdout
    assert "fails: No default value for field note" in done.stdout


def test_diff(shop: Path) -> None:
    done = run(shop, "diff", "git:HEAD:schemas/order.avsc", "schemas/order.avsc")
    assert (done.returncode, done.stderr) == (0, "")
    assert "new reads old (BACKWARD): no" in done.stdout
