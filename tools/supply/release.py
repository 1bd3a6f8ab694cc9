"""The command ``scripts/release``: everything of a release up to publishing it."""

import argparse
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from services.errors import ExpectedError, UsageError
from tools.release_notes import ReleaseError, release_notes

ROOT = Path(__file__).parents[2]
IMAGE = "fraud-detection-services"
PLATFORM_IMAGE = "python:3.13-slim"

EPILOG = """\
what is made, in DIRECTORY: wheels of avroguard and the pipeline, the Helm chart, the image as an archive (with Docker
and buildx), sbom.cdx.json, notes.md and SHA256SUMS

The version stands in pyproject.toml, deploy/helm/fraud-detection/Chart.yaml (version and appVersion) and CHANGELOG.md.
A release is published by the tag pipeline-vX.Y.Z: .github/workflows/release-pipeline.yml runs this command, then signs
and uploads.

With --dry-run the section [Unreleased] stands for the notes, a changed work tree is fine, and a step whose tool is
missing is left out, and said so.

exit codes: 0 made; 1 versions don't agree, or a check fails; 2 wrong usage, or a tool is missing
"""


class ToolMissing(UsageError):  # noqa: N818 - reads as what happened
    """A step can't be done on this machine."""


@dataclass(frozen=True)
class Step:
    """A step of a release.

    Attributes:
        name: Its name.
        run: Does it, and returns what to say.
    """

    name: str
    run: Callable[[], str]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    parser = argparse.ArgumentParser(
        prog="release",
        description="Make what a release of the pipeline consists of.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--dry-run", action="store_true", help="try everything up to publishing")
    parser.add_argument("--directory", type=Path, default=Path("dist"), help="dist by default")
    options = parser.parse_args(arguments)
    directory: Path = options.directory.absolute()
    directory.mkdir(parents=True, exist_ok=True)
    for step in steps(directory, dry_run=options.dry_run):
        try:
            print(f"release: {step.name}: {step.run()}", flush=True)
        except ToolMissing as error:
            if not options.dry_run:
                print(f"release: {step.name}: {error}", file=sys.stderr)
                return error.exit_code
            print(f"release: {step.name}: LEFT OUT: {error}", flush=True)
        except (ExpectedError, ReleaseError) as error:
            print(f"release: {step.name}: {error}", file=sys.stderr)
            return 1
    return 0


def steps(directory: Path, *, dry_run: bool) -> Iterator[Step]:
    """Yield the steps in order.

    Args:
        directory: Receives what is made.
        dry_run: Take the section [Unreleased] for the notes, and a changed work tree for fine.
    """
    version = version_of(ROOT)
    yield Step("versions", lambda: f"{agreed(ROOT, version)} everywhere")
    yield Step("work tree", lambda: _clean(dry_run=dry_run))
    yield Step("notes", lambda: _notes(directory, version, dry_run=dry_run))
    yield Step("lint", lambda: _command("scripts/lint"))
    yield Step("wheel of avroguard", lambda: _command("scripts/build-avroguard", str(directory)))
    yield Step("wheel of the pipeline", lambda: _wheel(directory))
    yield Step("chart", lambda: _chart(directory))
    yield Step("licences and bill of materials", lambda: _audit(directory))
    yield Step("image", lambda: _image(directory, version))
    yield Step("sums", lambda: _sums(directory))


def version_of(root: Path) -> str:
    """Return the pipeline's version."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return str(project["version"])


def agreed(root: Path, version: str) -> str:
    """Return the version if every place has it.

    Raises:
        ReleaseError: The chart has another one.
    """
    chart = yaml.safe_load((root / "deploy/helm/fraud-detection/Chart.yaml").read_text(encoding="utf-8"))
    for field in ("version", "appVersion"):
        if str(chart[field]) != version:
            raise ReleaseError(f"Chart.yaml: {field} is {chart[field]}; pyproject.toml says {version}")
    return version


def notes(version: str, changelog: str, *, dry_run: bool) -> str:
    """Return the CHANGELOG's section of a version; in a dry run [Unreleased] stands for it.

    Raises:
        ReleaseError: There is none, or it is empty.
    """
    if dry_run and not re.search(rf"^## \[{re.escape(version)}\]", changelog, re.MULTILINE):
        changelog = changelog.replace("## [Unreleased]", f"## [{version}] - 2000-01-01", 1)
    return release_notes(f"v{version}", version, changelog)


def _clean(*, dry_run: bool) -> str:
    changes = subprocess.run(["git", "status", "--porcelain"], cwd=ROOT, capture_output=True, text=True, check=True)
    if changes.stdout and not dry_run:
        raise ReleaseError("there are changes that are not committed; commit or stash them")
    return "has changes, which a release would refuse" if changes.stdout else "clean"


def _notes(directory: Path, version: str, *, dry_run: bool) -> str:
    text = notes(version, (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), dry_run=dry_run)
    (directory / "notes.md").write_text(text + "\n", encoding="utf-8")
    return f"{len(text.splitlines())} lines"


def _wheel(directory: Path) -> str:
    return _command(sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(directory))


def _chart(directory: Path) -> str:
    if shutil.which("helm") is None:
        raise ToolMissing("expected helm on the PATH")
    return _command("helm", "package", "deploy/helm/fraud-detection", "--destination", str(directory))


def _audit(directory: Path) -> str:
    return _command("scripts/audit", "--sbom", str(directory / "sbom.cdx.json"))


def _image(directory: Path, version: str) -> str:
    """Build the image into an archive, on the base image of today, by its digest."""
    if shutil.which("docker") is None:
        raise ToolMissing("expected docker with buildx on the PATH")
    digest = _output("docker", "buildx", "imagetools", "inspect", PLATFORM_IMAGE, "--format", "{{.Manifest.Digest}}")
    epoch = _output("git", "log", "-1", "--format=%ct")
    archive = directory / f"{IMAGE}-{version}.tar"
    _command(
        "docker", "buildx", "build", "--build-arg", f"PYTHON_IMAGE={PLATFORM_IMAGE}@{digest}",
        "--build-arg", f"SOURCE_DATE_EPOCH={epoch}", "--provenance", "mode=max", "--sbom", "true",
        "--output", f"type=oci,dest={archive},rewrite-timestamp=true", "--tag", f"{IMAGE}:{version}", ".",
        SOURCE_DATE_EPOCH=epoch,
    )  # fmt: skip
    return f"{archive.name}, on {PLATFORM_IMAGE}@{digest}"


def _sums(directory: Path) -> str:
    files = sorted(path for path in directory.iterdir() if path.is_file() and path.name != "SHA256SUMS")
    lines = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in files]
    (directory / "SHA256SUMS").write_text("".join(lines), encoding="utf-8")
    return f"{len(lines)} files"


def _output(*command: str) -> str:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ToolMissing(f"{command[0]} failed: {(done.stderr.strip().splitlines() or ['without a word'])[-1]}")
    return done.stdout.strip()


def _command(*command: str, **environment: str) -> str:
    """Run a command; return the last line that it printed.

    Raises:
        ReleaseError: It fails.
    """
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise ReleaseError(f"{command[0]} failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return (done.stdout.strip().splitlines() or ["done"])[-1]


if __name__ == "__main__":
    sys.exit(main())
