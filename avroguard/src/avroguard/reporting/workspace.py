"""The root of a checkout in CI: annotations name files from there, wherever a command runs."""

import os
from collections.abc import Mapping
from pathlib import Path


def workspace(environment: Mapping[str, str]) -> Path | None:
    """Return the root of the checkout of a GitHub workflow or a GitLab pipeline; None outside of these."""
    root = environment.get("GITHUB_WORKSPACE") or environment.get("CI_PROJECT_DIR")
    return Path(root) if root and Path(root).is_dir() else None


def from_root(file: str) -> str:
    """Return a file, as messages name it, from the root of the checkout; unchanged outside of CI."""
    root = workspace(os.environ)
    path = Path(file).absolute()
    return path.relative_to(root).as_posix() if root and path.is_relative_to(root) else file
