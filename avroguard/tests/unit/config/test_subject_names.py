"""The subjects of a topic: its key, its values, and how a strategy names them."""

import json

import pytest

from avroguard.config.subjects import Contracts
from avroguard.config.topics import read_contracts
from avroguard.errors import ContractError
from support.contracts_file import Files


def record(name: str) -> bytes:
    return json.dumps({"type": "record", "name": name, "namespace": "shop", "fields": []}).encode()


def read(contracts: str) -> Contracts:
    schemas = {"k.avsc": record("Key"), "o.avsc": record("Order"), "p.avsc": record("Payment")}
    return read_contracts(Files({"contracts.toml": contracts.encode(), **schemas}))


def subjects(contracts: str) -> list[str]:
    return [contract.subject for contract in read(contracts).subjects]


TOPIC = '[topics.t]\nkey = "k.avsc"\nvalue = "o.avsc"\ncompatibility = "FULL"\n'


def test_a_key_is_a_subject_beside_the_values() -> None:
    assert subjects(TOPIC) == ["t-value", "t-key"]
    topic = read(TOPIC).topic("t")
    assert (topic.partitions, topic.retention_ms) == (0, 0)
    assert subjects(TOPIC.replace('"k.avsc"', '"bytes"')) == ["t-value"]
    assert subjects(TOPIC.replace('"o.avsc"', '"bytes"')) == ["t-key"]


@pytest.mark.parametrize(
    ("strategy", "expected"),
    [
        ("topic", ["t-value", "t-key"]),
        ("record", ["shop.Order", "shop.Key"]),
        ("topic-record", ["t-shop.Order", "t-shop.Key"]),
    ],
)
def test_a_strategy_names_the_subjects(strategy: str, expected: list[str]) -> None:
    assert subjects(f'{TOPIC}subject_name_strategy = "{strategy}"\n') == expected


def test_a_topic_named_by_record_may_carry_several() -> None:
    several = TOPIC.replace('"o.avsc"', '["o.avsc", "p.avsc"]')
    assert subjects(f'{several}subject_name_strategy = "record"\n') == ["shop.Order", "shop.Payment", "shop.Key"]
    with pytest.raises(ContractError, match=r"contracts.toml:3: topic t: value: several schemas need subject_name_st"):
        read(several)


def test_topics_share_a_subject_named_by_record_at_one_level_alone() -> None:
    by_record = 'value = "o.avsc"\nsubject_name_strategy = "record"\ncompatibility = "{}"\n'
    both = "[topics.t]\n" + by_record.format("FULL") + "[topics.u]\n" + by_record
    assert subjects(both.format("FULL")) == ["shop.Order"]
    with pytest.raises(ContractError, match=r'contracts.toml:5: topic u: the subject "shop.Order" is that of topic t'):
        read(both.format("NONE"))
