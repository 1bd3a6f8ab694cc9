"""The schema files of a tree: each parsed once, with the types of other files that it uses."""

import posixpath
from collections.abc import Iterable, Iterator, Mapping, Sequence

from avroguard.avro.document import Document, parse_json
from avroguard.avro.names import definitions, type_name
from avroguard.avro.references import foreign_names
from avroguard.avro.schema import Reference, Schema, check_document
from avroguard.config.tree import Tree
from avroguard.errors import ContractError
from avroguard.findings import Finding, InvalidSchemaError
from avroguard.places import Place

_CIRCLE = "these files refer to one another in a circle"


class SchemaFiles:
    """The schemas of a tree, by the name of their file; a type of another file is found by its full name.

    Where several files define a type of one name, the nearest one counts: in the same directory, else in the one that
    shares the longest path. Those that ``subjects`` names go first.

    Args:
        tree: The tree with the files.
        like: The same files in another tree: what is alike there is not read again.

    Attributes:
        subjects: The subjects of files that others refer to, where it is not the full name of their type.
    """

    def __init__(self, tree: Tree, like: "SchemaFiles | None" = None) -> None:
        self._tree = tree
        self._like = like
        self._documents: dict[str, Document | ContractError] = {}
        self._schemas: dict[str, Schema | ContractError] = {}
        self._loading: list[str] = []
        self._defining: dict[str, list[str]] | None = None
        self._names: tuple[str, ...] | None = None
        self.subjects: dict[str, str] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """Every schema file of the tree."""
        if self._names is None:
            self._names = tuple(self._tree.schema_files())
        return self._names

    def shown(self, name: str) -> str:
        """The file as messages call it."""
        return self._tree.shown(name)

    def document(self, name: str) -> Document | None:
        """The JSON of a file; None where there is no such file.

        Raises:
            ContractError: If it is no JSON.
        """
        if name not in self._documents:
            try:
                content = None if "\0" in name else self._tree.read(name)
                if content is None:
                    return None
                self._documents[name] = self._known(name, content) or parse_json(self._tree.shown(name), content)
            except ContractError as error:
                self._documents[name] = error
        entry = self._documents[name]
        if isinstance(entry, ContractError):
            raise entry
        return entry

    def _known(self, name: str, content: bytes) -> Document | None:
        """Return the document of the tree beside, where its content is the same."""
        if self._like is None:
            return None
        known = self._like._documents.get(name)  # noqa: SLF001 - its own class
        return known if isinstance(known, Document) and known.text.encode() == content else None

    def schema(self, name: str) -> Schema | None:
        """The schema of a file, references resolved; None where there is no such file.

        Raises:
            ContractError: If it is no schema.
        """
        if name not in self._schemas:
            try:
                document = self.document(name)
                if document is None:
                    return None
                self._schemas[name] = self._checked(name, document)
            except ContractError as error:
                self._schemas[name] = error
        entry = self._schemas[name]
        if isinstance(entry, ContractError):
            raise entry
        return entry

    def _checked(self, name: str, document: Document) -> Schema:
        self._loading.append(name)
        try:
            types = self.types_for(name, document)
        finally:
            self._loading.pop()
        known = self._like._schemas.get(name) if self._like else None  # noqa: SLF001 - its own class
        if isinstance(known, Schema) and known.document is document and self._same(known, types):
            return known
        return check_document(document, types)

    @staticmethod
    def _same(schema: Schema, types: Mapping[str, Reference]) -> bool:
        return {reference.name: id(reference.schema) for reference in schema.references} == {
            name: id(reference.schema) for name, reference in types.items()
        }

    def types_for(self, name: str, document: Document) -> dict[str, Reference]:
        """The types of other files that a schema uses itself, as far as they are found, by full name.

        Raises:
            ContractError: If a file that it uses is no schema.
        """
        types = {}
        for full in foreign_names(document.json):
            file = self.file_defining(full, name)
            if file is None:
                continue
            if file in self._loading:
                circle = self._loading[self._loading.index(file) :]
                message = f"{_CIRCLE}: {' and '.join(map(self._tree.shown, circle))}"
                fix = "move what they share to one file"
                raise InvalidSchemaError([Finding(document.where(), "TYPE_UNKNOWN", message, fix)])
            schema = self.schema(file)
            if schema is not None:
                types[full] = Reference(full, self.subjects.get(file, full), schema)
        return types

    def file_defining(self, full: str, near: str) -> str | None:
        """The file that defines a type of this full name as its outermost one; the nearest of several."""
        files = [name for name in self._definitions.get(full, ()) if name != near]
        return nearest([name for name in files if name in self.subjects] or files, near)

    def name_of(self, schema: Schema) -> str:
        """The file of a schema that was read from here."""
        return next(name for name, known in self._schemas.items() if known is schema)

    def loaded(self) -> tuple[str, ...]:
        """The files that were asked for as schemas, so far."""
        return tuple(self._schemas)

    def defined_names(self) -> set[str]:
        """The full name of every type that a file defines, nested ones included."""
        names: set[str] = set()
        for name in self.names:
            try:
                document = self.document(name)
            except ContractError:
                continue
            names |= definitions(document.json).keys() if document else set()
        return names

    def types(self) -> dict[str, Reference]:
        """Every type that a file defines as its outermost one, by full name, as far as it is valid."""
        types = {}
        for full in self._definitions:
            file = self.file_defining(full, "")
            try:
                schema = self.schema(file) if file else None
            except ContractError:
                continue
            if file and schema is not None:
                types[full] = Reference(full, self.subjects.get(file, full), schema)
        return types

    @property
    def _definitions(self) -> Mapping[str, Sequence[str]]:
        if self._defining is None:
            self._defining = {}
            for name in dict.fromkeys((*self.subjects, *self.names)):
                try:
                    document = self.document(name)
                except ContractError:
                    continue
                if document is not None and (full := type_name(document.json)):
                    self._defining.setdefault(full, []).append(name)
        return self._defining

    def in_order(self, names: Sequence[str]) -> Iterator[str]:
        """The files so that each comes after those that it refers to, as far as they refer in no circle."""
        done: dict[str, None] = {}

        def visit(name: str) -> None:
            if name not in done:
                done[name] = None
                try:
                    document = self.document(name)
                except ContractError:
                    document = None
                used = foreign_names(document.json) if document else ()
                for file in filter(None, (self.file_defining(full, name) for full in used)):
                    visit(file)
                ordered.append(name)

        ordered: list[str] = []
        for name in names:
            visit(name)
        return (name for name in ordered if name in names)


def findings_of(error: ContractError, file: str) -> list[Finding]:
    """Return the faults of a schema file as findings.

    Args:
        error: Why it is no schema.
        file: The file, as messages call it.
    """
    if isinstance(error, InvalidSchemaError):
        return list(error.findings)
    return [Finding(Place(file, 1), "CONTRACTS_INVALID", str(error).removeprefix(f"{file}: "))]


def nearest(files: Iterable[str], to: str) -> str | None:
    """The file in the same directory as another, else the one that shares the longest path with it."""
    return min(files, key=lambda name: (-_shared_parts(name, to), name), default=None)


def _shared_parts(name: str, other: str) -> int:
    """Return how many directories two files have in common, counted from the root; more for the same directory."""
    first, second = (posixpath.dirname(path).split("/") for path in (name, other))
    shared = 0
    for directory, counterpart in zip(first, second, strict=False):
        if directory != counterpart:
            break
        shared += 1
    return 1000 if first == second else shared
