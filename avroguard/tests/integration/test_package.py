"""avroguard as people get it: its wheel in an environment that has nothing else, and from a repository's address."""

import json
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

from support.contract_files import commit_all, git
from support.wheels import environment, make_wheels, repository_copy

SCHEMA = {
    "type": "record",
    "name": "Order",
    "namespace": "shop",
    "doc": "An order.",
    "fields": [
        {"name": "id", "type": "long", "doc": "Number of the order."},
        {"name": "total", "type": "long", "doc": "Sum in cents."},
    ],
}


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the wheels of avroguard and of what builds it."""
    return make_wheels(tmp_path_factory.mktemp("wheels"), tmp_path_factory.mktemp("sources"))


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory, wheels: Path) -> Path:
    """The scripts of an environment in which avroguard was installed from its wheel."""
    return _install(tmp_path_factory.mktemp("bare"), wheels, "avroguard")


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A repository with a schema in a folder and no configuration, whose branch breaks the schema."""
    repository = tmp_path / "shop"
    (repository / "schemas").mkdir(parents=True)
    (repository / "schemas" / "order.avsc").write_text(json.dumps(SCHEMA, indent=2))
    git(repository, "init", "--quiet", "--initial-branch", "main")
    commit_all(repository)
    git(repository, "checkout", "--quiet", "-b", "change")
    added = SCHEMA | {"fields": [*SCHEMA["fields"], {"name": "note", "type": "string", "doc": "What they wrote."}]}
    (repository / "schemas" / "order.avsc").write_text(json.dumps(added, indent=2))
    return repository


def _install(directory: Path, wheels: Path, requirement: str) -> Path:
    venv.create(directory, with_pip=True)
    scripts = directory / ("Scripts" if sys.platform == "win32" else "bin")
    command = [str(scripts / "python"), "-m", "pip", "install", "--quiet", requirement]
    done = subprocess.run(command, env=environment(wheels), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return scripts


def _run(scripts: Path, where: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(scripts / "avroguard"), *arguments]
    return subprocess.run(command, cwd=where, env=environment(where), capture_output=True, text=True, check=False)


def _installed(scripts: Path) -> set[str]:
    """The distributions besides those that every new environment has."""
    code = "from importlib.metadata import distributions; print(*(one.name for one in distributions()))"
    done = subprocess.run([scripts / "python", "-I", "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split()) - {"pip", "setuptools"}


def test_the_wheel_brings_no_other_package_and_is_small(bare: Path, wheels: Path) -> None:
    assert _installed(bare) == {"avroguard"}
    (wheel,) = wheels.glob("avroguard-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        assert sum(file.file_size for file in archive.infolist()) < 1_000_000


def test_a_bare_installation_checks_against_git(bare: Path, shop: Path) -> None:
    done = _run(bare, shop, "check", "--against", "git:main")
    assert done.returncode == 1, done.stderr
    assert "order.avsc:17:5: READER_FIELD_MISSING_DEFAULT" in done.stdout
    assert not done.stderr


def test_a_bare_installation_explains(bare: Path, shop: Path) -> None:
    done = _run(bare, shop, "check", "--against", "git:main", "--explain")
    assert (done.returncode, done.stderr) == (1, "")
    assert "written with git:main: {" in done.stdout
    assert "fails: No default value for field note" in done.stdout


def test_a_bare_installation_lints(bare: Path, shop: Path) -> None:
    done = _run(bare, shop, "lint")
    assert (done.returncode, done.stderr) == (0, ""), done.stdout


def test_a_bare_installation_shows_differences(bare: Path, shop: Path) -> None:
    done = _run(bare, shop, "diff", "git:main:schemas/order.avsc", "schemas/order.avsc")
    assert (done.returncode, done.stderr) == (0, "")
    assert "new reads old (BACKWARD): no" in done.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ["register"],
        ["pull"],
        ["drift"],
        ["check", "--against", "registry:http://localhost:1"],
        ["diff", "registry:orders-value", "schemas/order.avsc"],
    ],
    ids=lambda arguments: arguments[0],
)
def test_what_needs_the_registry_client_says_how_to_install_it(bare: Path, shop: Path, arguments: list[str]) -> None:
    done = _run(bare, shop, *arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr == (
        f"avroguard {arguments[0]}: the registry client is not installed; "
        "install it with: pip install 'avroguard[registry]'\n"
    )


def test_types_are_declared(bare: Path) -> None:
    code = "import avroguard, pathlib; print(pathlib.Path(avroguard.__file__).with_name('py.typed').exists())"
    done = subprocess.run([bare / "python", "-I", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "True\n"


def test_installs_from_the_address_of_a_repository(tmp_path: Path, wheels: Path, shop: Path) -> None:
    repository = repository_copy(tmp_path / "repository")
    scripts = _install(tmp_path / "bare", wheels, f"git+{repository.as_uri()}#subdirectory=avroguard")
    assert _installed(scripts) == {"avroguard"}
    assert _run(scripts, shop, "check", "--against", "git:main").returncode == 1
