"""The root of a checkout: reports for programs name files from there, wherever a command runs."""

import os
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

from avroguard.config.tree import repository_root


def workspace(environment: Mapping[str, str]) -> Path | None:
    """Return the root of the checkout of a GitHub workflow or a GitLab pipeline; None outside of these."""
    root = environment.get("GITHUB_WORKSPACE") or environment.get("CI_PROJECT_DIR")
    return Path(root) if root and Path(root).is_dir() else None


def from_root(file: str) -> str:
    """Return a file, as messages name it, from the root of its checkout; unchanged where there is none.

    The root is that of the CI's checkout, else that of the repository of the working directory or of the file.
    """
    path = Path(os.path.abspath(file))  # noqa: PTH100 - takes ".." away, and follows no link
    for root in _roots(path.parent):
        if path.is_relative_to(root):
            return path.relative_to(root).as_posix()
    return file


def _roots(directory: Path) -> Iterator[Path]:
    if checkout := workspace(os.environ):
        yield checkout
        yield checkout.resolve()
    for start in (Path.cwd(), directory):
        if root := _repository(start):
            yield root


@cache
def _repository(start: Path) -> Path | None:
    root = repository_root(start)
    return root if (root / ".git").exists() else None
