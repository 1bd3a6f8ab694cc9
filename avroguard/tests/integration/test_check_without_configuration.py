"""`avroguard check` in repositories that have no contracts.toml: what a newcomer meets first."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from avroguard.cli.check import main
from support.contract_files import commit_all, git


def record(name: str, *fields: tuple[str, Any], namespace: str = "shop") -> dict[str, Any]:
    listed = [{"name": field, "type": kind} for field, kind in fields]
    return {"type": "record", "name": name, "namespace": namespace, "fields": listed}


def write(path: str, schema: Any) -> None:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(json.dumps(schema, indent=2) + "\n")


Check = Callable[..., tuple[int, list[str]]]


@pytest.fixture
def check(capsys: pytest.CaptureFixture[str]) -> Check:
    """Run the command; returns the exit code and the lines of its report."""

    def run(*arguments: str, against: str = "git:main") -> tuple[int, list[str]]:
        code = main(["--against", against, *arguments])
        return code, capsys.readouterr().out.splitlines()

    return run


@pytest.fixture
def shop(repository: Path) -> Path:
    """30 schemas in nested directories; orders refer to money, and money to a currency."""
    write(
        "common/src/avro/Currency.avsc", {"type": "enum", "name": "Currency", "namespace": "shop", "symbols": ["EUR"]}
    )
    write("common/src/avro/Money.avsc", record("Money", ("cents", "long"), ("currency", "Currency")))
    for number in range(28):
        fields = ("id", "string"), ("total", "shop.Money"), ("note", "string")
        write(f"services/s{number % 4}/avro/v1/Order{number}.avsc", record(f"Order{number}", *fields))
    commit_all(repository)
    git(repository, "checkout", "--quiet", "-b", "change")
    return repository


def test_a_break_is_found_at_its_line_among_30_files_with_a_rename(shop: Path, check: Check) -> None:
    git(shop, "mv", "services/s3/avro/v1/Order3.avsc", "services/s0/Renamed.avsc")
    write(
        "services/s1/avro/v1/Order5.avsc", record("Order5", ("id", "int"), ("total", "shop.Money"), ("note", "string"))
    )
    commit_all(shop)
    code, (finding, summary) = check()
    assert code == 1
    assert finding.startswith("services/s1/avro/v1/Order5.avsc:8:15: TYPE_CHANGED field 'id' of shop.Order5 is string")
    assert finding.endswith("(breaks git:main of shop.Order5); keep the type, or add a new field with a default")
    assert summary == "30 schemas checked against git:main at BACKWARD: 1 error"


def test_a_moved_schema_that_breaks_is_compared_with_where_it_was(shop: Path, check: Check) -> None:
    git(shop, "rm", "--quiet", "services/s3/avro/v1/Order3.avsc")
    write("services/s0/Renamed.avsc", record("Order3", ("id", "int"), ("total", "shop.Money"), ("note", "string")))
    code, (finding, _) = check()
    assert code == 1
    assert finding.startswith("services/s0/Renamed.avsc:8:15: TYPE_CHANGED")


def test_a_break_in_a_shared_type_is_that_of_all_that_use_it(shop: Path, check: Check) -> None:
    write("common/src/avro/Money.avsc", record("Money", ("cents", "string"), ("currency", "Currency")))
    code, (finding, summary) = check()
    assert code == 1
    assert finding.startswith("common/src/avro/Money.avsc:8:15: TYPE_CHANGED")
    assert "of shop.Money, shop.Order0," in finding
    assert summary == "30 schemas checked against git:main at BACKWARD: 1 error"


def test_the_level_decides(shop: Path, check: Check) -> None:
    fields = ("id", "string"), ("total", "shop.Money")
    write("services/s1/avro/v1/Order5.avsc", record("Order5", *fields))
    assert check() == (
        0,
        ["30 schemas checked against git:main at BACKWARD (readers deploy first, then writers): nothing found"],
    )
    code, lines = check("--level", "FULL")
    assert (code, lines[-1]) == (1, "30 schemas checked against git:main at FULL: 1 error")
    assert check("--level", "NONE")[0] == 1, "nothing was compared"


def test_every_version_counts_at_a_transitive_level_through_moves(shop: Path, check: Check) -> None:
    path = "services/s1/avro/v1/Order5.avsc"
    for kind in ("int", None):
        extra = () if kind is None else (("channel", ["null", kind]),)
        write(path, record("Order5", ("id", "string"), *extra))
        commit_all(shop)
    git(shop, "mv", path, "Order5.avsc")
    commit_all(shop)
    schema = record("Order5", ("id", "string"), ("channel", ["null", "string"]))
    schema["fields"][1]["default"] = None
    write("Order5.avsc", schema)
    assert check(against="git:HEAD")[0] == 0
    code, lines = check("--level", "FULL_TRANSITIVE", "shop.Order5", against="git:HEAD")
    assert code == 1
    assert any("UNION_BRANCH_REMOVED" in line and "(breaks commit " in line for line in lines)


def test_from_a_subdirectory_the_whole_repository_is_checked(
    shop: Path, check: Check, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("services/s1/avro/v1/Order5.avsc", record("Order5", ("id", "int")))
    monkeypatch.chdir(shop / "common")
    code, lines = check()
    assert code == 1
    assert lines[0].startswith("../services/s1/avro/v1/Order5.avsc:8:15: TYPE_CHANGED")
    assert lines[-1] == f"30 schemas checked against git:main at BACKWARD in {shop}: 1 error"


def test_what_is_new_removed_or_renamed_is_listed(shop: Path, check: Check) -> None:
    git(shop, "mv", "services/s0/avro/v1/Order0.avsc", "services/s0/avro/v1/New.avsc")
    write("services/s0/avro/v1/New.avsc", record("New", ("id", "string")))
    renamed = record("Purchase", ("id", "string"), ("total", "shop.Money"), ("note", "string"))
    write("services/s0/avro/v1/Order4.avsc", renamed)
    alias = record("Bill", ("id", "int"))
    git(shop, "rm", "--quiet", "services/s0/avro/v1/Order8.avsc")
    write("Bill.avsc", {**alias, "aliases": ["Order8"]})
    code, lines = check()
    assert code == 1
    assert any(
        "SCHEMA_REMOVED the schema of shop.Order0 is in services/s0/avro/v1/Order0.avsc of git:" in line
        for line in lines
    )
    assert any(line.startswith("services/s0/avro/v1/New.avsc:1:1: SCHEMA_NEW note: shop.New") for line in lines)
    assert any(line.startswith("services/s0/avro/v1/Order4.avsc:3:11: NAME_CHANGED") for line in lines), lines
    assert any(line.startswith("Bill.avsc:8:15: TYPE_CHANGED") for line in lines)
    assert lines[-1] == "29 of 30 schemas checked against git:main at BACKWARD: 3 errors, 1 note"


def test_files_of_one_name_are_each_compared_with_their_own_past(repository: Path, check: Check) -> None:
    for copy in ("a", "b"):
        write(f"{copy}/o.avsc", record("O", ("id", "string" if copy == "a" else "long")))
    commit_all(repository)
    assert check() == (0, ["2 schemas checked against git:main at BACKWARD: nothing found"])
    write("b/o.avsc", record("O", ("id", "string")))
    code, (finding, _) = check()
    assert (code, finding.split(" ")[0]) == (1, "b/o.avsc:8:15:")


def test_a_source_that_cannot_be_told_is_listed(repository: Path, check: Check) -> None:
    for copy in ("a", "b"):
        write(f"{copy}/o.avsc", record("O", ("id", "string")))
    commit_all(repository)
    git(repository, "rm", "--quiet", "-r", "a", "b")
    write("c/o.avsc", record("O", ("id", "int")))
    code, lines = check()
    assert code == 1, "nothing was compared"
    assert "NOT_COMPARED warning: shop.O is defined in several files of git:main, a/o.avsc and b/o.avsc" in lines[0]


def test_what_git_ignores_and_dependencies_are_left_out(repository: Path, check: Check) -> None:
    write("o.avsc", record("O", ("id", "string")))
    Path(".gitignore").write_text("build/\n")
    for directory in ("build", "node_modules/x", "env/.venv/lib"):
        write(f"{directory}/o.avsc", record("O", ("id", "int")))
    commit_all(repository)
    assert check() == (0, ["1 schema checked against git:main at BACKWARD: nothing found"])


def test_an_uncommitted_file_is_checked_and_a_link_is_no_file_of_its_own(repository: Path, check: Check) -> None:
    write("real/o.avsc", record("O", ("id", "string")))
    Path("o.avsc").symlink_to("real/o.avsc")
    Path("linked").symlink_to("real")
    commit_all(repository)
    write("new.avsc", record("N", ("o", "O")))
    code, lines = check()
    assert code == 0
    assert lines[-1] == "1 of 2 schemas checked against git:main at BACKWARD: 1 note"


def test_a_schema_that_was_and_is_broken_is_a_warning(repository: Path, check: Check) -> None:
    Path("bad.avsc").write_text('{"type": "record"}')
    Path("worse.avsc").write_text("{")
    write("o.avsc", record("O", ("id", "string")))
    commit_all(repository)
    code, lines = check()
    assert code == 0
    assert lines[0].startswith("bad.avsc:1:1: NOT_COMPARED warning: no schema, neither here nor in git:main")
    assert lines[-1] == "1 of 3 schemas checked against git:main at BACKWARD: 2 warnings"
    Path("bad.avsc").write_text('{"type": "recrod"}')
    code, lines = check()
    assert code == 1
    assert lines[0].startswith("bad.avsc:1:10: TYPE_UNKNOWN")


def test_a_submodule_is_listed(repository: Path, check: Check, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    git(other, "init", "--quiet", "--initial-branch=main")
    (other / "x.avsc").write_text(json.dumps(record("X", ("id", "string"))))
    commit_all(other)
    git(repository, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(other), "vendor/other")
    write("o.avsc", record("O", ("id", "string")))
    commit_all(repository)
    code, (warning, summary) = check()
    assert code == 0
    assert "vendor/other is a submodule, a repository of its own: its 1 schema file not compared" in warning
    assert summary == "1 schema checked against git:main at BACKWARD: 1 warning"
    Path("contracts.toml").write_text('[topics.x]\nvalue = "vendor/other/x.avsc"\ncompatibility = "FULL"\n')
    commit_all(repository)
    code, lines = check("x-value")
    assert "NOT_COMPARED warning: x-value was no schema in git:main" in lines[0]
    assert "it is in the submodule vendor/other" in lines[0]


def test_an_empty_repository_has_nothing_to_compare(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    git(repository, "commit", "--quiet", "--allow-empty", "--message", "Begin")
    assert main(["--against", "git:main"]) == 1
    said = f"nothing was compared: there is no schema file (.avsc, .avpr) in {repository}; --allow-none lets that pass"
    assert said in capsys.readouterr().err
    assert main(["--against", "git:main", "--allow-none"]) == 0


def test_without_a_repository_directories_are_compared(
    tmp_path: Path, check: Check, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SCHEMAS_DIR", raising=False)
    for directory, kind in (("before", "int"), ("after", "string")):
        (tmp_path / directory).mkdir()
        monkeypatch.chdir(tmp_path / directory)
        write("deep/o.avsc", record("O", ("id", kind)))
    code, (finding, summary) = check(against="../before")
    assert (code, finding.split(" ")[0]) == (1, "deep/o.avsc:8:15:")
    assert summary == "1 schema checked against ../before at BACKWARD: 1 error"


def test_contracts_below_are_checked_by_what_they_say(repository: Path, check: Check) -> None:
    write("a/schemas/o.avsc", record("O", ("id", "string")))
    Path("a/schemas/contracts.toml").write_text('[topics.o]\nvalue = "o.avsc"\ncompatibility = "FULL"\n')
    write("b/p.avsc", record("P", ("id", "string")))
    commit_all(repository)
    assert check() == (0, ["2 schemas checked against git:main at BACKWARD in a/schemas: nothing found"])
    write("a/schemas/o.avsc", record("O"))
    write("b/p.avsc", record("P"))
    code, (finding, _) = check()
    assert code == 1
    assert "(breaks git:main of o-value)" in finding
    Path("contracts.toml").write_text('[topics.p]\nvalue = "b/p.avsc"\ncompatibility = "FORWARD"\n')
    write("c.avsc", record("C"))
    code, lines = check()
    assert code == 1
    assert [line.split(" ")[0] for line in lines[:-1]] == ["b/p.avsc:5:13:", "contracts.toml:1:", "c.avsc:1:1:"]
    assert "what has contracts of its own is not checked: a/schemas/" in lines[1]
    assert "SCHEMA_NEW note: shop.C is new" in lines[2]


def test_the_directory_compared_with_is_no_part_of_what_is_checked(repository: Path, check: Check) -> None:
    write("before/o.avsc", record("O", ("id", "string")))
    write("o.avsc", record("O", ("id", "string")))
    assert check(against="before") == (0, ["1 schema checked against before at BACKWARD: nothing found"])
