"""Print what the CHANGELOG of avroguard says of a release: ``python -m tools.release_notes v1.2.3``.

The release workflow runs it first, without anything installed: a tag that is not the version of avroguard's
``pyproject.toml``, or that has no section in its ``CHANGELOG.md``, is not released. Exit codes: 0 printed, 1 they don't
agree, 2 wrong usage.
"""

import re
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path

PROJECT = Path(__file__).parents[1] / "avroguard"


class ReleaseError(Exception):
    """The tag, the version and the CHANGELOG don't agree."""


def main(arguments: Sequence[str]) -> int:
    """Print the section of the tag's version; returns the exit code."""
    if len(arguments) != 1:
        print("usage: python -m tools.release_notes TAG", file=sys.stderr)
        return 2
    version = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    try:
        print(release_notes(arguments[0], version, (PROJECT / "CHANGELOG.md").read_text(encoding="utf-8")))
    except ReleaseError as error:
        print(f"release: {error}", file=sys.stderr)
        return 1
    return 0


def release_notes(tag: str, version: str, changelog: str) -> str:
    """Return the section of a version, without its heading.

    Args:
        tag: Name of the tag, ``v1.2.3``.
        version: Version that the package has.
        changelog: Text in the form of Keep a Changelog.

    Raises:
        ReleaseError: The tag is not the version, or the section is missing or empty.
    """
    if tag != f"v{version}":
        raise ReleaseError(f"the tag is {tag} and the version {version}; expected the tag v{version}")
    heading = rf"^## \[{re.escape(version)}\] - \d{{4}}-\d\d-\d\d$"
    section = re.search(rf"{heading}\n(.*?)(?=^## |\Z)", changelog, re.MULTILINE | re.DOTALL)
    if section is None or not section[1].strip():
        raise ReleaseError(f'the CHANGELOG says nothing of it; expected "## [{version}] - YYYY-MM-DD" and what changed')
    return section[1].strip()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
