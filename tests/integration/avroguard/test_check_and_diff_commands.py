"""`avroguard check` with its tiers, waivers and explanations, and `avroguard diff` wherever schemas are."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from avroguard.cli import check, diff, register
from support.contract_files import ContractFiles, add_field, commit_all, git, remove_field
from tools.local_cluster import Cluster

WAIVER = """
[[waivers]]
rule = "DECIMAL_SCALE_CHANGED"
field = "payments.Transaction.amount"
reason = "nobody reads it yet"
expires = {}
"""


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, unique: Callable[[str], str]) -> ContractFiles:
    repository = tmp_path / "repository"
    made = ContractFiles.make(repository / "schemas", unique)
    git(repository, "init", "--quiet")
    commit_all(repository)
    monkeypatch.chdir(repository)
    monkeypatch.setenv("SCHEMAS_DIR", "schemas")
    return made


def change_scale(files: ContractFiles) -> None:
    files.change(lambda schema: schema["fields"][3]["type"].update(scale=4))


@pytest.mark.parametrize(("semantic", "code"), [("error", 1), ("warn", 0), ("off", 0)])
def test_the_semantic_tier(files: ContractFiles, capsys: pytest.CaptureFixture[str], semantic: str, code: int) -> None:
    change_scale(files)
    assert check.main(["--against", "git:HEAD", "--semantic", semantic]) == code
    assert ("DECIMAL_SCALE_CHANGED" in capsys.readouterr().out) is (semantic != "off")


def test_a_waiver_counts_until_it_expires(files: ContractFiles, capsys: pytest.CaptureFixture[str]) -> None:
    change_scale(files)
    contracts = files.directory / "contracts.toml"
    text = contracts.read_text()
    contracts.write_text(text + WAIVER.format("2999-01-01"))
    assert check.main(["--against", "git:HEAD"]) == 0
    assert capsys.readouterr().out.endswith(": 1 waived\n")
    contracts.write_text(text + WAIVER.format("2001-01-01"))
    assert check.main(["--against", "git:HEAD"]) == 1
    assert "WAIVER_EXPIRED" in capsys.readouterr().out


def test_a_waiver_for_one_subject_is_for_no_other(files: ContractFiles, capsys: pytest.CaptureFixture[str]) -> None:
    change_scale(files)
    first, second = files.subjects
    with (files.directory / "contracts.toml").open("a") as contracts:
        contracts.write(WAIVER.format("2999-01-01").replace("field =", f'subject = "{first}"\nfield ='))
    assert check.main(["--against", "git:HEAD"]) == 1
    finding, summary = capsys.readouterr().out.splitlines()
    assert finding.endswith(f"(breaks git:HEAD of {second}); keep the scale, or add a new field")
    assert summary.endswith(": 1 error, 1 waived")
    assert check.main(["--against", "git:HEAD", first]) == 0


def test_an_explanation_shows_a_record_in_text_and_json(
    files: ContractFiles, capsys: pytest.CaptureFixture[str]
) -> None:
    change_scale(files)
    assert check.main(["--against", "git:HEAD", "--explain"]) == 1
    assert '"amount": 0.1234' in capsys.readouterr().out
    assert check.main(["--against", "git:HEAD", "--explain", "--format", "json"]) == 1
    (finding,) = json.loads(capsys.readouterr().out)["findings"]
    assert '"amount": 12.34' in finding["explanation"]


def test_differences_between_a_commit_and_a_file(files: ContractFiles, capsys: pytest.CaptureFixture[str]) -> None:
    old, new = "git:HEAD:schemas/transaction.avsc", "schemas/transaction.avsc"
    assert diff.main([old, new]) == 0
    assert capsys.readouterr().out == f"--- {old}\n+++ {new}\nthe same\n"
    files.change(remove_field("currency"))
    files.change(add_field(name="channel", type=["null", "string"], default=None))
    assert diff.main([old, new]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "+ field channel of payments.Transaction: union of null, string = null" in lines
    assert "- field currency of payments.Transaction: string" in lines
    assert lines[4:7] == [
        "new reads old (BACKWARD): yes",
        "old reads new (FORWARD): no",
        "levels that let it pass: NONE, BACKWARD",
    ]
    assert diff.main([old, new, "--format", "json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["backward"], document["forward"], len(document["differences"])) == (True, False, 2)
    assert diff.main([old, new, "--format", "github"]) == 0
    assert capsys.readouterr().out.startswith("::error file=schemas/transaction.avsc,line=")


def test_a_file_that_refers_to_another_is_put_together(
    files: ContractFiles, capsys: pytest.CaptureFixture[str]
) -> None:
    alert = {
        "type": "record",
        "name": "Alert",
        "namespace": "payments",
        "fields": [{"name": "of", "type": "Transaction"}],
    }
    (files.directory / "alert.avsc").write_text(json.dumps(alert))
    shared = '\n[schemas."transaction.avsc"]\ncompatibility = "FULL"\n'
    (files.directory / "contracts.toml").write_text((files.directory / "contracts.toml").read_text() + shared)
    commit_all(files.directory)
    files.change(remove_field("currency"))
    assert diff.main(["git:HEAD:schemas/alert.avsc", "schemas/alert.avsc"]) == 0
    assert "- field currency of payments.Transaction: string" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("named", "code", "said"),
    [
        ("nowhere.avsc", 2, "nowhere.avsc: no such file; expected FILE, git:REF:FILE"),
        ("git:HEAD", 2, "git:HEAD: expected git:REF:FILE"),
        ("git:nope:schemas/transaction.avsc", 3, "git:nope: no such commit here"),
        ("git:HEAD:schemas/no.avsc", 3, "no such file at that commit"),
        ("registry:x@first", 2, "registry:x@first: expected registry:SUBJECT or registry:SUBJECT@VERSION"),
        ("schemas/contracts.toml", 1, "schemas/contracts.toml:1:2: not JSON"),
    ],
)
def test_what_cannot_be_found(
    files: ContractFiles, capsys: pytest.CaptureFixture[str], named: str, code: int, said: str
) -> None:
    assert diff.main([named, "schemas/transaction.avsc"]) == code
    assert said in capsys.readouterr().err


def test_versions_of_a_registry(
    files: ContractFiles, cluster: Cluster, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SCHEMA_REGISTRY_URL", cluster.registry_url)
    assert register.main([]) == 0
    files.change(add_field(name="channel", type=["null", "string"], default=None))
    assert register.main([]) == 0
    capsys.readouterr()
    subject = f"registry:{files.subjects[0]}"
    assert diff.main([f"{subject}@1", subject]) == 0
    assert "+ field channel of payments.Transaction" in capsys.readouterr().out
    assert diff.main([subject, "schemas/transaction.avsc"]) == 0
    assert capsys.readouterr().out.endswith("the same\n")
    assert diff.main([f"{subject}@9", subject]) == 1
    assert "reading version 9: GET " in capsys.readouterr().err
