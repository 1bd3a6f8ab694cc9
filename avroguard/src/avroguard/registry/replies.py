"""Contents of a registry's replies, in the shape that its API promises or not at all."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote
from uuid import UUID

from avroguard.avro.canonical_form import same_content
from avroguard.avro.schema import Schema
from avroguard.errors import ContractError
from avroguard.registry.contexts import DEFAULT_CONTEXT, unqualified
from avroguard.registry.http import Reply


@dataclass(frozen=True)
class Registration:
    """Registered version of a schema.

    Attributes:
        subject: Under which subject.
        version: As which version of it, from 1.
        id: Under which id, which messages carry.
    """

    subject: str
    version: int
    id: int


@dataclass(frozen=True)
class RegisteredSchema:
    """A version of a subject.

    Attributes:
        subject: The subject.
        version: The version, from 1.
        id: The schema's id.
        schema: The schema as plain JSON data, references resolved.
        text: The schema as plain JSON data as it was registered, references and all.
        references: Name, subject and version of each type that it takes from another subject.
        metadata: Confluent's ``metadata``; None where there is none, or the registry keeps none.
        rule_set: Confluent's ``ruleSet``; None where there is none, or the registry keeps none.
        guid: The schema's GUID; None where the registry knows none.
    """

    subject: str
    version: int
    id: int
    schema: Any
    text: Any = None
    references: tuple[Mapping[str, Any], ...] = ()
    metadata: Mapping[str, Any] | None = None
    rule_set: Mapping[str, Any] | None = None
    guid: UUID | None = None

    @property
    def registration(self) -> Registration:
        """Return the subject, version and id under which the version is registered."""
        return Registration(self.subject, self.version, self.id)

    def holds(self, schema: Schema) -> bool:
        """Return whether the version is a schema, docs and aliases included, referring to the same subjects.

        Which versions of those it refers to does not count where they hold the same.
        """
        own = {(reference.get("name"), reference.get("subject")) for reference in self.references}
        same_references = own == {(reference.name, reference.subject) for reference in schema.references}
        return same_references and same_content(self.schema, schema.json)


def registered(
    subject: str, reply: Reply, body: dict[str, Any], resolved: Any, context: str = DEFAULT_CONTEXT
) -> RegisteredSchema:
    """A version as a reply tells it.

    Args:
        subject: The subject.
        reply: The parsed reply.
        body: Its body.
        resolved: The schema with its references resolved.
        context: The context that was asked: references to its subjects get their plain names.
    """
    return RegisteredSchema(
        subject,
        number(reply, body, "version"),
        number(reply, body, "id"),
        resolved,
        schema_json(reply, body),
        references_in(body, context),
        _table(body, "metadata"),
        _table(body, "ruleSet"),
        _guid(body.get("guid")),
    )


def references_in(body: dict[str, Any], context: str) -> tuple[Mapping[str, Any], ...]:
    """Return the references of a version, those to subjects of a context by their plain names."""
    references: Any = body.get("references")
    return tuple(
        {**reference, "subject": unqualified(str(reference.get("subject")), context)}
        for reference in (references if is_list(references) else ())
        if is_object(reference)
    )


def _guid(value: Any) -> UUID | None:
    try:
        return UUID(value)
    except (ValueError, TypeError, AttributeError):
        return None


def _table(body: dict[str, Any], key: str) -> dict[str, Any] | None:
    """A table without what is null in it, as Confluent fills in."""
    value = body.get(key)
    if not isinstance(value, dict):
        return None
    return {name: inner for name, inner in value.items() if inner is not None}


def is_object(body: Any) -> bool:
    """Return whether a body is a JSON object."""
    return isinstance(body, dict)


def is_list(body: Any) -> bool:
    """Return whether a body is a JSON array."""
    return isinstance(body, list)


def are_numbers(body: Any) -> bool:
    """Return whether a body is an array of numbers."""
    return is_list(body) and all(isinstance(item, int) for item in body)


def are_names(body: Any) -> bool:
    """Return whether a body is an array of strings."""
    return is_list(body) and all(isinstance(item, str) for item in body)


def are_uses(body: Any) -> bool:
    """Return whether a body is an array of uses of an id."""
    return is_list(body) and all(is_object(item) and isinstance(item.get("subject"), str) for item in body)


def are_context_ids(body: Any) -> bool:
    """Return whether a body is an array of contexts, each with the id that a schema has there."""
    return is_list(body) and all(
        is_object(item) and isinstance(item.get("context"), str) and isinstance(item.get("id"), int) for item in body
    )


def quoted(subject: str) -> str:
    """A subject as a part of a path."""
    return quote(subject, safe="")


def number(reply: Reply, body: dict[str, Any], key: str) -> int:
    """A number in a body; raises ContractError if there is none."""
    value = body.get(key)
    if not isinstance(value, int):
        raise ContractError(f'{reply.what}: {reply.endpoint} answered without a number "{key}"')
    return value


def schema_json(reply: Reply, body: dict[str, Any]) -> Any:
    """The schema in a reply, which holds it as a text of JSON."""
    try:
        return json.loads(body["schema"])
    except (KeyError, TypeError, ValueError):
        raise ContractError(f"{reply.what}: {reply.endpoint} answered without a schema in JSON") from None
