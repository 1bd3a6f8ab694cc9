"""Completeness of a lock: every requirement of every package in it is in it, wherever the project runs.

Pure: no file, no network. Environments are described by the markers of PEP 508, so those of machines that are not at
hand are looked at as well. Terms are those of the packaging specifications: a *distribution* is one version of a
package, an *extra* an optional part of it.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

# Markers may look at patch releases ("python_full_version < '3.11.4'"): the first, and one later than any.
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
PATCHES = ("0", "99")
# By the names that uv gives them.
PLATFORMS: Mapping[str, Mapping[str, str]] = {
    name: {
        "sys_platform": sys_platform,
        "platform_system": system,
        "os_name": os_name,
        "platform_machine": machine,
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
        "platform_release": "",
        "platform_version": "",
    }
    for name, sys_platform, system, os_name, machine in (
        ("x86_64-manylinux_2_28", "linux", "Linux", "posix", "x86_64"),
        ("aarch64-manylinux_2_28", "linux", "Linux", "posix", "aarch64"),
        ("aarch64-apple-darwin", "darwin", "Darwin", "posix", "arm64"),
        ("x86_64-apple-darwin", "darwin", "Darwin", "posix", "x86_64"),
        ("x86_64-pc-windows-msvc", "win32", "Windows", "nt", "AMD64"),
    )
}


@dataclass(frozen=True)
class Environment:
    """One Python on one platform.

    Attributes:
        python: Full version, ``3.11.0``.
        platform: A key of ``PLATFORMS``.
    """

    python: str
    platform: str

    def holds(self, requirement: Requirement, extras: Iterable[str] = ()) -> bool:
        """Return whether the marker of a requirement holds here, for the package itself or for one of its extras."""
        if requirement.marker is None:
            return True
        minor = ".".join(self.python.split(".")[:2])
        markers = {
            **PLATFORMS[self.platform],
            "python_version": minor,
            "python_full_version": self.python,
            "implementation_version": self.python,
        }
        marker = requirement.marker
        return any(marker.evaluate({**markers, "extra": extra}) for extra in ("", *extras))

    def __str__(self) -> str:
        return f"Python {self.python} on {self.platform}"


ENVIRONMENTS = tuple(
    Environment(f"{python}.{patch}", platform) for python in PYTHONS for patch in PATCHES for platform in PLATFORMS
)

FLINK_ENVIRONMENTS = tuple(
    environment
    for environment in ENVIRONMENTS
    if environment.python.startswith(("3.11.", "3.12."))
    and environment.platform in {"x86_64-manylinux_2_28", "x86_64-apple-darwin"}
)
"""Platforms on which PyFlink has wheels of itself and of Apache Beam."""


class LockSyntaxError(ValueError):
    """An entry of a lock is not ``name==version [; marker] --hash=...``."""


@dataclass(frozen=True)
class Pin:
    """An entry of a lock.

    Attributes:
        name: Normalised name of the package.
        version: Exact version.
        requirement: The entry with its marker.
        text: The entry as it is written, hashes included.
    """

    name: str
    version: str
    requirement: Requirement
    text: str

    def __str__(self) -> str:
        return f"{self.name}=={self.version}"


@dataclass(frozen=True)
class Metadata:
    """Requirements of a distribution (core metadata: Requires-Python, Requires-Dist).

    Attributes:
        python: Versions of Python that it supports.
        extras: The extras for which ``requires`` was looked up.
        requires: Its requirements with those extras, in at least one environment.
    """

    python: str
    extras: frozenset[str]
    requires: tuple[str, ...]


def parse_lock(text: str, source: str) -> list[Pin]:
    """Read a requirements file of pins and hashes.

    Raises:
        LockSyntaxError: An entry is not pinned to one version, or has no hash.
    """
    lines = (line for line in text.splitlines() if not line.lstrip().startswith("#"))
    entries = re.sub(r"\\\s*\n", " ", "\n".join(lines)).splitlines()
    return [_parse_pin(entry, source) for entry in entries if entry.strip()]


def _parse_pin(entry: str, source: str) -> Pin:
    with suppress(InvalidRequirement):
        requirement = Requirement(entry.split(" --hash=", maxsplit=1)[0])
        match list(requirement.specifier):
            case [specifier] if str(specifier).startswith("==") and "*" not in str(specifier) and " --hash=" in entry:
                return Pin(canonicalize_name(requirement.name), specifier.version, requirement, entry)
    raise LockSyntaxError(f'{source}: "{entry[:80]}": expected name==version and hashes')


@dataclass(frozen=True)
class Need:
    """A requirement that holds in an environment, and what has it: a pin, or the project itself."""

    requirement: Requirement
    by: str


def needs(
    pins: Iterable[Pin], roots: Iterable[Requirement], metadata: Mapping[str, Metadata], environment: Environment
) -> Iterator[tuple[Need, Pin | None]]:
    """Walk from the roots to everything that is needed in an environment.

    Args:
        pins: The entries of the lock.
        roots: The requirements that the lock is for.
        metadata: By ``name==version``; what it lacks is taken to require nothing.
        environment: The environment to install into.

    Yields:
        Each requirement once for each set of extras, with the first pin that holds there.
    """
    there = {pin.name: pin for pin in pins if environment.holds(pin.requirement)}
    pending = [Need(root, "the project") for root in roots if environment.holds(root)]
    walked: dict[str, set[str]] = {}
    while pending:
        need = pending.pop()
        name = canonicalize_name(need.requirement.name)
        pin = there.get(name)
        yield need, pin
        if pin is None or (name in walked and need.requirement.extras <= walked[name]):
            continue
        extras = walked.setdefault(name, set())
        extras |= need.requirement.extras
        known = metadata.get(str(pin))
        for line in known.requires if known else ():
            requirement = Requirement(line)
            if environment.holds(requirement, extras):
                pending.append(Need(requirement, str(pin)))


def problems(
    pins: Sequence[Pin], roots: Iterable[Requirement], metadata: Mapping[str, Metadata], environment: Environment
) -> Iterator[str]:
    """Yield what an installation of exactly these pins would lack in an environment."""
    there = [pin for pin in pins if environment.holds(pin.requirement)]
    names = [pin.name for pin in there]
    for pin in there:
        known = metadata.get(str(pin))
        if names.count(pin.name) > 1:
            yield f"{pin} is one of several pins of {pin.name} that hold together"
        if known is None:
            yield f"what {pin} requires was not looked up"
        elif not SpecifierSet(known.python).contains(environment.python):
            yield f"{pin} is for Python {known.python}"
    for need, pinned in needs(pins, roots, metadata, environment):
        requirement = f"{need.by} requires {need.requirement.name}"
        if pinned is None:
            yield f"{requirement}, which is not in it"
        elif not need.requirement.specifier.contains(pinned.version, prereleases=True):
            yield f"{requirement}{need.requirement.specifier}, which {pinned} is not"
        elif (known := metadata.get(str(pinned))) and not need.requirement.extras <= known.extras:
            yield f"{requirement} with extras {sorted(need.requirement.extras)} that were not looked up"
