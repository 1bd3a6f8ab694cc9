"""Schemas that use types of other files: found, ordered, put together, and each fault with its place."""

import json
from typing import Any

import pytest

from avroguard.avro.references import foreign_names, inlined
from avroguard.config.topics import Contracts, read_contracts
from avroguard.errors import ContractError
from services.contracts import RecordDecoder, RecordEncoder
from services.contracts.python_types import python_types

MONEY = {"type": "record", "name": "Money", "namespace": "ex", "fields": [{"name": "cents", "type": "long"}]}
ORDER = {
    "type": "record",
    "name": "Order",
    "namespace": "ex",
    "fields": [{"name": "total", "type": "Money"}, {"name": "paid", "type": ["null", "ex.Money"], "default": None}],
}
REFUND = {
    "type": "record",
    "name": "Refund",
    "namespace": "ex",
    "fields": [{"name": "order", "type": "Order"}, {"name": "back", "type": "Money"}],
}
SHARED = """
[schemas."order.avsc"]
compatibility = "FULL"

[schemas."money.avsc"]
subject = "money"
compatibility = "FULL_TRANSITIVE"

[topics.refunds]
partitions = 1
retention = "1d"
value = "refund.avsc"
compatibility = "FULL"
"""


class Files(dict[str, bytes]):
    """A directory in memory."""

    def read(self, name: str) -> bytes | None:
        return self.get(name)

    def shown(self, name: str) -> str:
        return name

    def schema_files(self) -> list[str]:
        return sorted(name for name in self if name.endswith(".avsc"))


def read(contracts: str = SHARED, **schemas: Any) -> Contracts:
    files = {"money": MONEY, "order": ORDER, "refund": REFUND} | schemas
    texts = {f"{name}.avsc": json.dumps(schema, indent=1).encode() for name, schema in files.items()}
    return read_contracts(Files({"contracts.toml": contracts.encode(), **texts}))


def faults(contracts: str = SHARED, **schemas: Any) -> list[str]:
    with pytest.raises(ContractError) as raised:
        read(contracts, **schemas)
    return str(raised.value).splitlines()


def test_subjects_come_after_those_that_they_refer_to() -> None:
    contracts = read()
    assert [contract.subject for contract in contracts.subjects] == ["money", "ex.Order", "refunds-value"]
    refund = contracts.topic("refunds").required_schema
    assert [(reference.name, reference.subject) for reference in refund.references] == [
        ("ex.Order", "ex.Order"),
        ("ex.Money", "money"),
    ]
    assert [reference.name for reference in refund.references[0].schema.references] == ["ex.Money"]
    assert json.loads(refund.canonical) == REFUND


def test_a_schema_stands_alone_with_each_type_defined_where_it_is_used_first() -> None:
    schema = read().topic("refunds").required_schema.json
    order = schema["fields"][0]["type"]
    assert order["fields"][0]["type"] == MONEY
    assert order["fields"][1]["type"] == ["null", "ex.Money"]
    assert schema["fields"][1]["type"] == "Money"
    record = {"order": {"total": {"cents": 3}, "paid": None}, "back": {"cents": 2}}
    assert RecordDecoder(schema).decode(RecordEncoder(schema).encode(record)) == record


def test_places_inside_another_file_are_that_files() -> None:
    refund = read().topic("refunds").required_schema
    path = ("fields", 0, "type", "fields", 0, "type", "fields", 0, "name")
    assert str(refund.where(path)) == "money.avsc:7:12"
    assert str(refund.where(("fields", 0, "type"))).startswith("refund.avsc:")
    assert str(refund.where(("fields", 1, "name"))).startswith("refund.avsc:")


def test_types_for_python_are_made_once() -> None:
    contracts = read()
    source = python_types(contract.schema for contract in contracts.subjects)
    assert [source.count(f"class {name}(") for name in ("Money", "Order", "Refund")] == [1, 1, 1]


def test_what_a_schema_defines_itself_is_not_foreign() -> None:
    node = {"type": "record", "name": "Node", "fields": [{"name": "next", "type": ["null", "Node"]}]}
    assert foreign_names(node) == []
    assert inlined(node, {"Node": MONEY}) == (node, {})
    assert foreign_names({"type": "map", "values": {"type": "array", "items": "ex.Other"}}) == ["ex.Other"]


def test_a_default_of_a_foreign_type_is_checked() -> None:
    field = {"name": "fee", "type": "Money", "default": {"cents": "none"}}
    messages = faults(refund=REFUND | {"fields": [field]})
    assert messages == [
        'refund.avsc:9:15: not Avro: the default an object of the field "fee" does not fit its type',
    ]
    assert read(refund=REFUND | {"fields": [field | {"default": {"cents": 1}}]})


@pytest.mark.parametrize(
    ("contracts", "schemas", "expected"),
    [
        (
            SHARED.replace('[schemas."money.avsc"]', '[schemas."gold.avsc"]'),
            {},
            "contracts.toml:5: schema gold.avsc: no",
        ),
        (SHARED, {"money": {**MONEY, "fields": [{"name": "of", "type": "Order"}]}}, "in a circle"),
        (SHARED.replace('"FULL_TRANSITIVE"', '"SOME"'), {}, "contracts.toml:7: schema money.avsc: compatibility: exp"),
        (SHARED.replace('"money"', "7"), {}, "contracts.toml:6: schema money.avsc: subject: expected a name, found 7"),
        (
            SHARED.replace('"money"', '"refunds-value"'),
            {},
            'contracts.toml:6: schema money.avsc: the subject "refunds-value" is that of topic refunds (line 9)',
        ),
        (
            SHARED.replace('"money"', '"ex.Order"'),
            {},
            'contracts.toml:2: schema order.avsc: the subject "ex.Order" is that of schema money.avsc (line 5)',
        ),
        (SHARED, {"money": {"type": "array", "items": "int"}}, "schema money.avsc: only a record, an enum or a fixed"),
        (SHARED, {"order": MONEY}, "schema order.avsc: ex.Money is defined in money.avsc as well"),
        ("schemas = 3\n" + SHARED.replace("schemas", "topics"), {}, 'expected tables [schemas."FILE.avsc"]'),
        (SHARED.replace("subject", "object"), {}, 'contracts.toml:6: schema money.avsc: unknown key "object"'),
        ("[history]\nsince = 3\n" + SHARED, {}, "contracts.toml:2: history: since: expected a commit or tag, found 3"),
        ("[history]\nfrom = 'a'\n" + SHARED, {}, 'contracts.toml:1: history: expected a table with the key "since"'),
    ],
)
def test_faults(contracts: str, schemas: dict[str, Any], expected: str) -> None:
    assert any(expected in fault for fault in faults(contracts, **schemas)), faults(contracts, **schemas)


def test_a_file_that_is_referred_to_needs_no_table() -> None:
    contracts = read(SHARED[SHARED.index("[topics") :])
    assert [(contract.subject, contract.compatibility) for contract in contracts.subjects] == [
        ("ex.Money", "FULL"),
        ("ex.Order", "FULL"),
        ("refunds-value", "FULL"),
    ]
    fault = faults(order={**ORDER, "fields": [{"name": "total", "type": "Gold"}]})[0]
    assert fault.startswith('order.avsc:8:12: not Avro: unknown type "Gold": expected')


def test_a_type_that_several_files_define_is_that_of_the_nearest_file() -> None:
    near = {**MONEY, "fields": [{"name": "pence", "type": "long"}]}
    contracts = SHARED[SHARED.index("[topics") :].replace("refund.avsc", "b/refund.avsc")
    schemas = {"b/refund": REFUND, "a/money": MONEY, "b/money": near, "money": MONEY, "b/order": ORDER}
    refund = read(contracts, **schemas).topic("refunds").required_schema
    assert [reference.schema.path.as_posix() for reference in refund.references] == ["b/order.avsc", "b/money.avsc"]


def test_several_topics_may_ask_different_levels_of_what_they_share() -> None:
    topic = '\n[topics.{}]\nvalue = "{}.avsc"\ncompatibility = "{}"\n'
    contracts = read(topic.format("o", "order", "BACKWARD") + topic.format("r", "refund", "FORWARD_TRANSITIVE"))
    levels = {contract.subject: contract.compatibility for contract in contracts.subjects}
    assert levels["ex.Money"] == "FULL_TRANSITIVE"
    assert levels["ex.Order"] == "FORWARD_TRANSITIVE"
