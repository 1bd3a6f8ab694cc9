"""`avroguard check --against git:REF` where every version counts: the history of a subject as git has it."""

from pathlib import Path

import pytest

from avroguard.changes.git import Repository
from avroguard.cli.check import main
from avroguard.errors import Unavailable
from support.contract_files import ContractFiles, add_field, commit_all, git, remove_field

OPTIONAL = {"name": "channel", "type": ["null", "string"], "default": None}
OTHER = {"name": "channel", "type": ["null", "int"], "default": None}


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ContractFiles:
    """Contracts whose second version of three had a field ``channel`` that is a string."""
    repository = tmp_path / "repository"
    made = ContractFiles.make(repository / "schemas", lambda name: name)
    git(repository, "init", "--quiet", "--initial-branch=main")
    commit_all(repository)
    made.change(add_field(**OPTIONAL))
    commit_all(repository)
    made.change(remove_field("channel"))
    commit_all(repository)
    monkeypatch.chdir(repository)
    monkeypatch.setenv("SCHEMAS_DIR", "schemas")
    return made


def commit(ref: str = "HEAD") -> str:
    return f"commit {git(Path(), 'rev-parse', '--short=10', ref)}"


def findings(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[str]:
    main(["--against", "git:HEAD", "one-value", *arguments])
    return capsys.readouterr().out.splitlines()[:-1]


def test_a_version_of_long_ago_counts_where_the_level_is_transitive(
    files: ContractFiles, capsys: pytest.CaptureFixture[str]
) -> None:
    files.change(add_field(**OTHER))
    lines = findings(capsys)
    assert lines
    assert all(f"(breaks {commit('HEAD~1')} of one-value)" in line for line in lines)
    assert findings(capsys, "--level", "FULL") == []
    assert findings(capsys, "--level", "FULL", "--all-versions") == lines


def test_history_begins_with_the_first_tag(files: ContractFiles, capsys: pytest.CaptureFixture[str]) -> None:
    files.change(add_field(**OTHER))
    git(Path(), "tag", "v1", "HEAD")
    assert findings(capsys) == []
    git(Path(), "tag", "v0", "HEAD~1")
    git(Path(), "tag", "--delete", "v1")
    assert findings(capsys), "the state at the tag itself counts"


def test_history_begins_where_the_contracts_say(files: ContractFiles, capsys: pytest.CaptureFixture[str]) -> None:
    files.change(add_field(**OTHER))
    since = '[history]\nsince = "{}"\n\n[topics.raw]'
    files.change_contracts("[topics.raw]", since.format("HEAD"))
    assert findings(capsys) == []
    files.change_contracts('"HEAD"', '"HEAD~1"')
    assert findings(capsys)
    files.change_contracts('"HEAD~1"', '"v9"')
    assert main(["--against", "git:HEAD"]) == 3
    assert "git:v9: no such commit here" in capsys.readouterr().err
    git(Path(), "checkout", "--quiet", "--orphan", "other")
    git(Path(), "commit", "--quiet", "--message", "Elsewhere")
    files.change_contracts('"v9"', '"main"')
    assert main(["--against", "git:HEAD"]) == 3
    assert "since = main: git:HEAD does not have that commit before it" in capsys.readouterr().err


def test_a_renamed_file_is_followed(files: ContractFiles, capsys: pytest.CaptureFixture[str]) -> None:
    git(Path(), "mv", "schemas/transaction.avsc", "schemas/payment.avsc")
    files.change_contracts('"transaction.avsc"', '"payment.avsc"')
    commit_all(Path())
    git(Path(), "mv", "schemas/payment.avsc", "schemas/transaction.avsc")
    files.change_contracts('"payment.avsc"', '"transaction.avsc"')
    files.change(add_field(**OTHER))
    assert f"(breaks {commit('HEAD~2')} of one-value)" in findings(capsys)[0]


def test_a_moved_directory_is_followed(
    files: ContractFiles, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("deep").mkdir()
    git(Path(), "mv", "schemas", "deep/contracts")
    commit_all(Path())
    monkeypatch.setenv("SCHEMAS_DIR", "deep/contracts")
    moved = ContractFiles(Path("deep/contracts"), files.subjects)
    moved.change(add_field(**OTHER))
    assert f"(breaks {commit('HEAD~2')} of one-value)" in findings(capsys)[0]


def test_files_of_before_there_were_contracts_are_followed(
    tmp_path: Path, files: ContractFiles, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other"
    made = ContractFiles.make(other / "schemas", lambda name: name)
    contracts = (made.directory / "contracts.toml").read_text()
    (made.directory / "contracts.toml").unlink()
    made.change(add_field(**OPTIONAL))
    git(other, "init", "--quiet")
    git(other, "add", ".")
    git(other, "mv", "schemas/transaction.avsc", "schemas/old.avsc")
    commit_all(other)
    git(other, "mv", "schemas/old.avsc", "schemas/transaction.avsc")
    commit_all(other)
    made.change(remove_field("channel"))
    (made.directory / "contracts.toml").write_text(contracts)
    commit_all(other)
    made.change(add_field(**OTHER))
    monkeypatch.chdir(other)
    assert f"(breaks {commit('HEAD~2')} of one-value)" in findings(capsys)[0]


def test_only_the_main_line_counts(files: ContractFiles, capsys: pytest.CaptureFixture[str]) -> None:
    """A version that a branch tried and took back before it was merged was never deployed."""
    git(Path(), "tag", "v1")
    git(Path(), "checkout", "--quiet", "-b", "try")
    files.change(add_field(name="tried", type=["null", "string"], default=None))
    commit_all(Path())
    files.change(remove_field("tried"))
    files.change(add_field(name="kept", type=["null", "string"], default=None))
    commit_all(Path())
    git(Path(), "checkout", "--quiet", "main")
    git(Path(), "merge", "--quiet", "--no-ff", "--message", "Merge", "try")
    files.change(add_field(name="tried", type=["null", "int"], default=None))
    assert findings(capsys) == []
    files.change(remove_field("tried"))
    files.change(remove_field("kept"))
    files.change(add_field(name="kept", type=["null", "int"], default=None))
    assert "(breaks git:HEAD of one-value)" in findings(capsys)[0]


def test_what_was_no_schema_is_left_out_and_said(files: ContractFiles, capsys: pytest.CaptureFixture[str]) -> None:
    file = files.directory / "transaction.avsc"
    good = file.read_text()
    for broken in ("{", '{"type": "record"}'):
        file.write_text(broken)
        commit_all(Path())
    file.write_text(good)
    commit_all(Path())
    files.change(add_field(name="more", type=["null", "string"], default=None))
    assert main(["--against", "git:HEAD"]) == 0
    said = capsys.readouterr().err.splitlines()
    assert (
        sorted(line.partition(":schemas/")[2] for line in said) == ["transaction.avsc is no Avro schema: left out"] * 2
    )


def test_shared_schemas_of_the_past_are_put_together(files: ContractFiles, capsys: pytest.CaptureFixture[str]) -> None:
    shared = '[schemas."money.avsc"]\ncompatibility = "FULL_TRANSITIVE"\n\n[topics.raw]'
    files.change_contracts("[topics.raw]", shared)
    money = '{"type": "record", "name": "Money", "namespace": "payments", "fields": [{"name": "cents", "type": %s}]}'
    file = files.directory / "money.avsc"
    file.write_text(money % '"long"')
    files.change(add_field(name="fee", type=["null", "Money"], default=None))
    commit_all(Path())
    file.write_text(money % '"int"')
    files.change(add_field(name="more", type=["null", "string"], default=None))
    lines = findings(capsys)
    assert lines[0].startswith("schemas/money.avsc:1:")
    assert "(breaks git:HEAD of one-value)" in lines[0]
    commit_all(Path())
    file.write_text(money % '"string"')
    lines = findings(capsys)
    for version in (commit("HEAD~1"), "git:HEAD"):
        assert any(f"(breaks {version} of one-value)" in line for line in lines)


def test_contents_are_the_same_one_by_one_and_all_at_once(files: ContractFiles) -> None:
    odd = {"empty.avsc": b"", "lines.avsc": b"\nab blob 3\n\0\xff\r\n", "more.avsc": b"{}"}
    for name, content in odd.items():
        (files.directory / name).write_bytes(content)
    commit_all(files.directory.parent)
    with Repository(files.directory) as alone, Repository(files.directory) as together:
        blobs = {path: blob for path, blob in alone.files("HEAD").blobs.items() if path.endswith(".avsc")}
        together.fetch([*blobs.values(), "0" * 40, *blobs.values()])
        assert {path: together.content(blob) for path, blob in blobs.items()} == {
            path: alone.content(blob) for path, blob in blobs.items()
        }
        assert together.content(blobs["schemas/lines.avsc"]) == odd["lines.avsc"]
        with pytest.raises(Unavailable, match="missing"):
            together.content("0" * 40)


def test_a_version_with_comments_in_another_encoding_counts(
    files: ContractFiles, capsys: pytest.CaptureFixture[str]
) -> None:
    schema = files.directory / "transaction.avsc"
    plain = schema.read_text()
    files.change(add_field(name="note", type=["null", "string"], default=None))
    schema.write_bytes(f"/* for a while */ {schema.read_text()}".encode("utf-16"))
    commit_all(files.directory)
    noted = commit()
    schema.write_text(plain)
    commit_all(files.directory)
    files.change(add_field(name="note", type=["null", "int"], default=None))
    assert any(noted in finding for finding in findings(capsys))
