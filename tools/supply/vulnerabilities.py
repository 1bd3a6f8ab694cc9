"""Known vulnerabilities and the bill of materials of a lock, by pip-audit and CycloneDX's generator."""

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

from services.errors import Unavailable


@dataclass(frozen=True)
class Report:
    """Result of an audit.

    Attributes:
        audited: Number of versions that the index knows.
        unknown: Number of versions that it says nothing about.
        vulnerabilities: A line for each known vulnerability.
    """

    audited: int
    unknown: int
    vulnerabilities: tuple[str, ...]


def audit(tool: Path, lock: Path) -> Report:
    """Ask the package index about each version of a lock.

    Args:
        tool: The directory that has pip-audit.
        lock: A requirements file with pins.

    Raises:
        Unavailable: There is no pip-audit, or the index can't be reached.
    """
    # pip-audit has exit code 1 both for what it found and for what it could not do.
    output = _run(
        tool / "pip-audit", "--no-deps", "--disable-pip", "--progress-spinner", "off", "--format", "json",
        "--requirement", str(lock), fine={0, 1},
    )  # fmt: skip
    return parse(output)


def parse(output: str) -> Report:
    """Read pip-audit's report.

    Raises:
        Unavailable: It is none.
    """
    try:
        dependencies = json.loads(output)["dependencies"]
    except (ValueError, KeyError):
        raise Unavailable("vulnerabilities were not looked up: the package index can't be reached") from None
    return Report(
        audited=sum("skip_reason" not in each for each in dependencies),
        unknown=sum("skip_reason" in each for each in dependencies),
        vulnerabilities=tuple(
            f"{each['name']} {each['version']}: {found['id']}, "
            + (f"fixed in {', '.join(found['fix_versions'])}" if found["fix_versions"] else "not fixed yet")
            for each in dependencies
            for found in each.get("vulns", ())
        ),
    )


def write_bill_of_materials(tool: Path, lock: Path, file: Path) -> None:
    """Write the bill of materials of a lock: CycloneDX 1.6 as JSON, the same bytes for the same lock.

    Raises:
        Unavailable: There is no generator.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    _run(
        tool / "cyclonedx-py", "requirements", str(lock), "--output-reproducible", "--spec-version", "1.6",
        "--output-format", "JSON", "--output-file", str(file), fine={0},
    )  # fmt: skip


def _run(program: Path, *arguments: str, fine: set[int]) -> str:
    try:
        done = subprocess.run([program, *arguments], capture_output=True, text=True, check=False)
    except OSError:
        raise Unavailable(f"{program} is missing: run scripts/audit where packages can be installed") from None
    if done.returncode not in fine:
        raise Unavailable(f"{program.name} failed: {(done.stderr.strip().splitlines() or ['without a word'])[-1]}")
    return done.stdout
