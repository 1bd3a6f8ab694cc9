"""Check without network that every lock of the repository is complete: ``python -m tools.locks.check``.

What each distribution requires stands in ``metadata.json``, where ``scripts/lock`` recorded it from the files that the
locks name. Exit codes: 0 every lock is complete, 1 something is missing.
"""

import json
import sys
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement

from tools.locks.closure import (
    ENVIRONMENTS,
    FLINK_ENVIRONMENTS,
    Environment,
    LockSyntaxError,
    Metadata,
    Pin,
    parse_lock,
    problems,
)

ROOT = Path(__file__).parents[2]
FLINK_SOURCES = frozenset({"crcmod", "dill", "docopt", "hdfs"})  # which Apache Beam requires
METADATA_FILE = Path(__file__).with_name("metadata.json")


@dataclass(frozen=True)
class Lock:
    """A requirements file, and what it is for.

    Attributes:
        path: Relative to the repository.
        roots: Requirements of the project that it is for.
        pins: Its entries.
        environments: Where it is installed.
        sources: Names of the packages that have no wheel, and are built where they are installed.
    """

    path: str
    roots: tuple[Requirement, ...]
    pins: tuple[Pin, ...]
    environments: tuple[Environment, ...] = ENVIRONMENTS
    sources: frozenset[str] = frozenset()


def read_locks() -> Iterator[Lock]:
    """Read every lock of the repository that packages are installed from.

    Raises:
        LockSyntaxError: One is not of pins and hashes.
    """
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    optional = project["project"]["optional-dependencies"]
    services = list(_external(optional["services"]))
    # Building the project itself is not isolated, so what builds it is locked as well.
    everything = [*services, *optional["local"], *optional["development"], *project["build-system"]["requires"]]
    roots = {
        "requirements-services.txt": services,
        "requirements.txt": everything,
        "requirements-parquet.txt": project["dependency-groups"]["parquet"],
        "requirements-apprise.txt": project["dependency-groups"]["apprise"],
        "requirements-tracing.txt": project["dependency-groups"]["tracing"],
        "requirements-training.txt": project["dependency-groups"]["training"],
    }
    for peer in sorted(ROOT.glob("benchmarks/peers/*/requirements.in")):
        path = peer.with_suffix(".txt").relative_to(ROOT).as_posix()
        roots[path] = peer.read_text(encoding="utf-8").split()
    for path, lines in roots.items():
        yield _read_lock(path, lines)
    job = "services/detector_flink"
    yield _read_lock("requirements-flink-build.txt", _input_lines(f"{job}/build.in"), FLINK_ENVIRONMENTS)
    yield _read_lock(
        "requirements-flink.txt", _input_lines(f"{job}/requirements.in"), FLINK_ENVIRONMENTS, FLINK_SOURCES
    )


def _read_lock(
    path: str,
    lines: Iterable[str],
    environments: tuple[Environment, ...] = ENVIRONMENTS,
    sources: frozenset[str] = frozenset(),
) -> Lock:
    pins = parse_lock((ROOT / path).read_text(encoding="utf-8"), path)
    return Lock(path, tuple(map(Requirement, lines)), tuple(pins), environments, sources)


def _input_lines(path: str) -> list[str]:
    lines = (ROOT / path).read_text(encoding="utf-8").splitlines()
    return [line for line in lines if not line.startswith("#")]


def _external(requirements: Iterable[str]) -> Iterator[str]:
    """Replace the package of this repository by what it requires itself."""
    for requirement in map(Requirement, requirements):
        own = ROOT / requirement.name / "pyproject.toml"
        if not own.is_file():
            yield str(requirement)
            continue
        project = tomllib.loads(own.read_text(encoding="utf-8"))["project"]
        yield from project["dependencies"]
        for extra in sorted(requirement.extras):
            yield from project["optional-dependencies"][extra]


def read_metadata() -> dict[str, Metadata]:
    """Read what ``scripts/lock`` recorded, by ``name==version``."""
    recorded: dict[str, Any] = json.loads(METADATA_FILE.read_text(encoding="utf-8"))
    return {
        pin: Metadata(entry["python"], frozenset(entry["extras"]), tuple(entry["requires"]))
        for pin, entry in recorded.items()
    }


def complaints(lock: Lock, metadata: Mapping[str, Metadata]) -> list[str]:
    """Return what is missing in a lock, and where."""
    return grouped(
        (f"{lock.path}: {problem}", environment)
        for environment in lock.environments
        for problem in problems(lock.pins, lock.roots, metadata, environment)
    )


def grouped(occurrences: Iterable[tuple[str, Environment]]) -> list[str]:
    """Return each problem once, with its first environment and the number of others."""
    places: dict[str, list[Environment]] = {}
    for problem, environment in occurrences:
        places.setdefault(problem, []).append(environment)
    return [
        f"{problem} ({first}{f' and {len(others)} more' if others else ''})"
        for problem, (first, *others) in places.items()
    ]


def report(metadata: Mapping[str, Metadata], say: Callable[[str], object] = print) -> int:
    """Check every lock and print what is missing; returns the exit code."""
    try:
        lines = [line for lock in read_locks() for line in complaints(lock, metadata)]
    except LockSyntaxError as error:
        lines = [str(error)]
    for line in lines:
        say(line)
    if lines:
        say("a lock is not complete: `scripts/lock` writes the locks anew and proves that they are")
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(report(read_metadata()))
