"""Licences of packages, as their metadata has them, against a list of those that are allowed."""

import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Protocol, cast

LICENCES = Path(__file__).with_name("licences.toml")

_CLASSIFIER = "License :: OSI Approved :: "
_LONGEST_NAME = 100  # a longer field License is the text of one


class Fields(Protocol):
    """Core metadata of a package."""

    def get(self, name: str, /) -> str | None:
        """Return the first value of a field."""

    def get_all(self, name: str, /) -> list[str] | None:
        """Return all values of a field."""


@dataclass(frozen=True)
class Policy:
    """Allowed licences.

    Attributes:
        allowed: SPDX identifiers.
        names: Identifiers by what packages say instead.
        packages: Expressions of packages that don't say theirs.
    """

    allowed: frozenset[str]
    names: Mapping[str, str]
    packages: Mapping[str, str]

    @classmethod
    def load(cls, path: Path = LICENCES) -> "Policy":
        """Read a policy."""
        content = tomllib.loads(path.read_text(encoding="utf-8"))
        return cls(frozenset(content["allowed"]), content["names"], content["packages"])

    def allows(self, expression: str) -> bool:
        """Return whether an SPDX expression can be met with allowed licences: each of AND, one of OR."""
        alternatives = re.split(r"\s+OR\s+", expression.replace("(", " ").replace(")", " ").strip())
        return any(
            all(part.partition(" WITH ")[0].strip() in self.allowed for part in re.split(r"\s+AND\s+", alternative))
            for alternative in alternatives
        )


@dataclass(frozen=True)
class Licence:
    """Licence of a package.

    Attributes:
        package: Name and version.
        expression: SPDX expression, or what the package says; empty where it says nothing.
        is_allowed: Whether the policy allows it.
    """

    package: str
    expression: str
    is_allowed: bool


def licences(lock: str, policy: Policy) -> Sequence[Licence]:
    """Return the licence of each package of a lock that is installed.

    Args:
        lock: Text of a requirements file with pins.
        policy: Allowed licences.
    """
    found = []
    for name in sorted(set(re.findall(r"^([A-Za-z0-9._-]+)==", lock, re.MULTILINE))):
        try:
            distribution = metadata.distribution(name)
        except metadata.PackageNotFoundError:  # of another platform
            continue
        said = policy.packages.get(name) or expression_of(cast("Fields", distribution.metadata), policy.names)
        found.append(Licence(f"{name} {distribution.version}", said, bool(said) and policy.allows(said)))
    return found


def expression_of(fields: Fields, names: Mapping[str, str]) -> str:
    """Return the licence by the core metadata: the expression, else the classifiers, else the field `License`."""
    if expression := fields.get("License-Expression"):
        return expression
    classifiers = [
        each.removeprefix(_CLASSIFIER) for each in fields.get_all("Classifier") or () if each.startswith(_CLASSIFIER)
    ]
    if classifiers:
        return " OR ".join(names.get(each, each) for each in classifiers)
    text = (fields.get("License") or "").strip()
    return names.get(text, text) if len(text) <= _LONGEST_NAME else ""


def describe(found: Iterable[Licence]) -> str:
    """Return a table of licences."""
    rows = list(found)
    width = max(len(each.package) for each in rows)
    return "\n".join(
        f"{each.package:{width}}  {each.expression or 'not said'}{'' if each.is_allowed else '  NOT ALLOWED'}"
        for each in rows
    )
