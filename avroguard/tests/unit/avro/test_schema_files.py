"""Schema files: what is wrong with them is said with file, line and column."""

import json
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from avroguard.avro.document import parse_json
from avroguard.avro.schema import load_schema, parse_schema, shown
from avroguard.errors import ContractError

TRANSACTION = Path(__file__).parents[4] / "schemas" / "transaction.avsc"


def fault(text: str | bytes) -> str:
    with pytest.raises(ContractError) as caught:
        parse_schema("s.avsc", text.encode() if isinstance(text, str) else text)
    return str(caught.value)


def faults(text: str) -> list[str]:
    """Return the faults of a schema, if any; any error but ContractError fails the test."""
    try:
        parse_schema("s.avsc", text.encode())
    except ContractError as error:
        return str(error).splitlines()
    return []


def in_record(field: str) -> str:
    return '{"type": "record", "name": "R", "fields": [\n  ' + field + "\n]}"


@pytest.mark.parametrize(
    ("text", "place", "said"),
    [
        (b'{"type": "string\xff"}', "1:17", "byte 0xff is not UTF-8"),
        (b'\n{"a": "\xc3', "2:8", "byte 0xc3 is not UTF-8"),
        ("", "1:1", "expected a value, found the end of the file"),
        ('{"type":\n', "2:1", "expected a value, found the end of the file"),
        ('{"type": string}', "1:10", "expected a value, found string"),
        ('{"type": NaN}', "1:10", "expected a value, found NaN"),
        ('{"type": "string",}', "1:19", "expected a key in double quotes, found '}'"),
        ("{'type': 1}", "1:2", "expected a key in double quotes"),
        ('{"type" "string"}', "1:9", 'expected ":" after the key "type"'),
        ('["null" "string"]', "1:9", 'expected "," or "]"'),
        ('{"type": "string"} 1', "1:20", "expected the end of the file"),
        ('{"type":/"string"}', "1:9", "expected a value, found '/'"),
        ('"stri\nng"', "1:6", "invalid control character"),
        ('"a\\q"', "1:3", "invalid \\escape"),
        ('"string', "1:1", "unterminated string"),
        ('"\\ud800"', "1:1", "surrogate"),
        ("[-]", "1:2", "expected a digit"),
        ("[01]", "1:3", 'expected "," or "]"'),
        ("1e999", "1:1", "too large"),
        ("1" * 101, "1:1", "more than 100 digits"),
        ("[" * 102, "1:102", "nested more than 100 levels deep"),
        ('{"type": "record",\n "type": "enum"}', "2:2", 'the key "type" stands twice'),
    ],
)
def test_not_json(text: str | bytes, place: str, said: str) -> None:
    assert fault(text).startswith(f"s.avsc:{place}: ")
    assert said in fault(text)


@pytest.mark.parametrize(
    ("text", "place", "said"),
    [
        ("3", "1:1", "expected a type (a name, an object or a union), found 3"),
        ('{"name": "R"}', "1:1", 'expected an attribute "type"'),
        ('{"type": 3}', "1:10", 'expected the name of a type as "type" of a type, found 3'),
        ('{"type": "strnig"}', "1:10", 'unknown type "strnig"'),
        ('{"type": "strnig"}', "1:10", 'did you mean "string"?'),
        (in_record('{"name": "a", "type": "payments.Adress"}'), "2:25", 'unknown type "payments.Adress"'),
        ('{"type": "array"}', "1:1", 'expected an attribute "items"'),
        ('{"type": "map", "values": "x"}', "1:27", 'unknown type "x"'),
        ('["null", ["string"]]', "1:10", "a union directly inside a union"),
        ('["null", "int", "int"]', "1:17", 'the union has the type "int" twice'),
        ('[{"type": "map", "values": "int"}, {"type": "map", "values": "long"}]', "1:36", 'has the type "map" twice'),
        ('{"type": "record", "fields": []}', "1:1", 'expected an attribute "name" in this record'),
        ('{"type": "record", "name": "R"}', "1:1", 'expected an attribute "fields"'),
        ('{"type": "record", "name": "a-b", "fields": []}', "1:28", "expected a name (letters, digits and _"),
        ('{"type": "record", "name": "a..b", "fields": []}', "1:28", 'found "a..b"'),
        ('{"type": "record", "name": "int", "fields": []}', "1:28", '"int" is a primitive type'),
        ('{"type": "record", "name": "R", "namespace": "a b", "fields": []}', "1:46", "joined by dots"),
        ('{"type": "record", "name": "R", "doc": 1, "fields": []}', "1:40", "expected a text, found 1"),
        ('{"type": "record", "name": "R", "aliases": "x", "fields": []}', "1:44", "expected an array of names"),
        ('{"type": "record", "name": "R", "fields": {}}', "1:43", 'expected an attribute "fields" (an array)'),
        (in_record("3"), "2:3", "expected a field"),
        (in_record('{"type": "int"}'), "2:3", 'expected a "name"'),
        (in_record('{"name": "a"}'), "2:3", 'expected an attribute "type" in the field "a"'),
        (in_record('{"name": "1a", "type": "int"}'), "2:12", 'found "1a"'),
        (in_record('{"name": "ä", "type": "int"}'), "2:12", "expected a"),
        (in_record('{"name": "a", "type": "int"}, {"name": "a", "type": "int"}'), "2:42", 'the field "a" stands twice'),
        (in_record('{"name": "a", "type": "int", "order": "up"}'), "2:41", 'expected "ascending"'),
        (in_record('{"name": "a", "type": "int", "default": "1"}'), "2:43", 'the default "1" of the field "a"'),
        (in_record('{"name": "a", "type": "int", "default": 2147483648}'), "2:43", "does not fit its type"),
        (in_record('{"name": "a", "type": "int", "default": true}'), "2:43", "the default true"),
        (in_record('{"name": "a", "type": ["null", "int"], "default": "x"}'), "2:53", "does not fit its type"),
        (in_record('{"name": "a", "type": {"type": "array", "items": "int"}, "default": [null]}'), "2:71", "an array"),
        (in_record('{"name": "a", "type": "bytes", "default": "€"}'), "2:45", "does not fit its type"),
        ('{"type": "enum", "name": "E"}', "1:1", 'expected an attribute "symbols"'),
        ('{"type": "enum", "name": "E", "symbols": ["A", "b-c"]}', "1:48", "expected a symbol"),
        ('{"type": "enum", "name": "E", "symbols": ["A", "A"]}', "1:48", 'the symbol "A" stands twice'),
        ('{"type": "enum", "name": "E", "symbols": ["EUR"], "default": "EURO"}', "1:62", 'did you mean "EUR"?'),
        ('{"type": "fixed", "name": "F"}', "1:1", 'expected an attribute "size"'),
        ('{"type": "fixed", "name": "F", "size": -1}', "1:40", 'expected an attribute "size"'),
        ('{"type": "bytes", "logicalType": "decimal"}', "1:1", 'expected a "precision" of 1 or more'),
        ('{"type": "bytes", "logicalType": "decimal", "precision": 2, "scale": 3}', "1:70", '"scale" from 0 to'),
        (
            '{"type": "fixed", "name": "F", "size": 2, "logicalType": "decimal", "precision": 5}',
            "1:82",
            "2 bytes hold decimals of 4 digits, not of 5",
        ),
        (
            '[{"type": "enum", "name": "a.E", "symbols": []}, {"type": "fixed", "name": "a.E", "size": 1}]',
            "1:76",
            'the type "a.E" is defined twice',
        ),
    ],
)
def test_not_avro(text: str, place: str, said: str) -> None:
    assert fault(text).startswith(f"s.avsc:{place}: not Avro: ")
    assert said in fault(text)


def test_every_fault_is_told_not_the_first_alone() -> None:
    text = in_record('{"name": "a", "type": "lnog"},\n  {"name": "b", "type": "itn"}')
    assert [line.split(": ")[0] for line in fault(text).splitlines()] == ["s.avsc:2:25", "s.avsc:3:25"]


@pytest.mark.parametrize(
    "field",
    [
        '{"name": "a", "type": ["string", "null"], "default": null}',
        '{"name": "a", "type": "double", "default": 1}',
        '{"name": "a", "type": ["null", "R"], "default": null}',
        '{"name": "a", "type": {"type": "map", "values": "int"}, "default": {"x": 1}}',
        '{"name":"a","type":{"type":"record","name":"I","fields":[{"name":"x","type":"int"}]},"default":{"x":1}}',
        '{"name": "a", "type": {"type": "fixed", "name": "F", "size": 2}, "default": "\\u00ff\\u0000"}',
        '{"name": "a", "type": {"type": "string", "logicalType": "unheard-of"}}',
        '{"name": "a", "type": {"type": "enum", "name": "n.E", "symbols": ["A"]}}, {"name": "b", "type": "n.E"}',
    ],
)
def test_what_registries_accept_is_accepted(field: str) -> None:
    assert parse_schema("s.avsc", in_record(field).encode()).name == "R"


def test_a_schema_knows_its_name_and_where_its_parts_stand() -> None:
    schema = load_schema(TRANSACTION)
    lines = schema.text.splitlines()
    assert schema.name == "payments.Transaction"
    assert json.loads(schema.canonical) == schema.json
    assert "\n" not in schema.canonical
    for index, field in enumerate(schema.json["fields"]):
        line, column = schema.position(("fields", index, "name"))
        assert lines[line - 1][column - 1 :].startswith(f'"{field["name"]}"')
    assert schema.where(("fields", 99, "type")) == schema.where(("fields",))


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ('"string"', "string"),
        ('{"type": "int"}', "int"),
        ('["null", "int"]', "union"),
        ('{"type": "fixed", "name": "a.F", "namespace": "b", "size": 1}', "a.F"),
    ],
)
def test_names_of_schemas_of_other_kinds(text: str, name: str) -> None:
    assert parse_schema("s.avsc", text.encode()).name == name


def test_a_file_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ContractError, match=r"^no\.avsc: cannot be read: No such file"):
        load_schema(Path("no.avsc"))
    assert shown(tmp_path / "a" / "b.avsc") == "a/b.avsc"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(json_values, st.sampled_from([None, 0, 2]), st.booleans())
def test_json_is_read_as_python_reads_it(value: object, indent: int | None, ascii_only: bool) -> None:
    text = json.dumps(value, indent=indent, ensure_ascii=ascii_only)
    document = parse_json("s", text.encode())
    assert document.json == value
    for path, offset in document.offsets.items():
        part = value
        for key in path:
            part = part[key]  # type: ignore[index]
        assert json.JSONDecoder().raw_decode(text, offset)[0] == part


tokens = [
    '"',
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\\",
    "null",
    "1",
    "-",
    '"name"',
    '"type"',
    '"record"',
    "\n",
    "ä",
    "{}",
    "[]",
]


@given(st.integers(0, 2000), st.integers(0, 40), st.sampled_from(tokens) | st.text(max_size=3))
@example(0, 2000, "")
@example(50, 35, "\\")  # a line break in a key
def test_a_corrupted_schema_is_read_or_refused_with_its_place(start: int, removed: int, added: str) -> None:
    text = TRANSACTION.read_text(encoding="utf-8")
    corrupted = text[:start] + added + text[start + removed :]
    for line in faults(corrupted):
        _, row, column, _ = line.split(":", 3)
        assert 1 <= int(row) <= corrupted.count("\n") + 1
        assert int(column) >= 1


@given(st.data())
def test_a_schema_with_parts_exchanged_is_read_or_refused(data: st.DataObject) -> None:
    document = json.loads(TRANSACTION.read_text(encoding="utf-8"))
    parts = [document, *document["fields"], *(field["type"] for field in document["fields"])]
    objects = [part for part in parts if isinstance(part, dict)]
    for _ in range(data.draw(st.integers(1, 3))):
        target = data.draw(st.sampled_from(objects))
        target[data.draw(st.sampled_from(sorted(target)))] = data.draw(
            st.sampled_from(
                [None, 1, -1, True, "", "int", "Transaction", "a-b", [], {}, ["int"], [[]], {"type": []}, 1.5]
            )
        )
    assert all(line.startswith("s.avsc:1:") for line in faults(json.dumps(document)))
