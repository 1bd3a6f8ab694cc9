"""Files that `avroguard lint` checks where no path is given, and types that they use from one another."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from avroguard.cli import check
from avroguard.cli.lint import main
from support.contract_files import git

BROKEN = '{"type": "record", "name": "Broken", "namespace": "acme", "fields": [{"name": "a", "type": "itn"}]}'


def record(name: str, **fields: str) -> str:
    listed = [{"name": field, "type": kind} for field, kind in fields.items()]
    namespace, _, short = name.rpartition(".")
    return json.dumps({"type": "record", "name": short, "namespace": namespace, "fields": listed})


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with a valid schema in the directory schemas, and an invalid one elsewhere."""
    monkeypatch.delenv("SCHEMAS_DIR", raising=False)
    root = tmp_path / "repository"
    for directory in ("schemas", "services/orders", "node_modules/pkg", "build"):
        (root / directory).mkdir(parents=True)
    git(root, "init", "--quiet")
    (root / ".gitignore").write_text("build\n")
    (root / "schemas/good.avsc").write_text(record("acme.Good", a="int"))
    for place in ("services/orders", "node_modules/pkg", "build"):
        (root / place / "broken.avsc").write_text(BROKEN)
    monkeypatch.chdir(root)
    return root


def test_without_contracts_the_whole_repository_is_checked(
    repository: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([]) == 1
    first, *_, summary = capsys.readouterr().out.splitlines()
    assert first.startswith("services/orders/broken.avsc:1:")
    assert summary == "2 files checked in the repository: 1 error"

    monkeypatch.chdir(repository / "schemas")
    assert main([]) == 1
    first, *_, summary = capsys.readouterr().out.splitlines()
    assert first.startswith("../services/orders/broken.avsc:1:")
    assert summary == "2 files checked in the repository: 1 error"


def test_with_contracts_their_directory_is_checked(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (repository / "schemas/contracts.toml").write_text('[topics.t]\nvalue = "good.avsc"\ncompatibility = "FULL"\n')
    assert main([]) == 0
    assert capsys.readouterr().out == "2 files checked in schemas: nothing found\n"


def test_files_that_git_ignores_are_checked_where_they_are_named(
    repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["build"]) == 1
    assert capsys.readouterr().out.endswith("1 file checked: 1 error\n")


def test_waivers_and_profiles_of_contracts_count_from_another_directory(
    repository: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (repository / "services/contracts.toml").write_text(
        'profile = "strict"\n[topics.t]\nvalue = "orders/order.avsc"\ncompatibility = "FULL"\n'
        '[[waivers]]\nrule = "DOC_MISSING"\nfile = "orders/order.avsc"\nfield = "acme.Order.a"\n'
        'reason = "said elsewhere"\nexpires = 2090-01-31\n'
    )
    (repository / "services/orders/broken.avsc").unlink()
    (repository / "services/orders/order.avsc").write_text(record("acme.Order", a="int"))
    monkeypatch.chdir(repository / "schemas")
    assert main([]) == 0
    first, _, summary = capsys.readouterr().out.partition("\n")
    assert first.startswith("../services/orders/order.avsc:1:28: DOC_MISSING warning: record acme.Order")
    assert summary == "3 files checked in the repository: 1 warning, 1 waived\n"


def test_one_invalid_type_hides_no_other(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (repository / "services/orders/broken.avsc").unlink()
    (repository / "schemas/money.avsc").write_text(record("acme.common.Money", cents="long"))
    (repository / "schemas/line.avsc").write_text(record("acme.Line", price="acme.common.Mony"))
    fields = {"first": "acme.common.Money", "line": "Line", "total": "acme.common.Money"}
    (repository / "schemas/order.avsc").write_text(record("acme.Order", **fields))
    assert main(["--format", "json"]) == 1
    line, order = json.loads(capsys.readouterr().out)["findings"]
    assert (line["file"], line["rule"]) == ("schemas/line.avsc", "TYPE_UNKNOWN")
    assert 'did you mean "acme.common.Money"?' not in order["message"]
    assert (order["file"], order["rule"], order["field"]) == ("schemas/order.avsc", "TYPE_UNKNOWN", "acme.Order.line")
    assert order["message"].startswith(
        'acme.Line is defined in schemas/line.avsc, which is invalid: unknown type "acme.common.Mony"'
    )


def test_a_waiver_for_a_file_that_is_not_there_is_reported_by_check(
    repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (repository / "services/orders/broken.avsc").unlink()
    waiver = '[[waivers]]\nrule = "TYPE_CHANGED"\nfile = "{}"\nreason = "agreed"\nexpires = 2090-01-31\n'
    contracts = '[topics.t]\nvalue = "good.avsc"\ncompatibility = "FULL"\n'
    for file, warned in (("godo.avsc", True), ("good.avsc", False), ("g*.avsc", False)):
        (repository / "schemas/contracts.toml").write_text(contracts + waiver.format(file))
        assert check.main(["--against", "schemas", "--allow-none"]) == 0
        assert ("contracts.toml:4: WAIVER_UNUSED warning" in capsys.readouterr().out) == warned


def test_this_repository_s_own_script_checks_its_schemas() -> None:
    root = Path(__file__).parents[3]
    files = len(list((root / "schemas").iterdir()))
    command = [sys.executable, "-m", "avroguard", "lint", "--strict"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, f"{files} files checked in schemas: nothing found\n")
