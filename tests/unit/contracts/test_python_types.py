import json
import subprocess
import sys
import typing
from pathlib import Path
from typing import Any

import pytest

from avroguard.avro.schema import Schema, parse_schema
from services.commands import generate_types
from services.contracts.python_types import python_types
from services.errors import ContractError


def record(name: str, *types: Any, **more: Any) -> dict[str, Any]:
    fields = [{"name": f"f{index}", "type": kind} for index, kind in enumerate(types)]
    return {"type": "record", "name": name, "fields": fields, **more}


def schema(json_schema: Any) -> Schema:
    return parse_schema("s.avsc", json.dumps(json_schema).encode())


def module(*schemas: Any) -> dict[str, Any]:
    names: dict[str, Any] = {}
    exec(python_types(schema(avro) for avro in schemas), names)
    return names


def logical(kind: str, logical_type: str, **more: Any) -> dict[str, Any]:
    return {"type": kind, "logicalType": logical_type, **more}


@pytest.mark.parametrize(
    ("avro", "python"),
    [
        ("null", "None"),
        ("boolean", "bool"),
        ("long", "int"),
        ("float", "float"),
        ("bytes", "bytes"),
        ({"type": "string"}, "str"),
        (["null", "string"], "str | None"),
        (["int", "long", "null", "string"], "int | str | None"),
        ({"type": "array", "items": ["null", "int"]}, "list[int | None]"),
        ({"type": "map", "values": "double"}, "dict[str, float]"),
        ({"type": "fixed", "name": "F", "size": 2}, "bytes"),
        ({"type": "enum", "name": "E", "symbols": ["A", "B"]}, "E"),
        (logical("bytes", "decimal", precision=4, scale=2), "Decimal"),
        (logical("fixed", "decimal", precision=4, name="D", size=9), "Decimal"),
        (logical("string", "uuid"), "UUID"),
        (logical("int", "date"), "date"),
        (logical("long", "time-micros"), "time"),
        (logical("long", "timestamp-millis"), "datetime"),
        (logical("string", "timestamp-millis"), "str"),
        (logical("long", "unheard-of"), "int"),
    ],
)
def test_a_schema_has_its_python_type(avro: Any, python: str) -> None:
    source = python_types([schema(record("R", avro))])
    assert f"\n    f0: {python}\n" in source
    typing.get_type_hints(module(record("R", avro))["R"])


def test_records_inside_records_and_names_used_again() -> None:
    inner = record("Inner", "int", namespace="other")
    names = module(record("Outer", inner, {"type": "array", "items": "other.Inner"}))
    inner_type = names["Inner"]
    assert typing.get_type_hints(names["Outer"]) == {"f0": inner_type, "f1": list[inner_type]}


def test_a_record_that_contains_itself() -> None:
    names = module(record("Tree", ["null", "Tree"], {"type": "array", "items": "Tree"}))
    tree = names["Tree"]
    assert typing.get_type_hints(tree, localns=names) == {"f0": tree | None, "f1": list[tree]}


def test_field_names_that_python_reserves() -> None:
    names = module({"type": "record", "name": "R", "fields": [{"name": "from", "type": "int", "doc": "Whence."}]})
    assert names["R"].__annotations__.keys() == {"from"}


def test_one_schema_given_twice_is_defined_once() -> None:
    source = python_types([schema(record("R", "int")), schema(record("R", "int"))])
    assert source.count("class R(") == 1


def test_two_types_of_one_name_are_refused() -> None:
    with pytest.raises(ContractError, match=r"s\.avsc:1:1: two types would be called R in Python; rename b\.R"):
        module(record("a.R", "int"), record("b.R", "long"))


def test_the_source_needs_no_formatting(tmp_path: Path) -> None:
    docs = 'Has "quotes", \\ and\nlines, ' + "and goes on " * 20
    enum = {"type": "enum", "name": "E", "symbols": [f"SYMBOL_{n}" for n in range(30)], "doc": docs}
    file = tmp_path / "records.py"
    file.write_text(python_types([schema(record("R", enum, ["null", "R"], doc=docs))]))
    formatted = subprocess.run(
        [Path(sys.executable).parent / "ruff", "format", "--check", "--isolated", file], check=False
    )
    assert formatted.returncode == 0


def test_the_module_of_this_project_is_fresh(capsys: pytest.CaptureFixture[str]) -> None:
    assert generate_types.main(["--check"]) == 0
    assert capsys.readouterr().out == ""


def test_a_stale_module_is_named_and_written_anew(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "types.py"
    assert generate_types.main(["--to", str(file), "--check"]) == 1
    assert f"{file}: stale: the schemas have changed; run python -m" in capsys.readouterr().out
    assert not file.exists()
    assert generate_types.main(["--to", str(file)]) == 0
    assert generate_types.main(["--to", str(file), "--check"]) == 0
    file.write_text(file.read_text() + "\n")
    assert generate_types.main(["--to", str(file), "--check"]) == 1
