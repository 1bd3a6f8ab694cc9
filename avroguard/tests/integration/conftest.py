"""Fixtures of commands that run in a repository of their own."""

from pathlib import Path

import pytest

from support.contract_files import git


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty repository that is the working directory."""
    root = tmp_path / "repository"
    root.mkdir()
    git(root, "init", "--quiet", "--initial-branch=main")
    monkeypatch.chdir(root)
    monkeypatch.delenv("SCHEMAS_DIR", raising=False)
    return root
