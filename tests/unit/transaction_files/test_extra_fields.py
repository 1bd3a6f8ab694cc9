"""Fields that an evolved contract has besides the usual ones are filled from files, and rules use them."""

import copy
import json
from io import BytesIO
from pathlib import Path
from typing import Any

import fastavro
import pytest

from services.contracts import HEADER_SIZE, load_contracts, load_schema
from services.errors import UsageError
from services.rules.conditions import null_mark
from tests.support.transaction_files import SCHEMA, layout, written
from tools.evaluate.__main__ import evaluate, parsed
from tools.replay.sender import Encoder
from tools.transaction_files.row_reader import RowReader

FIELDS: dict[str, Any] = {
    "channel": {"type": ["null", "string"], "default": None},
    "device": {"type": "string", "default": "none"},
    "balance": {
        "type": ["null", {"type": "bytes", "logicalType": "decimal", "precision": 12, "scale": 2}],
        "default": None,
    },
    "distance": {"type": ["null", "double"], "default": None},
    "attempts": {"type": "int", "default": 1},
    "is_abroad": {"type": ["null", "boolean"], "default": None},
    "opened_at": {"type": ["null", {"type": "long", "logicalType": "timestamp-millis"}], "default": None},
    "kind": {"type": {"type": "enum", "name": "Kind", "symbols": ["CARD", "TRANSFER"]}, "default": "CARD"},
    "tags": {"type": {"type": "array", "items": "string"}, "default": []},
}
HEADER = (
    "source,target,amount,currency,created_at,fraud,Channel,device,balance,distance,attempts,is_abroad,opened_at,kind\n"
)
FULL = "a,b,1.00,EUR,2026-01-05,1,web,ios,12.5,3.25,7,yes,2020-02-03,TRANSFER\n"
EMPTY = "a,b,1.00,EUR,2026-01-05,0,,,,,,,,\n"


@pytest.fixture
def schemas(tmp_path: Path) -> Path:
    """A directory of schemas whose transaction has further fields."""
    directory = tmp_path / "schemas"
    directory.mkdir()
    for path in SCHEMA.path.parent.iterdir():
        (directory / path.name).write_bytes(path.read_bytes())
    evolved = copy.deepcopy(SCHEMA.json)
    evolved["fields"] += [{"name": name, **field} for name, field in FIELDS.items()]
    (directory / "transaction.avsc").write_text(json.dumps(evolved))
    return directory


def test_every_type_is_read_and_encoded_and_empty_cells_are_null_or_the_default(schemas: Path, tmp_path: Path) -> None:
    schema = load_schema(schemas / "transaction.avsc")
    path = written(tmp_path / "x.csv", HEADER + FULL + EMPTY)
    (block,) = RowReader([path], layout({"channel": "Channel"}), schema).blocks()
    assert block.errors == []
    labels = load_contracts().topic("queueing.transactions.labels").required_schema
    values = Encoder((schema, 1), (labels, 2)).transactions(block)
    parsed_schema = fastavro.parse_schema(copy.deepcopy(schema.json))
    full, empty = (
        {name: record[name] for name in FIELDS}
        for record in (
            fastavro.schemaless_reader(BytesIO(value[HEADER_SIZE:]), parsed_schema, None) for value in values
        )
    )
    assert json.loads(json.dumps(full, default=str)) == {
        "channel": "web", "device": "ios", "balance": "12.50", "distance": 3.25, "attempts": 7, "is_abroad": True,
        "opened_at": "2020-02-03 00:00:00+00:00", "kind": "TRANSFER", "tags": [],
    }  # fmt: skip
    assert empty == {
        "channel": None, "device": "none", "balance": None, "distance": None, "attempts": 1, "is_abroad": None,
        "opened_at": None, "kind": "CARD", "tags": [],
    }  # fmt: skip


def test_a_file_without_the_columns_has_nulls_and_defaults(schemas: Path, tmp_path: Path) -> None:
    schema = load_schema(schemas / "transaction.avsc")
    path = written(tmp_path / "x.csv", "source,target,amount,currency,created_at\na,b,1,EUR,2026-01-05\n")
    (block,) = RowReader([path], layout(constants={"kind": "TRANSFER"}), schema).blocks()
    assert (block.columns["device"].tolist(), block.columns[null_mark("channel")].tolist()) == ([b"none"], [True])
    assert (block.columns["kind"].tolist(), block.columns["attempts"].tolist()) == ([b"TRANSFER"], [1])


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (",,,,,,,CASH", "kind 'CASH': expected one of CARD, TRANSFER"),
        (",,x,,,,,", "balance 'x': expected an amount"),
        (",,,nan,,,,", "distance 'nan': expected a number such as 12.5"),
        (",,,,1.5,,,", "attempts '1.5': expected at most 0 digits"),
        (",,,,,maybe,,", "is_abroad 'maybe': expected 1 or 0"),
        (",,,,,,soon,", "opened_at 'soon': expected a time"),
    ],
)
def test_cells_that_do_not_fit_are_named(schemas: Path, tmp_path: Path, cells: str, expected: str) -> None:
    path = written(tmp_path / "x.csv", f"{HEADER}a,b,1.00,EUR,2026-01-05,0,{cells}\n")
    (block,) = RowReader([path], layout(), load_schema(schemas / "transaction.avsc")).blocks()
    assert expected in str(block.errors[0])


def test_a_field_that_the_contract_has_not_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "x.csv", HEADER + FULL)
    with pytest.raises(UsageError, match="no field channel; there are id, source"):
        RowReader([path], layout({"channel": "Channel"}), SCHEMA)


def test_a_rule_about_a_further_field_is_evaluated_on_a_file(
    schemas: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SCHEMAS_DIR", str(schemas))
    path = written(tmp_path / "x.csv", HEADER + FULL + EMPTY)
    rules = written(
        tmp_path / "rules.toml",
        '[rules.web]\nseverity = "low"\nwhen = "channel == \'web\' and balance < 20"\nreason = "{channel}"\n',
    )
    report = evaluate(parsed(["--rules", str(rules), "--file", str(path), "--map", "channel=Channel"]))
    assert (report.total.transactions, report.total.flagged, report.total.caught) == (2, 1, 1)
