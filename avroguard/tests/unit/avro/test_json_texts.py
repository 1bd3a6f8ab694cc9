"""Comments and encodings of schema files; tests/integration/avroguard asks Avro Java about the same files."""

import json
from pathlib import Path

import pytest

from avroguard.avro.schema import parse_schema
from avroguard.cli.lint import main
from avroguard.errors import ContractError
from avroguard.lint import lint_schema
from support.json_texts import SCHEMA, TEXTS, JsonText


@pytest.mark.parametrize("text", TEXTS, ids=lambda text: text.name)
def test_what_avro_java_reads_is_read_and_reported(text: JsonText) -> None:
    rules = tuple(finding.rule for finding in lint_schema("o.avsc", text.content) if finding.rule != "DOC_MISSING")
    assert rules == (("JSON_INVALID",) if text.rules is None else text.rules)
    if text.rules is None:
        with pytest.raises(ContractError, match=r"^o\.avsc:\d+:\d+: not JSON: "):
            parse_schema("o.avsc", text.content)
    else:
        assert parse_schema("o.avsc", text.content).name == "shop.O"


def test_places_are_those_of_the_file_with_its_comments() -> None:
    text = '/* License\n */\n{"type": "record", "name": /* ü */ "O",\n "fields": [{"name": "a", "type": "itn"}]}'
    for content in (text.encode(), text.encode("utf-16")):
        places = {finding.rule: str(finding.place) for finding in lint_schema("o.avsc", content)}
        assert places["JSON_COMMENT"] == "o.avsc:1:1"
        assert places["TYPE_UNKNOWN"] == "o.avsc:4:35"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"{SCHEMA} // end", "a comment after the schema, which no parser takes; Avro Java takes comments before it"),
        (f"/* end {SCHEMA}", "expected a value, found a comment that does not end"),
        ("/", "expected a value, found '/'"),
    ],
)
def test_a_comment_is_called_a_comment(text: str, message: str) -> None:
    (finding,) = lint_schema("o.avsc", text.encode())
    assert finding.message == message


PROTOCOL = """{
 "protocol": "Shop", "namespace": "shop",
 "types": [
  {"type": "enum", "name": "Kind", "symbols": ["A"]},
  {"type": "record", "name": "O", "fields": [{"name": "kind", "type": "Kind"}, {"name": "b", "type": "itn"}]}
 ],
 "messages": {"ping": {"request": [], "response": "null"}}
}"""


def test_the_types_of_a_protocol_are_schemas() -> None:
    unknown = [finding for finding in lint_schema("shop.avpr", PROTOCOL.encode()) if finding.rule == "TYPE_UNKNOWN"]
    assert [(str(finding.place), finding.field) for finding in unknown] == [("shop.avpr:5:102", "shop.O.b")]
    schema = parse_schema("shop.avpr", PROTOCOL.replace("itn", "int").encode())
    assert [definition["namespace"] for definition in schema.json] == ["shop", "shop"]


@pytest.mark.parametrize("text", ["[]", '{"types": []}', '{"protocol": "P", "types": {}}'])
def test_what_is_no_protocol_is_refused(text: str) -> None:
    (finding,) = lint_schema("shop.avpr", text.encode())
    assert (finding.rule, finding.message.split(":")[0]) in (
        ("JSON_INVALID", "expected a protocol"),
        ("JSON_INVALID", 'expected an array of types as "types" of the protocol'),
    )


def test_avro_idl_gets_the_command_that_compiles_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("shop.avdl").write_text("protocol Shop {}")
    assert main(["shop.avdl", "--format", "json"]) == 1
    (finding,) = json.loads(capsys.readouterr().out)["findings"]
    assert finding["message"] == (
        "Avro IDL is not read; run `java -jar avro-tools.jar idl shop.avdl shop.avpr`, and check shop.avpr"
    )
    assert main(["."]) == 2
    assert "1 Avro IDL file" in capsys.readouterr().err
    Path("o.avsc").write_text(SCHEMA)
    main(["."])
    assert (
        "1 file checked, 1 Avro IDL file (.avdl) left out: avro-tools idl makes .avpr of it" in capsys.readouterr().out
    )
