"""Where a workflow of GitHub has checked out: annotations name files from there, wherever a command runs."""

import os
from collections.abc import Mapping
from pathlib import Path


def workspace(environment: Mapping[str, str]) -> Path | None:
    """The root of the checkout; None outside of workflows."""
    root = environment.get("GITHUB_WORKSPACE")
    return Path(root) if root and Path(root).is_dir() else None


def from_root(file: str) -> str:
    """A file, as messages name it, as GitHub finds it; unchanged outside of workflows."""
    root = workspace(os.environ)
    path = Path(file).absolute()
    return path.relative_to(root).as_posix() if root and path.is_relative_to(root) else file
