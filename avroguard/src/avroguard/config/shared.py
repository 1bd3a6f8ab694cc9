"""The schemas that others refer to by name: the tables ``[schemas."FILE.avsc"]``, and files without a table."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from avroguard.avro.names import suggestion, type_name
from avroguard.avro.schema import Schema
from avroguard.config.inspection import ContractsReader
from avroguard.config.subjects import SubjectContract, TopicContract, json_table, read_level
from avroguard.errors import ContractError
from avroguard.toml_source import toml_shown

_KEYS = ("subject", "compatibility", "metadata", "ruleSet")


class SharedSchemas:
    """Reads the shared schemas, each after those that it refers to.

    A file that is referred to needs no table: its subject is then the full name of its type, and its level what those
    that use it ask, taken together.

    Args:
        reader: Reads the file.
    """

    def __init__(self, reader: ContractsReader) -> None:
        self._reader = reader
        self._files = reader.files
        self._tables: dict[str, dict[str, Any]] = {}

    def register(self, tables: Any) -> None:
        """Make the subjects of the tables known, for the references to their files."""
        if not isinstance(tables, dict) or not all(isinstance(table, dict) for table in tables.values()):
            self._reader.fault('expected tables [schemas."FILE.avsc"]', ("schemas",))
            return
        self._tables = tables
        for name, table in tables.items():
            subject = table.get("subject")
            self._files.subjects[name] = subject if isinstance(subject, str) and subject else self._own_name(name)

    def _own_name(self, name: str) -> str:
        try:
            document = self._files.document(name)
        except ContractError:
            return name
        return type_name(document.json) or name if document else name

    def read(self, topics: Sequence[TopicContract]) -> tuple[SubjectContract, ...]:
        """The subjects of the tables and of what the topics refer to besides, each after those that it refers to."""
        by_table = [contract for name in self._files.in_order(list(self._tables)) if (contract := self._subject(name))]
        without_table: dict[str, SubjectContract] = {}
        tabled = {contract.subject for contract in by_table}
        for contract in (*by_table, *(contract for topic in topics for contract in topic.subjects)):
            for subject, schema in _referred_to(contract.schema):
                if subject in tabled:
                    continue
                known = without_table.setdefault(
                    subject, SubjectContract(subject, schema, contract.compatibility, contract.place)
                )
                level = known.compatibility.combined_with(contract.compatibility)
                without_table[subject] = replace(known, compatibility=level)
        return _each_after_its_references([*without_table.values(), *by_table])

    def _subject(self, name: str) -> SubjectContract | None:
        table = self._tables[name]
        for key in table:
            if key not in _KEYS:
                expected = suggestion(key, list(_KEYS)) or f"; expected one of {', '.join(_KEYS)}"
                self._fault(f'unknown key "{key}"{expected}', name, key)
        subject = table.get("subject", "subject")
        if not isinstance(subject, str) or not subject:
            self._fault(f"subject: expected a name, found {toml_shown(subject)}", name, "subject")
        level = read_level(table, lambda message: self._fault(message, name, "compatibility"))
        metadata = json_table(table, "metadata", lambda message: self._fault(message, name, "metadata"))
        rule_set = json_table(table, "ruleSet", lambda message: self._fault(message, name, "ruleSet"))
        schema = self._schema(name)
        if schema is None or level is None:
            self._reader.invalid.setdefault(self._files.subjects[name], tuple(self._reader.faults[-1:]))
            return None
        place = self._reader.place(("schemas", name))
        return SubjectContract(self._files.subjects[name], schema, level, place, metadata, rule_set)

    def _schema(self, name: str) -> Schema | None:
        try:
            schema = self._files.schema(name)
        except ContractError as error:
            self._reader.refuse_schema(name, self._files.subjects[name], error)
            return None
        if schema is None:
            self._fault(f"no file {self._files.shown(name)!r}; a schema file stands beside this one", name)
            return None
        full = type_name(schema.document.json)
        if not full:
            self._fault("only a record, an enum or a fixed has a name to be referred to by", name)
            return None
        others = [other for other in self._tables if other < name and self._own_name(other) == full]
        if others:
            self._fault(f"{full} is defined in {self._files.shown(others[0])} as well", name)
            return None
        return schema

    def _fault(self, message: str, name: str, key: str = "") -> None:
        self._reader.fault(f"schema {name}: {message}", ("schemas", name, key))


def _referred_to(schema: Schema) -> Iterator[tuple[str, Schema]]:
    """The subjects and schemas that a schema refers to, and those that they refer to, before them."""
    for reference in schema.references:
        yield from _referred_to(reference.schema)
        yield reference.subject, reference.schema


def _each_after_its_references(contracts: Sequence[SubjectContract]) -> tuple[SubjectContract, ...]:
    by_schema = {id(contract.schema): contract for contract in contracts}
    ordered: dict[int, SubjectContract] = {}
    for contract in contracts:
        for _, schema in _referred_to(contract.schema):
            if id(schema) in by_schema:
                ordered.setdefault(id(schema), by_schema[id(schema)])
        ordered.setdefault(id(contract.schema), contract)
    return tuple(ordered.values())
