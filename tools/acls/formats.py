"""ACLs as text: for Kafka's own tool, for Strimzi, for Terraform, and for people."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from services.streaming.access import GROUP, PREFIXED, TOPIC, TRANSACTIONAL_ID, Permission


@dataclass(frozen=True)
class Acl:
    """A permission of a program's user.

    Attributes:
        program: Name of the service or command.
        principal: The user in Kafka's form, such as `User:detector`.
        permission: What it may do.
    """

    program: str
    principal: str
    permission: Permission


_KAFKA_OPTION = {TOPIC: "--topic", GROUP: "--group", TRANSACTIONAL_ID: "--transactional-id"}
_STRIMZI_TYPE = {TOPIC: "topic", GROUP: "group", TRANSACTIONAL_ID: "transactionalId"}
_TERRAFORM_TYPE = {TOPIC: "Topic", GROUP: "Group", TRANSACTIONAL_ID: "TransactionalID"}


def camel_case(word: str) -> str:
    """Return a constant of Kafka in the spelling of its tools: DESCRIBE_CONFIGS as DescribeConfigs."""
    return "".join(part.capitalize() for part in word.split("_"))


def as_kafka(acls: Sequence[Acl]) -> str:
    """Return a shell script that calls `kafka-acls.sh`; `BOOTSTRAP_SERVER` and `COMMAND_CONFIG` are its variables."""
    lines = [
        "#!/usr/bin/env bash",
        "set -euo pipefail",
        'add() { kafka-acls.sh --bootstrap-server "$BOOTSTRAP_SERVER" --command-config "$COMMAND_CONFIG" --add "$@"; }',
    ]
    for acl in acls:
        permission = acl.permission
        pattern = " --resource-pattern-type prefixed" if permission.pattern == PREFIXED else ""
        lines.append(
            f"add --allow-principal {_quoted(acl.principal)} --operation {camel_case(permission.operation)} "
            f"{_KAFKA_OPTION[permission.resource]} {_quoted(permission.name)}{pattern}"
        )
    return "\n".join(lines)


def as_strimzi(acls: Sequence[Acl]) -> str:
    """Return a KafkaUser of Strimzi for each user, of the cluster `kafka`."""
    documents = []
    for principal in dict.fromkeys(acl.principal for acl in acls):
        lines = [
            "apiVersion: kafka.strimzi.io/v1",
            "kind: KafkaUser",
            "metadata:",
            f"  name: {json.dumps(principal.removeprefix('User:'))}",
            "  labels: {strimzi.io/cluster: kafka}",
            "spec:",
            "  authentication: {type: scram-sha-512}",
            "  authorization:",
            "    type: simple",
            "    acls:",
        ]
        resources: dict[tuple[str, str, str], list[str]] = {}
        for permission in (acl.permission for acl in acls if acl.principal == principal):
            key = permission.resource, permission.name, permission.pattern
            resources.setdefault(key, []).append(camel_case(permission.operation))
        for (resource, name, pattern), operations in resources.items():
            pattern_type = "prefix" if pattern == PREFIXED else "literal"
            fields = f"type: {_STRIMZI_TYPE[resource]}, name: {json.dumps(name)}, patternType: {pattern_type}"
            lines += [
                f"      - resource: {{{fields}}}",
                f"        operations: [{', '.join(operations)}]",
            ]
        documents.append("\n".join(lines))
    return "\n---\n".join(documents)


def as_terraform(acls: Sequence[Acl]) -> str:
    """Return a resource `kafka_acl` of the provider Mongey/kafka for each ACL."""
    blocks = []
    for acl in acls:
        permission = acl.permission
        label = "_".join((acl.program, permission.resource, permission.name, permission.operation)).lower()
        values = {
            "acl_principal": acl.principal,
            "acl_host": "*",
            "acl_operation": camel_case(permission.operation),
            "acl_permission_type": "Allow",
            "resource_type": _TERRAFORM_TYPE[permission.resource],
            "resource_name": permission.name,
            "resource_pattern_type_filter": permission.pattern.capitalize(),
        }
        width = max(map(len, values))
        body = "\n".join(f"  {name:{width}} = {_hcl(value)}" for name, value in values.items())
        name = "".join(character if character.isalnum() else "_" for character in label).strip("_")
        blocks.append(f'resource "kafka_acl" "{name}" {{\n{body}\n}}')
    return "\n\n".join(blocks)


def as_table(acls: Sequence[Acl]) -> str:
    """Return a line for each resource of a user, with the operations on it."""
    rows: dict[tuple[str, str, str], list[str]] = {}
    for acl in acls:
        permission = acl.permission
        name = permission.name + ("*" if permission.pattern == PREFIXED else "")
        rows.setdefault((acl.principal, permission.resource.lower().replace("_", " "), name), []).append(
            camel_case(permission.operation)
        )
    cells = [("user", "resource", "name", "operations")]
    cells += [(*key, " ".join(operations)) for key, operations in rows.items()]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in cells)
    return "\n".join(line.rstrip() for line in lines)


FORMATS: Mapping[str, Callable[[Sequence[Acl]], str]] = {
    "table": as_table,
    "kafka": as_kafka,
    "strimzi": as_strimzi,
    "terraform": as_terraform,
}


def _quoted(text: str) -> str:
    """Return a text in single quotes of a shell."""
    return "'" + text.replace("'", "'\\''") + "'"


def _hcl(text: str) -> str:
    """Return a text as a string of HCL, in which templates begin with a dollar or per cent sign and a brace."""
    return json.dumps(text).replace("${", "$${").replace("%{", "%%{")
