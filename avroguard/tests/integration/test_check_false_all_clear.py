"""Changes that `avroguard check` must not pass over: a type renamed under its users, files without a table."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from avroguard.cli.check import main
from support.contract_files import commit_all

Check = Callable[..., tuple[int, str]]

pytestmark = pytest.mark.usefixtures("repository")


def enum(name: str, **more: Any) -> dict[str, Any]:
    return {"type": "enum", "name": name, "namespace": "s", "symbols": ["NEW", "OLD"], **more}


def record(name: str, kind: Any) -> dict[str, Any]:
    return {"type": "record", "name": name, "namespace": "s", "fields": [{"name": "a", "type": kind}]}


def decimal(scale: int) -> dict[str, Any]:
    return {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": scale}


def write(path: str, schema: Any) -> None:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(json.dumps(schema, indent=2) + "\n")


@pytest.fixture
def check(capsys: pytest.CaptureFixture[str]) -> Check:
    """Run the command; returns the exit code and its output."""

    def run(*arguments: str, against: str = "git:HEAD") -> tuple[int, str]:
        code = main(["--against", against, *arguments])
        return code, "".join(capsys.readouterr())

    return run


@pytest.mark.parametrize("form", ["text", "json", "github", "gitlab", "junit", "sarif"])
@pytest.mark.parametrize("against", ["git:HEAD", "../before"])
def test_a_type_that_is_gone_under_an_unchanged_user_is_an_error(check: Check, form: str, against: str) -> None:
    for directory in ("", "../before/"):
        write(f"{directory}status.avsc", enum("Status"))
        write(f"{directory}order.avsc", record("Order", "s.Status"))
    commit_all(Path())
    write("status.avsc", enum("State", aliases=["Status"]))
    code, output = check("--format", form, against=against)
    assert code == 1
    assert "TYPE_UNKNOWN" in output
    assert "NOT_COMPARED" not in output
    assert form != "text" or output.startswith("order.avsc:8:15: TYPE_UNKNOWN ")


@pytest.mark.parametrize("against", ["git:HEAD", "../before"])
def test_a_file_whose_type_was_unknown_before_is_no_error(check: Check, against: str) -> None:
    for directory in ("", "../before/"):
        write(f"{directory}status.avsc", enum("Status"))
        write(f"{directory}order.avsc", record("Order", "s.Other"))
    commit_all(Path())
    code, output = check(against=against)
    assert code == 0
    assert "order.avsc:8:15: NOT_COMPARED warning: no schema, neither here nor in " in output


def test_files_without_a_table_are_compared_as_without_contracts(check: Check) -> None:
    write("schemas/a.avsc", record("A", "int"))
    write("b.avsc", record("B", "int"))
    write("c.avsc", record("C", "int"))
    Path("schemas/contracts.toml").write_text('[schemas."a.avsc"]\ncompatibility = "FULL"\n')
    commit_all(Path())
    assert check() == (0, "3 schemas checked against git:HEAD: nothing found\n")
    write("b.avsc", record("B", "string"))
    Path("c.avsc").unlink()
    write("d.avsc", record("D", "int"))
    code, output = check()
    lines = output.splitlines()
    assert code == 1
    assert [line.split(" ")[:2] for line in lines[:-1]] == [
        ["c.avsc:1:", "SCHEMA_REMOVED"],
        ["b.avsc:8:15:", "TYPE_CHANGED"],
        ["d.avsc:1:1:", "SCHEMA_NEW"],
    ]
    assert 'if s.D in d.avsc is its new name, give that one "aliases": ["s.C"]' in lines[0]


def test_files_without_a_table_below_nested_contracts_are_compared(check: Check) -> None:
    write("x/a.avsc", record("A", "int"))
    write("x/b.avsc", record("B", "int"))
    write("c.avsc", record("C", "int"))
    Path("x/contracts.toml").write_text('[schemas."a.avsc"]\ncompatibility = "FULL"\n')
    commit_all(Path())
    write("x/b.avsc", record("B", "string"))
    code, output = check()
    assert code == 1
    assert output.startswith("x/b.avsc:8:15: TYPE_CHANGED")
    assert "3 schemas checked" in output


def test_contracts_with_rules_alone_count_as_without_contracts(check: Check) -> None:
    write("a.avsc", record("A", decimal(2)))
    write("b.avsc", record("B", "int"))
    Path("contracts.toml").write_text("""\
profile = "strict"
[rules]
DECIMAL_SCALE_CHANGED = "warning"
[[waivers]]
rule = "SCHEMA_REMOVED"
file = "b.avsc"
reason = "no reader is left"
expires = 2999-01-01
""")
    commit_all(Path())
    assert check() == (0, "2 schemas checked against git:HEAD at BACKWARD: nothing found\n")
    write("a.avsc", record("A", decimal(4)))
    Path("b.avsc").unlink()
    code, output = check()
    assert code == 0
    assert "DECIMAL_SCALE_CHANGED warning" in output
    assert "1 waived" in output
    assert "WAIVER_UNUSED" not in output
    write("a.avsc", record("A", "int"))
    code, output = check()
    assert code == 1
    assert "a.avsc:8:15: TYPE_CHANGED" in output


@pytest.mark.parametrize("committed", [False, True])
def test_a_first_commit_says_how_to_let_it_pass(check: Check, committed: bool) -> None:
    if committed:
        Path("README").write_text("none yet")
        commit_all(Path())
    write("a.avsc", record("A", "int"))
    code, output = check()
    label = "git:HEAD" if committed else "git:HEAD (no commit yet)"
    assert code == 1
    assert f"0 of 1 schema checked against {label} at BACKWARD" in output
    assert "nothing was compared: every schema is new, as in a first commit; --allow-none lets that pass" in output
    assert check("--allow-none")[0] == 0


@pytest.mark.parametrize("name", ["x/order.avsc", "./x/order.avsc", "order.avsc", "order", "Order", "s.Order"])
def test_a_schema_is_named_by_its_file_or_a_part_of_its_name(check: Check, name: str) -> None:
    for other in range(30):
        write(f"x/{other}.avsc", record(f"R{other}", "int"))
    write("x/order.avsc", record("Order", "int"))
    commit_all(Path())
    write("x/3.avsc", record("R3", "string"))
    assert check(name) == (0, "1 schema checked against git:HEAD at BACKWARD: nothing found\n")
    assert check("x/3.avsc")[0] == 1
    write("x/order.avsc", record("Order", "gone"))
    if "avsc" in name:
        code, output = check(name)
        assert code == 1
        assert output.startswith("x/order.avsc:8:15: TYPE_UNKNOWN")
    code, output = check("zzz")
    assert code == 2
    assert "and 23 more" in output


def test_a_name_that_may_be_one_of_several_is_refused(check: Check) -> None:
    for directory in "xy":
        write(f"{directory}/order.avsc", record(f"Order{directory}", "int"))
    code, output = check("order.avsc")
    assert code == 2
    assert "order.avsc may be one of s.Orderx, s.Ordery: give the subject or the path" in output


def test_a_level_is_read_in_any_case(check: Check, capsys: pytest.CaptureFixture[str]) -> None:
    write("a.avsc", record("A", "int"))
    commit_all(Path())
    assert check("--level", "full_transitive")[1].endswith(" at FULL_TRANSITIVE: nothing found\n")
    with pytest.raises(SystemExit):
        check("--level", "most")
    assert "<Level" not in capsys.readouterr().err


def test_long_lists_of_broken_versions_are_cut(check: Check) -> None:
    for number in range(12):
        write("a.avsc", {**record("A", "int"), "doc": str(number)})
        commit_all(Path())
    write("a.avsc", record("A", "string"))
    code, output = check("--all-versions")
    assert code == 1
    assert " and 4 more of s.A)" in output
