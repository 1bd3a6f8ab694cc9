"""`avroguard check --against git:REF` and against a directory, in real repositories."""

import shutil
from pathlib import Path

import pytest

from avroguard.cli.check import main
from support.contract_files import ContractFiles, add_field, commit_all, git, remove_field


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ContractFiles:
    """Contracts with one commit, in a directory of a repository that is the working directory."""
    repository = tmp_path / "repository"
    made = ContractFiles.make(repository / "schemas", lambda name: name)
    git(repository, "init", "--quiet")
    commit_all(repository)
    monkeypatch.chdir(repository)
    monkeypatch.setenv("SCHEMAS_DIR", "schemas")
    return made


def test_no_change_is_fine(files: ContractFiles, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--against", "git:HEAD"]) == 0
    assert capsys.readouterr().out == "2 subjects checked against git:HEAD: nothing found\n"


def test_a_removed_field_is_named_with_its_place(files: ContractFiles, capsys: pytest.CaptureFixture[str]) -> None:
    files.change(remove_field("currency"))
    assert main(["--against", "git:HEAD"]) == 1
    finding, summary = capsys.readouterr().out.splitlines()
    assert finding.startswith("schemas/transaction.avsc:6:13: READER_FIELD_MISSING_DEFAULT ")
    assert "'currency'" in finding
    assert finding.endswith("(breaks git:HEAD of one-value, two-value); keep the field")
    assert summary == "2 subjects checked against git:HEAD: 1 error"


def test_a_field_added_without_default_is_named_with_its_place(
    files: ContractFiles, capsys: pytest.CaptureFixture[str]
) -> None:
    files.change(add_field(name="channel", type="string"))
    assert main(["--against", "git:HEAD", "one-value"]) == 1
    lines = Path("schemas/transaction.avsc").read_text().splitlines()
    finding = capsys.readouterr().out.splitlines()[0]
    line, column = map(int, finding.split(":")[1:3])
    assert lines[line - 1][column - 1 :] == "{"
    assert lines[line + 1] == '      "name": "channel",'
    assert "'channel'" in finding
    assert "(breaks git:HEAD of one-value); give the field a default" in finding


def test_the_level_decides(files: ContractFiles) -> None:
    files.change(remove_field("currency"))
    assert main(["--against", "git:HEAD", "--level", "BACKWARD"]) == 0
    assert main(["--against", "git:HEAD", "--level", "FORWARD"]) == 1
    files.change_contracts("FULL_TRANSITIVE", "BACKWARD")
    commit_all(files.directory)
    assert main(["--against", "git:HEAD"]) == 0


def test_a_lowered_level_is_found(files: ContractFiles, capsys: pytest.CaptureFixture[str]) -> None:
    files.change_contracts("FULL_TRANSITIVE", "FULL", 1)
    assert main(["--against", "git:HEAD"]) == 1
    assert capsys.readouterr().out.startswith("schemas/contracts.toml:1: LEVEL_LOWERED the level is FULL, and FULL_TR")
    commit_all(files.directory)
    files.change_contracts('"FULL"', '"FULL_TRANSITIVE"')
    assert main(["--against", "git:HEAD"]) == 0


def test_a_dropped_topic_and_a_dropped_schema_are_found(
    files: ContractFiles, capsys: pytest.CaptureFixture[str]
) -> None:
    files.change_contracts('"one"', '"three"')
    assert main(["--against", "git:HEAD"]) == 1
    assert "TOPIC_REMOVED the topic one is in git:HEAD and gone here" in capsys.readouterr().out
    files.change_contracts('"three"', '"one"')
    files.change_contracts('"transaction.avsc"\ncompatibility = "FULL_TRANSITIVE"', '"bytes"', 1)
    assert main(["--against", "git:HEAD"]) == 1
    assert capsys.readouterr().out.startswith("schemas/contracts.toml:1: SCHEMA_REMOVED the values of one")


def test_where_nothing_was_compared_the_check_fails(files: ContractFiles, capsys: pytest.CaptureFixture[str]) -> None:
    root = files.directory.parent
    git(root, "checkout", "--quiet", "--orphan", "other")
    git(root, "rm", "--quiet", "-r", "--cached", ".")
    git(root, "commit", "--quiet", "--allow-empty", "--message", "Nothing yet")
    assert main(["--against", "git:HEAD"]) == 1
    output = capsys.readouterr()
    assert "SCHEMA_NEW note: one-value is new in comparison with git:HEAD" in output.out
    assert output.out.endswith("0 of 2 subjects checked against git:HEAD: 2 notes\n")
    assert "nothing was compared: every schema is new, as in a first commit; --allow-none" in output.err
    assert main(["--against", "git:HEAD", "--allow-none"]) == 0


def test_a_new_topic_is_listed_and_the_others_are_compared(
    files: ContractFiles, capsys: pytest.CaptureFixture[str]
) -> None:
    new = '{"type": "record", "name": "New", "namespace": "payments", "fields": []}'
    (files.directory / "new.avsc").write_text(new)
    with (files.directory / "contracts.toml").open("a") as contracts:
        contracts.write('\n[topics.new]\nvalue = "new.avsc"\ncompatibility = "FULL"\n')
    assert main(["--against", "git:HEAD"]) == 0
    note, summary = capsys.readouterr().out.splitlines()
    assert note.startswith("schemas/new.avsc:1:1: SCHEMA_NEW note: new-value is new in comparison with git:HEAD")
    assert summary == "2 of 3 subjects checked against git:HEAD: 1 note"


def test_contracts_that_have_moved_are_compared_with_where_they_were(
    files: ContractFiles, capsys: pytest.CaptureFixture[str]
) -> None:
    root = files.directory.parent
    git(root, "mv", "schemas", "contracts")
    assert run_in("contracts", "git:HEAD") == 0
    ContractFiles(root / "contracts", files.subjects).change(remove_field("currency"))
    assert run_in("contracts", "git:HEAD") == 1
    assert "breaks git:HEAD of one-value, two-value" in capsys.readouterr().out


def run_in(directory: str, against: str) -> int:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SCHEMAS_DIR", directory)
        return main(["--against", against])


def test_a_ref_that_is_not_there(files: ContractFiles, capsys: pytest.CaptureFixture[str]) -> None:
    for ref in ("nope", "HEAD~1", "--output=x", "HEAD:schemas"):
        assert main(["--against", f"git:{ref}"]) == 3
        output = capsys.readouterr()
        assert output.out == ""
        assert output.err.startswith(f"avroguard check: git:{ref}: no such commit here")


def test_a_shallow_clone_without_the_ref(files: ContractFiles, capsys: pytest.CaptureFixture[str]) -> None:
    root = files.directory.parent
    commit_all(root)
    clone = root.parent / "clone"
    git(root, "clone", "--quiet", "--depth", "1", f"file://{root}", str(clone))
    assert run_in(str(clone / "schemas"), "git:HEAD~1") == 3
    assert "this clone is shallow: git fetch --unshallow" in capsys.readouterr().err
    assert run_in(str(clone / "schemas"), "git:HEAD") == 3
    assert "lacks the versions before: git fetch --unshallow --tags" in capsys.readouterr().err
    contracts = clone / "schemas" / "contracts.toml"
    text = contracts.read_text()
    contracts.write_text(text + '[history]\nsince = "HEAD"\n')
    assert run_in(str(clone / "schemas"), "git:HEAD") == 0
    contracts.write_text(text.replace("FULL_TRANSITIVE", "FULL"))
    assert run_in(str(clone / "schemas"), "git:HEAD") == 1
    assert capsys.readouterr().out.count("LEVEL_LOWERED") == 2


def test_no_repository_and_no_git(
    files: ContractFiles, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.rmtree(files.directory.parent / ".git")
    assert main(["--against", "git:HEAD"]) == 3
    assert "not a git repository" in capsys.readouterr().err
    monkeypatch.setenv("PATH", "/nowhere")
    assert main(["--against", "git:HEAD"]) == 3
    assert "git can't be run" in capsys.readouterr().err


def test_inside_a_hook_git_looks_at_the_right_repository(
    files: ContractFiles, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "index"))
    assert main(["--against", "git:HEAD"]) == 0


def test_a_broken_schema_is_a_finding_and_hides_no_other(
    files: ContractFiles, capsys: pytest.CaptureFixture[str]
) -> None:
    (files.directory / "other.avsc").write_text('{"type": "record", "name": "O", "fields": []}')
    with (files.directory / "contracts.toml").open("a") as contracts:
        contracts.write('\n[topics.other]\nvalue = "other.avsc"\ncompatibility = "FULL"\n')
    commit_all(files.directory)
    files.change(remove_field("currency"))
    (files.directory / "other.avsc").write_text('{"type": "record", "name": "O", "fields": [{"name": "a"}]}')
    assert main(["--against", "git:HEAD"]) == 1
    broken, finding, summary = capsys.readouterr().out.splitlines()
    assert broken.startswith("schemas/other.avsc:1:44: ATTRIBUTE_INVALID ")
    assert "READER_FIELD_MISSING_DEFAULT" in finding
    assert summary == "2 of 3 subjects checked against git:HEAD: 2 errors"


def test_a_commit_that_repairs_a_broken_schema_passes(files: ContractFiles, capsys: pytest.CaptureFixture[str]) -> None:
    file = files.directory / "transaction.avsc"
    good = file.read_text()
    for bad in ('{"type": "record"}', '{"type": "record",'):
        file.write_text(bad)
        commit_all(files.directory)
        file.write_text(good)
        assert main(["--against", "git:HEAD"]) == 0
        out = capsys.readouterr().out
        assert "NOT_COMPARED warning: one-value was no schema in git:HEAD, which is left out: HEAD:schemas/tr" in out
        assert out.endswith("2 subjects checked against git:HEAD: 2 warnings\n")
        assert main(["--against", "git:HEAD", "--level", "FULL"]) == 0
        assert "0 of 2 subjects checked against git:HEAD at FULL: 2 warnings\n" in capsys.readouterr().out


def test_against_a_directory(files: ContractFiles, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    before = tmp_path / "before"
    shutil.copytree(files.directory, before)
    files.change(remove_field("amount"))
    for path in (before, before / "contracts.toml"):
        assert main(["--against", str(path)]) == 1
        assert "'amount'" in capsys.readouterr().out


@pytest.mark.parametrize("against", ["nowhere", "git:", "gti:HEAD", ""])
def test_wrong_usage(files: ContractFiles, capsys: pytest.CaptureFixture[str], against: str) -> None:
    assert main(["--against", against]) == 2
    assert capsys.readouterr().err.startswith("avroguard check: --against")


def test_an_unknown_subject(files: ContractFiles, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--against", "git:HEAD", "one"]) == 2
    assert 'no subject one in schemas/contracts.toml; did you mean "one-value"?' in capsys.readouterr().err


def test_before_the_first_commit_everything_is_new(
    files: ContractFiles, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository = tmp_path / "fresh"
    repository.mkdir()
    git(repository, "init", "--quiet", "--initial-branch=main")
    files.directory.rename(repository / "schemas")
    monkeypatch.chdir(repository)
    assert main(["--against", "git:HEAD", "--allow-none"]) == 0
    said = "0 of 2 subjects checked against git:HEAD (no commit yet): 2 notes"
    assert said in capsys.readouterr().out
    assert main(["--against", "git:main"]) == 3
    assert main(["--against", "git:HEAD~1"]) == 3
    capsys.readouterr()
    commit_all(repository)
    git(repository, "checkout", "--quiet", "--orphan", "other")
    assert main(["--against", "git:HEAD"]) == 3, "there are commits, and this branch has none of them"
    assert "no such commit here" in capsys.readouterr().err
