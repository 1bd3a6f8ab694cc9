"""`avroguard lint` on real files: alone, with contracts, with faulty files, and as other repositories run it."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from avroguard.cli.lint import main
from support.contract_files import ContractFiles, commit_all, git
from support.corrupt_files import lint_all

ROOT = Path(__file__).parents[3]
BARE = '{"type": "record", "name": "Payment", "fields": [\n  {"name": "id", "type": "string", "default": 7}\n]}\n'
FAULT = 'payment.avsc:2:47: DEFAULT_INVALID the default 7 of the field "id" does not fit its type\n'


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ContractFiles:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SCHEMAS_DIR", "schemas")
    return ContractFiles.make(tmp_path / "schemas", lambda name: name)


def waive(files: ContractFiles, expires: str, file: str = "transaction.avsc") -> None:
    with (files.directory / "contracts.toml").open("a") as contracts:
        contracts.write(
            f'\n[[waivers]]\nrule = "DOC_MISSING"\nfile = "{file}"\nreason = "said elsewhere"\nexpires = {expires}\n'
        )


def drop_doc(schema: dict[str, str]) -> None:
    del schema["doc"]


def test_the_schemas_of_this_project_are_clean(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--strict", str(ROOT / "schemas")]) == 0
    files = len(list((ROOT / "schemas").iterdir()))
    assert capsys.readouterr().out == f"{files} files checked: nothing found\n"


def test_a_schema_needs_no_contracts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("payment.avsc").write_text(BARE)
    assert main(["payment.avsc"]) == 1
    assert capsys.readouterr().out == f"{FAULT}1 file checked: 1 error\n"


def test_warnings_fail_where_that_is_asked(files: ContractFiles, capsys: pytest.CaptureFixture[str]) -> None:
    files.change(drop_doc)
    assert main(["--profile", "strict"]) == 0
    assert "schemas/transaction.avsc:3:11: DOC_MISSING warning: record payments.Transaction" in capsys.readouterr().out
    assert main(["--profile", "strict", "--strict"]) == 1
    assert main(["--strict"]) == 0, "no rule of the recommended profile"


def test_a_waived_finding_is_listed_and_fails_nothing(files: ContractFiles, capsys: pytest.CaptureFixture[str]) -> None:
    files.change(drop_doc)
    waive(files, "2090-01-31")
    assert main(["--profile", "strict", "--strict", "--format", "json"]) == 0
    (finding,) = json.loads(capsys.readouterr().out)["findings"]
    assert (finding["rule"], finding["waived"]) == ("DOC_MISSING", "said elsewhere")


def test_an_expired_waiver_fails(files: ContractFiles, capsys: pytest.CaptureFixture[str]) -> None:
    waive(files, "2020-01-31")
    assert main([]) == 1
    assert capsys.readouterr().out.startswith("schemas/contracts.toml:18: WAIVER_EXPIRED the waiver of DOC_MISSING has")


def test_a_waiver_is_unused_only_where_everything_was_looked_at(
    files: ContractFiles, capsys: pytest.CaptureFixture[str]
) -> None:
    waive(files, "2090-01-31")
    assert main(["schemas"]) == 0
    assert "schemas/contracts.toml:18: WAIVER_UNUSED warning:" in capsys.readouterr().out
    assert main(["schemas/contracts.toml"]) == 0
    assert "WAIVER_UNUSED" not in capsys.readouterr().out


def test_types_of_shared_schemas_may_be_used(files: ContractFiles, capsys: pytest.CaptureFixture[str]) -> None:
    with (files.directory / "contracts.toml").open("a") as contracts:
        contracts.write('\n[schemas."party.avsc"]\ncompatibility = "FULL"\n')
    party = '{"type": "fixed", "name": "Party", "namespace": "payments", "size": 8}'
    (files.directory / "party.avsc").write_text(party)
    files.change(lambda schema: schema["fields"].append({"name": "party", "type": "Party", "doc": "Who."}))
    assert main(["--strict"]) == 0
    (files.directory / "contracts.toml").unlink()
    assert main([]) == 0, "no table is needed"
    (files.directory / "party.avsc").rename(files.directory / "deep.avsc")
    assert main(["schemas/transaction.avsc"]) == 0
    (files.directory / "deep.avsc").unlink()
    assert main([]) == 1
    assert 'TYPE_UNKNOWN unknown type "Party"' in capsys.readouterr().out


def test_only_the_files_that_are_named_are_told_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("e.avsc").write_text('{"type": "enum", "name": "E", "namespace": "shop", "symbols": ["A"], "default": "A"}')
    Path("p.avsc").write_text(
        '{"type": "record", "name": "P", "namespace": "shop", "doc": "d", '
        '"fields": [{"name": "e", "type": "shop.E", "doc": "d"}]}'
    )
    topic = 'partitions = 1\nretention = "7d"\nvalue = "p.avsc"\ncompatibility = "FULL"\n'
    Path("contracts.toml").write_text(f'[schemas."e.avsc"]\ncompatibility = "FULL"\n\n[topics.t]\n{topic}')
    assert main(["--profile", "strict", "--strict", "p.avsc"]) == 0
    assert capsys.readouterr().out == "1 file checked: nothing found\n"
    assert main(["--profile", "strict", "--strict", "."]) == 1
    assert "e.avsc:1:26: DOC_MISSING" in capsys.readouterr().out


@pytest.mark.parametrize("pattern", ["*", "**/*.avsc", "*.avsc", ".", "old", "old/", "**/old/*"])
def test_a_waiver_names_files_by_a_pattern(
    files: ContractFiles, capsys: pytest.CaptureFixture[str], pattern: str
) -> None:
    (files.directory / "old").mkdir()
    (files.directory / "old" / "transaction.avsc").write_bytes((files.directory / "transaction.avsc").read_bytes())
    files.change(drop_doc)
    if "old" in pattern:
        (files.directory / "transaction.avsc").rename(files.directory / "old" / "transaction.avsc")
        (files.directory / "contracts.toml").write_text(
            (files.directory / "contracts.toml").read_text().replace("transaction.avsc", "old/transaction.avsc")
        )
    waive(files, "2090-01-31", pattern)
    assert main(["--profile", "strict", "--strict"]) == 0
    assert ", 1 waived" in f", {capsys.readouterr().out.splitlines()[-1].partition(': ')[2]}"


@pytest.mark.parametrize(
    ("settings", "severity"),
    [
        ('profile = "strict"', "warning"),
        ('profile = "recommended"', None),
        ('[rules]\nDOC_MISSING = "error"', "error"),
        ('profile = "strict"\n[rules]\n"DOC_*" = "off"', None),
        ('profile = "strict"\n[rules."transaction.avsc"]\nDOC_MISSING = "off"', None),
        ('profile = "strict"\n[rules."other/**"]\nDOC_MISSING = "off"', "warning"),
        ('[rules]\nDOC_MISSING = "off"\n[rules."*.avsc"]\n"*" = "error"', "error"),
    ],
)
def test_rules_are_switched_in_the_contracts(
    files: ContractFiles, capsys: pytest.CaptureFixture[str], settings: str, severity: str | None
) -> None:
    files.change(drop_doc)
    contracts = files.directory / "contracts.toml"
    contracts.write_text(f"{settings}\n\n{contracts.read_text()}")
    assert main(["--format", "json"]) == (1 if severity == "error" else 0)
    severities = [finding["severity"] for finding in json.loads(capsys.readouterr().out)["findings"]]
    assert severities == ([severity] if severity else [])


def test_faults_of_the_contracts_are_told_once(files: ContractFiles, capsys: pytest.CaptureFixture[str]) -> None:
    files.change_contracts("partitions = 1", "partitions = 0", 1)
    (files.directory / "transaction.avsc").write_text("{")
    assert main([]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(" ")[0] for line in lines[:-1]] == [
        "schemas/contracts.toml:2:",
        "schemas/transaction.avsc:1:2:",
    ]


@pytest.mark.parametrize("path", ["nowhere", "empty"])
def test_paths_without_schemas(files: ContractFiles, capsys: pytest.CaptureFixture[str], path: str) -> None:
    Path("empty").mkdir()
    assert main([path]) == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.startswith(f"avroguard lint: {path}: no s")


def test_corrupted_files_never_end_in_a_traceback() -> None:
    codes = lint_all(seed=20260801, count=500)
    assert codes[0] > 50
    assert codes[1] > 200


@pytest.mark.slow
def test_another_repository_runs_the_wheel(tmp_path: Path) -> None:
    pip, installed = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"], tmp_path / "installed"
    offline = ["--no-deps", "--no-index"]
    subprocess.run([*pip, "wheel", *offline, "--no-build-isolation", "-w", tmp_path, ROOT / "avroguard"], check=True)
    subprocess.run([*pip, "install", *offline, "--target", installed, *tmp_path.glob("*.whl")], check=True)
    repository = tmp_path / "repository"
    repository.mkdir()
    (repository / "payment.avsc").write_text(BARE)
    git(repository, "init", "--quiet")
    commit_all(repository)
    hooks = (ROOT / ".pre-commit-hooks.yaml").read_text()

    for entry in re.findall(r"^  entry: (.+)$", hooks, flags=re.MULTILINE):
        command = [installed / "bin" / "avroguard", *entry.split()[1:], "--help"]
        assert subprocess.run(command, env={"PYTHONPATH": installed}, capture_output=True, check=True).stdout
    done = subprocess.run(
        [installed / "bin" / "avroguard", "lint", "payment.avsc"],
        cwd=repository,
        env={"PYTHONPATH": installed},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (1, f"{FAULT}1 file checked: 1 error\n", "")
