"""A directory of wheels to install from without an index: avroguard, and what is installed here."""

import base64
import hashlib
import os
import shutil
import subprocess
import sys
import zipfile
from importlib.metadata import Distribution, distribution
from pathlib import Path

ROOT = Path(__file__).parents[3]
PROJECT = ROOT / "avroguard"
_BUILDING = ("editables", "hatchling", "packaging", "pathspec", "pluggy", "tomlkit", "trove-classifiers")
"""Packages that pip needs to build a package of this repository in isolation."""
_LEFT_OUT = ("INSTALLER", "REQUESTED", "RECORD", "direct_url.json")


def environment(wheels: Path) -> dict[str, str]:
    """The variables of a process that sees nothing of this environment, and whose pip takes wheels from a directory."""
    ours = ("PYTHONPATH", "VIRTUAL_ENV", "SCHEMAS_DIR", "COVERAGE_PROCESS_CONFIG", "COVERAGE_PROCESS_START")
    inherited = {name: value for name, value in os.environ.items() if name not in ours and not name.startswith("PIP_")}
    return inherited | {
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(wheels),
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_CONFIG_FILE": os.devnull,
    }


def make_wheels(target: Path, scratch: Path) -> Path:
    """Fill a directory with the wheels of avroguard and of what builds it."""
    build_wheel(target, scratch)
    for name in _BUILDING:
        pack_installed(name, target)
    return target


def build_wheel(target: Path, scratch: Path) -> None:
    """Build avroguard from a copy of its sources, so that nothing is written beside them."""
    copy = scratch / "avroguard"
    shutil.copytree(PROJECT, copy, ignore=shutil.ignore_patterns("__pycache__", "tests"))
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(target)]
    subprocess.run(command, cwd=copy, check=True, capture_output=True)


def pack_installed(name: str, target: Path) -> None:
    """Make a wheel of an installed distribution again (PEP 427), without the scripts that pip makes itself."""
    installed = distribution(name)
    tag = _line(installed, "Tag")
    folder = f"{installed.metadata['Name'].replace('-', '_')}-{installed.version}"
    files = [file for file in installed.files or () if _belongs(file.as_posix())]
    assert files, f"{name} is installed without its files"
    rows = []
    with zipfile.ZipFile(target / f"{folder}-{tag}.whl", "w", zipfile.ZIP_DEFLATED) as archive:
        for file in files:
            content = Path(str(installed.locate_file(file))).read_bytes()
            archive.writestr(file.as_posix(), content)
            digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
            rows.append(f"{file.as_posix()},sha256={digest},{len(content)}")
        (info,) = {file.parts[0] for file in files if file.parts[0].endswith(".dist-info")}
        archive.writestr(f"{info}/RECORD", "\n".join([*rows, f"{info}/RECORD,,", ""]))


def _belongs(path: str) -> bool:
    return not (path.startswith("..") or path.endswith((".pyc", *(f".dist-info/{name}" for name in _LEFT_OUT))))


def _line(installed: Distribution, name: str) -> str:
    lines = (installed.read_text("WHEEL") or "").splitlines()
    return next(line.removeprefix(f"{name}: ") for line in lines if line.startswith(f"{name}: "))


def repository_copy(target: Path) -> Path:
    """Commit the files of this checkout, as they are now, to a new repository with one commit."""
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split("\0")
    for name in filter(None, names):
        if (ROOT / name).is_file() and not (ROOT / name).is_symlink():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, target / name)
    git = ["git", "-c", "user.name=test", "-c", "user.email=test@localhost", "-C", str(target)]
    for command in (["init", "--quiet"], ["add", "--all"], ["commit", "--quiet", "--message", "Test"]):
        subprocess.run([*git, *command], check=True, capture_output=True)
    return target
