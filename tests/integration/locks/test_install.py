"""Installing from a lock, with an index that went on since, by the oldest, an old and the newest pip."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.package_index import PackageIndex
from tools.local_cluster.ports import free_ports

ROOT = Path(__file__).parents[3]
INSTALL = ROOT / "tools" / "locks" / "install.py"
PIPS = sorted((ROOT / "tests" / "data" / "pips").glob("*.txt"))


@pytest.fixture(scope="module", params=PIPS, ids=lambda path: path.stem)
def environment_with_pip(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment with that pip, from the index that this machine uses, and nothing else."""
    if request.param.stem == "22.3" and sys.version_info >= (3, 12):
        pytest.skip("pip 22.3 runs on Python 3.11 alone")
    home = tmp_path_factory.mktemp(request.param.stem) / "environment"
    subprocess.run([sys.executable, "-m", "venv", home], check=True)
    subprocess.run([home / "bin" / "python", INSTALL, request.param], check=True)
    locked = request.param.read_text().split("pip==")[1].split()[0]
    assert installed(home)["pip"] == locked
    return home


@pytest.fixture
def home(environment_with_pip: Path, tmp_path: Path) -> Path:
    """A copy of it for this test alone."""
    return Path(shutil.copytree(environment_with_pip, tmp_path / "environment", symlinks=True))


@pytest.fixture
def index(tmp_path: Path) -> PackageIndex:
    return PackageIndex(tmp_path / "index")


@pytest.fixture
def lock(index: PackageIndex, tmp_path: Path) -> Path:
    """A lock like that of pytest-cov and coverage[toml], whose every package has a newer release since."""
    entries = [
        index.add("covers", "7.0", 'parser; python_version < "3" and extra == "toml"', extras=("toml",)),
        index.add("plugin", "1.0", "covers[toml]>=7", "runner"),
        index.add("runner", "2.0"),
    ]
    index.add("covers", "7.1", 'parser; python_version < "3" and extra == "toml"', extras=("toml",))
    index.add("plugin", "1.1", "covers[toml]>=7.1", "runner", "another")
    index.add("runner", "3.0")
    lock = tmp_path / "lock.txt"
    lock.write_text("\n".join(entries))
    return lock


def installed(home: Path) -> dict[str, str]:
    listing = run(home, "-m", "pip", "list", "--format", "json", "--disable-pip-version-check")
    return {entry["name"]: entry["version"] for entry in json.loads(listing.stdout)}


def run(home: Path, *arguments: str, index: str = "", **settings: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PIP_")}
    return subprocess.run(
        [home / "bin" / "python", *arguments], capture_output=True, text=True, check=False,
        env=environment | {"PIP_INDEX_URL": index, "PIP_CONFIG_FILE": os.devnull, **settings},
    )  # fmt: skip


def install(home: Path, lock: Path, index: str, **settings: str) -> subprocess.CompletedProcess[str]:
    return run(home, str(INSTALL), str(lock), index=index, **settings)


def test_the_locked_versions_are_installed_and_nothing_else(home: Path, index: PackageIndex, lock: Path) -> None:
    before = installed(home)
    done = install(home, lock, index.url)
    assert (done.returncode, done.stderr) == (0, "")
    assert installed(home) == before | {"covers": "7.0", "plugin": "1.0", "runner": "2.0"}


def test_an_old_pip_that_resolves_refuses_the_same_lock(home: Path, index: PackageIndex, lock: Path) -> None:
    """So the index above is one that the installation has to be safe from."""
    resolving = run(home, "-m", "pip", "install", "--require-hashes", "--requirement", str(lock), index=index.url)
    if installed(home)["pip"] in {"22.3", "23.2.1"}:
        assert resolving.returncode == 1
        assert "In --require-hashes mode, all requirements must have their versions pinned" in resolving.stderr
        assert "covers[toml]" in resolving.stderr
    else:
        assert resolving.returncode == 0


def test_a_withdrawn_version_is_named_with_what_to_do(home: Path, index: PackageIndex, lock: Path) -> None:
    index.withdraw("covers", "7.0")
    refused = install(home, lock, index.url)
    assert refused.returncode == 1
    last = refused.stderr.splitlines()[-1]
    assert last.startswith(f"install: the package index does not offer covers==7.0 of {lock}")
    for fact in ("(offered: 7.1)", "withdrawn", "git pull", "scripts/lock"):
        assert fact in last
    assert "plugin" not in installed(home)


def test_a_yanked_version_is_installed(home: Path, index: PackageIndex, lock: Path) -> None:
    lock.write_text("\n".join([lock.read_text(), index.add("gone", "1.0", yanked=True)]))
    index.add("gone", "1.1")
    assert install(home, lock, index.url).returncode == 0
    assert installed(home)["gone"] == "1.0"


def test_a_file_with_another_sum_is_named_and_not_installed(home: Path, index: PackageIndex, lock: Path) -> None:
    index.add("runner", "2.0", "something-else")
    refused = install(home, lock, index.url)
    assert refused.returncode == 1
    assert f"serves another file as runner==2.0 than the one whose SHA-256 {lock} names" in refused.stderr
    assert "runner" not in installed(home)


def test_an_index_that_does_not_answer_is_told_from_a_withdrawn_version(home: Path, lock: Path) -> None:
    refused = install(home, lock, f"http://127.0.0.1:{free_ports(1)[0]}/simple", PIP_RETRIES="1")
    assert refused.returncode == 3
    assert "the package index can't be reached" in refused.stderr
    assert "withdrawn" not in refused.stderr
