"""ACLs as text, each read back by something else than what wrote it."""

import json
import re
import shlex
from typing import Any

import pytest
import yaml

from services.streaming.access import Permission
from tools.acls.__main__ import main
from tools.acls.formats import Acl, as_kafka, as_strimzi, as_table, as_terraform

ACLS = [
    Acl("detector", "User:detector", Permission("TOPIC", "in", "LITERAL", "READ")),
    Acl("detector", "User:detector", Permission("TOPIC", "in", "LITERAL", "DESCRIBE_CONFIGS")),
    Acl("detector", "User:detector", Permission("TRANSACTIONAL_ID", "fraud.", "PREFIXED", "WRITE")),
    Acl("odd", "User:CN=it's ${odd}", Permission("GROUP", "g$(x)", "LITERAL", "DESCRIBE")),
]


def test_the_script_for_kafka_passes_each_name_as_it_is() -> None:
    calls = [shlex.split(line) for line in as_kafka(ACLS).splitlines()[3:]]
    assert calls == [
        ["add", "--allow-principal", "User:detector", "--operation", "Read", "--topic", "in"],
        ["add", "--allow-principal", "User:detector", "--operation", "DescribeConfigs", "--topic", "in"],
        ["add", "--allow-principal", "User:detector", "--operation", "Write", "--transactional-id", "fraud.",
         "--resource-pattern-type", "prefixed"],
        ["add", "--allow-principal", "User:CN=it's ${odd}", "--operation", "Describe", "--group", "g$(x)"],
    ]  # fmt: skip


def test_strimzi_gets_a_user_with_operations_by_resource() -> None:
    users: list[dict[str, Any]] = list(yaml.safe_load_all(as_strimzi(ACLS)))
    assert [user["metadata"]["name"] for user in users] == ["detector", "CN=it's ${odd}"]
    assert {(user["apiVersion"], user["kind"]) for user in users} == {("kafka.strimzi.io/v1", "KafkaUser")}
    assert users[0]["spec"]["authorization"] == {
        "type": "simple",
        "acls": [
            {"resource": {"type": "topic", "name": "in", "patternType": "literal"},
             "operations": ["Read", "DescribeConfigs"]},
            {"resource": {"type": "transactionalId", "name": "fraud.", "patternType": "prefix"},
             "operations": ["Write"]},
        ],
    }  # fmt: skip


def test_terraform_gets_a_resource_for_each_with_a_name_of_its_own() -> None:
    text = as_terraform(ACLS)
    names = re.findall(r'resource "kafka_acl" "([a-z0-9_]+)" \{', text)
    assert len(set(names)) == len(names) == len(ACLS)
    blocks = [dict(re.findall(r"(\w+) += (\".*\")", block)) for block in text.split("\n\n")]
    assert json.loads(blocks[2]["resource_pattern_type_filter"]) == "Prefixed"
    assert json.loads(blocks[2]["resource_type"]) == "TransactionalID"
    assert blocks[3]["acl_principal"] == '"User:CN=it\'s $${odd}"'  # no template of HCL


def test_the_table_has_a_line_for_each_resource() -> None:
    assert as_table(ACLS[:3]).splitlines() == [
        "user           resource          name     operations",
        "User:detector  topic             in       Read DescribeConfigs",
        "User:detector  transactional id  fraud.*  Write",
    ]


@pytest.mark.parametrize(("arguments", "code", "text"), [
    (["generator"], 0, "User:generator  topic     queueing.transactions  Write"),
    (["generator", "--user", "generator=CN=g"], 0, "User:CN=g"),
    (["generator", "--user", "generator"], 2, "--user generator: expected PROGRAM=USER"),
    (["nobody"], 1, "there is no program nobody"),
])  # fmt: skip
def test_the_command(arguments: list[str], code: int, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == code
    output = capsys.readouterr()
    assert text in output.out + output.err


def test_prune_is_refused_alone() -> None:
    with pytest.raises(SystemExit) as end:
        main(["--prune"])
    assert end.value.code == 2
