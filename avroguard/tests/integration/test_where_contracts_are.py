"""Places of contracts and schemas: above, beside, behind a link, not yet there; and not in this checkout."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from avroguard.cli import check, diff
from support.contract_files import commit_all, git

TOPIC = '[topics.{}]\nvalue = "{}"\ncompatibility = "FULL"\n'
CHECKOUT = Path(__file__).parents[3]


def write(path: str, kind: str, namespace: str = "shop") -> None:
    schema = {"type": "record", "name": "O", "namespace": namespace, "fields": [{"name": "a", "type": kind}]}
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(json.dumps(schema))


@pytest.fixture(autouse=True)
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty repository that is the working directory."""
    git(tmp_path, "init", "--quiet", "--initial-branch=main")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SCHEMAS_DIR", raising=False)
    return tmp_path


def test_a_base_commit_without_contracts_is_compared_by_its_files(
    repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write("order.avsc", "int")
    commit_all(repository)
    write("order.avsc", "string")
    Path("contracts.toml").write_text(TOPIC.format("t", "order.avsc"))
    assert check.main(["--against", "git:HEAD"]) == 1
    assert "TYPE_CHANGED" in capsys.readouterr().out


def test_a_topic_added_for_a_file_is_compared_with_the_past_of_the_file(
    repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write("a.avsc", "int")
    write("b.avsc", "int", "stock")
    Path("contracts.toml").write_text(TOPIC.format("t", "a.avsc"))
    commit_all(repository)
    write("b.avsc", "string", "stock")
    Path("contracts.toml").write_text(TOPIC.format("t", "a.avsc") + TOPIC.format("u", "b.avsc"))
    for level in ("FULL", "FULL_TRANSITIVE"):
        assert check.main(["--against", "git:HEAD", "--level", level]) == 1
        assert "(breaks git:HEAD of u-value)" in capsys.readouterr().out


def test_contracts_above_count_in_a_directory_below_and_at_a_commit(
    repository: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("avro").mkdir()
    Path("avro/e.avsc").write_text('{"type": "enum", "name": "E", "namespace": "shop", "symbols": ["A"]}')
    using = {"type": "record", "name": "O", "namespace": "shop", "fields": [{"name": "e", "type": "E"}]}
    Path("avro/o.avsc").write_text(json.dumps(using))
    Path("contracts.toml").write_text(TOPIC.format("t", "avro/o.avsc"))
    commit_all(repository)
    monkeypatch.chdir("avro")
    assert check.main(["--against", "git:HEAD"]) == 0
    assert capsys.readouterr().out == f"2 subjects checked against git:HEAD in {repository}: nothing found\n"
    assert diff.main(["git:HEAD:o.avsc", "o.avsc"]) == 0
    assert capsys.readouterr().out.endswith("the same\n")


def test_a_schema_behind_a_link_is_followed_at_the_commit(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write("real/o.avsc", "int")
    Path("o.avsc").symlink_to("real/o.avsc")
    Path("linked").symlink_to("real")
    Path("contracts.toml").write_text(TOPIC.format("t", "o.avsc") + TOPIC.format("u", "linked/o.avsc"))
    commit_all(repository)
    assert check.main(["--against", "git:HEAD"]) == 0
    assert capsys.readouterr().out == "2 subjects checked against git:HEAD: nothing found\n"
    write("real/o.avsc", "string")
    assert check.main(["--against", "git:HEAD"]) == 1
    assert "(breaks git:HEAD of t-value)" in capsys.readouterr().out


def test_a_directory_schemas_without_contracts_hides_none_in_the_root(
    repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write("avro/o.avsc", "int")
    Path("schemas").mkdir()
    Path("schemas/order.schema.json").write_text("{}")
    Path("contracts.toml").write_text(TOPIC.format("t", "avro/o.avsc"))
    commit_all(repository)
    assert check.main(["--against", "git:HEAD"]) == 0
    assert capsys.readouterr().out == "1 subject checked against git:HEAD: nothing found\n"


@pytest.mark.skipif(not (CHECKOUT / "scripts" / "check-schemas").is_file(), reason="not in a checkout of the whole")
def test_the_script_of_a_checkout_checks_the_repository_that_it_is_called_in(repository: Path) -> None:
    write("avro/o.avsc", "int")
    commit_all(repository)
    write("avro/o.avsc", "string")
    command = [str(CHECKOUT / "scripts" / "check-schemas"), "--against", "git:HEAD"]
    environment = {name: value for name, value in os.environ.items() if name != "SCHEMAS_DIR"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stdout.startswith("avro/o.avsc:1:87: TYPE_CHANGED")
    assert f"check-schemas: checking {repository}\n" in done.stderr
