"""The schemas that others refer to by name, as the tables ``[schemas."FILE.avsc"]`` of ``contracts.toml`` list them."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from avroguard.avro.document import Document, parse_json
from avroguard.avro.names import enclosed_namespace, full_name, suggestion
from avroguard.avro.references import foreign_names
from avroguard.avro.schema import Reference, Schema, parse_schema
from avroguard.config.subjects import SubjectContract, json_table, read_level
from avroguard.config.toml import toml_shown
from avroguard.config.tree import Tree
from avroguard.errors import ContractError
from avroguard.places import Place

_KEYS = ("subject", "compatibility", "metadata", "ruleSet")


class Fault(Protocol):
    """Takes what is wrong: a message, the file that it is about, and the key in its table."""

    def __call__(self, message: str, name: str | None = None, key: str | None = None) -> None:
        """Take it."""


class SharedSchemas:
    """Reads the shared schemas, each after those that it refers to.

    Args:
        tree: Where the files are.
        fault: Takes what is wrong with them.

    Attributes:
        types: What other schemas may refer to, by full name.
        loaded: The schema of each file; None where it is faulty.
        subjects: The subject of each file.
    """

    def __init__(self, tree: Tree, fault: Fault) -> None:
        self._tree = tree
        self._fault = fault
        self.types: dict[str, Reference] = {}
        self.loaded: dict[str, Schema | None] = {}
        self.subjects: dict[str, str] = {}

    def read(self, tables: Any, place: Callable[[str], Place]) -> tuple[SubjectContract, ...]:
        """The subjects of the tables, each after those that its schema refers to.

        Args:
            tables: The value of ``schemas`` in the file.
            place: Where the table of a file stands.
        """
        if not isinstance(tables, dict) or not all(isinstance(table, dict) for table in tables.values()):
            self._fault('expected tables [schemas."FILE.avsc"]', "")
            return ()
        documents = {name: document for name in tables if (document := self._document(name))}
        names = {_name(document.json): name for name, document in documents.items()}
        found = [
            self._subject(name, tables[name], documents[name], place(name)) for name in self._ordered(documents, names)
        ]
        return tuple(one for one in found if one)

    def _document(self, name: str) -> Document | None:
        self.loaded[name] = None
        try:
            content = None if "\0" in name else self._tree.read(name)
            if content is not None:
                return parse_json(self._tree.shown(name), content)
        except ContractError as error:
            self._fault(str(error))
            return None
        self._fault(f"no file {self._tree.shown(name)!r}; a schema file stands beside this one", name)
        return None

    def _ordered(self, documents: Mapping[str, Document], names: Mapping[str, str]) -> list[str]:
        """The files so that each comes after those that it refers to."""
        needs = {
            name: {names[used] for used in foreign_names(document.json) if used in names} - {name}
            for name, document in documents.items()
        }
        ordered: list[str] = []
        while len(ordered) < len(needs):
            free = [name for name in needs if name not in ordered and needs[name] <= set(ordered)]
            if not free:
                circle = [name for name in needs if name not in ordered]
                message = f"{' and '.join(circle)} refer to one another in a circle; move what they share to one file"
                self._fault(message, circle[0])
                break
            ordered += free
        return ordered

    def _subject(self, name: str, table: dict[str, Any], document: Document, place: Place) -> SubjectContract | None:
        for key in table:
            if key not in _KEYS:
                expected = suggestion(key, list(_KEYS)) or f"; expected one of {', '.join(_KEYS)}"
                self._fault(f'unknown key "{key}"{expected}', name, key)
        try:
            schema = self.loaded[name] = parse_schema(document.name, document.text.encode(), self.types)
        except ContractError as error:
            self._fault(str(error))
            return None
        if not isinstance(schema.document.json, dict) or "name" not in schema.document.json:
            self._fault("only a record, an enum or a fixed has a name to be referred to by", name)
            return None
        subject = table.get("subject", schema.name)
        if not isinstance(subject, str) or not subject:
            self._fault(f"subject: expected a name, found {toml_shown(subject)}", name, "subject")
            return None
        if schema.name in self.types:
            self._fault(f"{schema.name} is defined in {self.types[schema.name].schema.path} as well", name)
            return None
        self.types[schema.name] = Reference(schema.name, subject, schema)
        self.subjects[name] = subject
        level = read_level(table, lambda message: self._fault(message, name, "compatibility"))
        if level is None:
            return None
        metadata = json_table(table, "metadata", lambda message: self._fault(message, name, "metadata"))
        rule_set = json_table(table, "ruleSet", lambda message: self._fault(message, name, "ruleSet"))
        return SubjectContract(subject, schema, level, place, metadata, rule_set)


def _name(schema: Any) -> str:
    """The full name of what a file defines, as far as it is valid."""
    if isinstance(schema, dict) and isinstance(schema.get("name"), str):
        return full_name(schema["name"], enclosed_namespace(schema, ""))
    return ""
