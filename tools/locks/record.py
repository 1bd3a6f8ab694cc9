"""Prove the locks against a package index, and record what each distribution requires: a step of ``scripts/lock``.

For every supported Python and platform, uv is asked for the wheels that a lock names, by hash and without resolving: a
distribution without a wheel for one of them is reported, but for the few that are known to have none. Each
distribution is then really installed, once, and its requirements are read from its own metadata and written to
``metadata.json``; from these `tools.locks.check` tells what is missing, now and later without network. All wheels of
one version are taken to require the same, as they should.

Runs in the environment of ``scripts/lock``: uv and packaging. Exit codes: 0 proven, 1 not.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from importlib.metadata import distributions
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tools.locks.check import METADATA_FILE, Lock, grouped, read_locks, report
from tools.locks.closure import ENVIRONMENTS, Environment, Metadata, Pin, needs

UV = Path(sys.executable).with_name("uv")


def main() -> int:
    """Look everything up, write the record, and check the locks by it."""
    locks = list(read_locks())
    complete: dict[str, Metadata] = {}
    missing: list[tuple[str, Environment]] = []
    for lock in locks:
        for environment in lock.environments:
            pins = [pin for pin in lock.pins if environment.holds(pin.requirement)]
            wheels = [pin for pin in pins if pin.name not in lock.sources]
            if complaint := _uv_install(wheels, environment):
                missing.append((f"{lock.path}: {complaint}", environment))
            elif unknown := [pin for pin in pins if str(pin) not in complete]:
                complete |= _look_up(unknown, environment, lock.sources)
    if missing:
        print(*grouped(missing), sep="\n", file=sys.stderr)
        return 1
    recorded = dict(used(locks, complete))
    lines = (f"{json.dumps(pin)}: {json.dumps(_entry(recorded[pin]))}" for pin in sorted(recorded))
    METADATA_FILE.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
    return report(recorded)


def used(locks: Iterable[Lock], complete: dict[str, Metadata]) -> Iterator[tuple[str, Metadata]]:
    """Reduce what distributions require to what matters somewhere: most of it is for extras that are not asked for."""
    extras: dict[str, set[str]] = {}
    for lock in locks:
        for environment in lock.environments:
            for need, pin in needs(lock.pins, lock.roots, complete, environment):
                extras.setdefault(str(pin), set()).update(need.requirement.extras)
    for name, metadata in complete.items():
        extras_of_name = extras.get(name, set())
        requires = (
            line
            for line in metadata.requires
            if any(environment.holds(Requirement(line), extras_of_name) for environment in ENVIRONMENTS)
        )
        yield name, Metadata(metadata.python, frozenset(extras_of_name), tuple(requires))


def _look_up(pins: list[Pin], environment: Environment, sources: frozenset[str]) -> dict[str, Metadata]:
    with tempfile.TemporaryDirectory() as target:
        if complaint := _uv_install(pins, environment, target, sources):
            sys.exit(f"{environment}: {complaint}")
        return {
            f"{canonicalize_name(each.metadata['Name'])}=={each.version}": Metadata(
                each.metadata["Requires-Python"] or "", frozenset(), tuple(each.requires or ())
            )
            for each in distributions(path=[target])
        }


def _uv_install(
    pins: Sequence[Pin], environment: Environment, target: str = "", sources: frozenset[str] = frozenset()
) -> str:
    """Have uv install the pins into a directory, or only find their wheels; returns what it complains of.

    What has no wheel is built here, for the metadata alone.
    """
    with tempfile.TemporaryDirectory() as directory:
        lock = Path(directory) / "requirements.txt"
        lock.write_text("\n".join(pin.text for pin in pins), encoding="utf-8")
        command = [str(UV), "pip", "install", "--quiet", "--no-config", "--no-deps", "--require-hashes"]
        command += [part for pin in pins if pin.name not in sources for part in ("--only-binary", pin.name)]
        command += ["--requirement", str(lock), "--python", sys.executable]
        command += ["--python-version", environment.python, "--python-platform", environment.platform]
        command += ["--target", target] if target else ["--target", directory, "--dry-run"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return done.stderr.strip() if done.returncode else ""


def _entry(metadata: Metadata) -> dict[str, object]:
    return {"python": metadata.python, "extras": sorted(metadata.extras), "requires": list(metadata.requires)}


if __name__ == "__main__":
    sys.exit(main())
