"""Changes of Avro schemas, as people make them and as they don't: for tests that compare two versions of a schema."""

import copy
from collections.abc import Iterator
from random import Random
from typing import Any

from support.avro_schemas import (
    FIELDS,
    LOGICAL,
    NAMED,
    NAMES,
    NAMESPACES,
    PRIMITIVES,
    SYMBOLS,
    SchemaGenerator,
    Site,
    default_of,
    defined_name,
    definitions,
    distinct,
    full_name,
    inner_namespace,
    lookup,
    sites,
)

PROMOTED = {"int": ["long", "float", "double"], "long": ["float", "double"], "float": ["double"],
            "string": ["bytes"], "bytes": ["string"]}  # fmt: skip


def pairs(seed: int, count: int) -> Iterator[tuple[Any, Any, list[str]]]:
    """Random schemas, each with a mutated copy and the names of its one to three mutations."""
    random = Random(seed)
    for _ in range(count):
        schema = SchemaGenerator(random).schema()
        yield schema, *mutated(schema, random)


def mutated(schema: Any, random: Random) -> tuple[Any, list[str]]:
    """A copy of a schema after one to three mutations, valid again."""
    mutation = _Mutation(schema, random)
    count, applied = random.choice([1, 1, 2, 3]), []
    for _ in range(20):
        name = random.choice(MUTATIONS)
        if getattr(mutation, name)():
            applied.append(name)
        if len(applied) == count:
            break
    return mutation.result(), applied


class _Mutation:
    """A schema on its way to another; each method is one mutation and says whether it found a place for itself."""

    def __init__(self, schema: Any, random: Random) -> None:
        self.random = random
        self.generator = SchemaGenerator(random)
        self.root = [copy.deepcopy(schema)]
        self.before = definitions(schema)

    def result(self) -> Any:
        known = definitions(self.root[0])
        _Repair({**self.before, **known}, set(known)).repair(self.root, 0, None)
        known = definitions(self.root[0])
        for field, namespace in self._fields():
            if "default" in field and not _fits(field["default"], field["type"], known, namespace):
                del field["default"]
                self.generator.give_default(field, known, namespace)
        return self.root[0]

    def change_type(self) -> bool:
        site = self.random.choice(list(sites(self.root, 0)))
        site.container[site.key] = self.generator.type(2, site.namespace)
        return True

    def promote(self) -> bool:
        if site := self._any(lambda site: site.type in PROMOTED if isinstance(site.type, str) else False):
            site.container[site.key] = self.random.choice(PROMOTED[site.type])
        return site is not None

    def change_primitive(self) -> bool:
        if site := self._any(lambda site: isinstance(site.type, str) and site.type in PRIMITIVES):
            site.container[site.key] = self.random.choice(PRIMITIVES)
        return site is not None

    def change_logical_type(self) -> bool:
        if site := self._any(lambda site: isinstance(site.type, dict) and "logicalType" in site.type):
            same = [logical for logical in LOGICAL if logical["type"] == site.type["type"]]
            site.container[site.key] = copy.deepcopy(self.random.choice([site.type["type"], *same]))
        return site is not None

    def wrap(self) -> bool:
        site = self._any(lambda site: not isinstance(site.type, list))
        old = site.type if site else None
        if site:
            site.container[site.key] = self.random.choice(
                [["null", old], [old, "null"], [old], {"type": "array", "items": old}, {"type": "map", "values": old}]
            )
        return site is not None

    def unwrap(self) -> bool:
        if site := self._any(lambda site: isinstance(site.type, list) and site.type):
            site.container[site.key] = self.random.choice(site.type)
        return site is not None

    def add_branch(self) -> bool:
        if site := self._any(lambda site: isinstance(site.type, list)):
            branch = self.generator.type(2, site.namespace, union=False)
            site.type.insert(self.random.randrange(len(site.type) + 1), branch)
        return site is not None

    def remove_branch(self) -> bool:
        if site := self._any(lambda site: isinstance(site.type, list) and len(site.type) > 1):
            site.type.pop(self.random.randrange(len(site.type)))
        return site is not None

    def reorder_branches(self) -> bool:
        if site := self._any(lambda site: isinstance(site.type, list) and len(site.type) > 1):
            self.random.shuffle(site.type)
        return site is not None

    def add_field(self) -> bool:
        if site := self._kind("record"):
            free = [name for name in FIELDS if name not in {field["name"] for field in site.type["fields"]}]
            if not free:
                return False
            field = self.generator.field(self.random.choice(free), 3, inner_namespace(site.type, site.namespace))
            site.type["fields"].insert(self.random.randrange(len(site.type["fields"]) + 1), field)
        return site is not None

    def remove_field(self) -> bool:
        if site := self._kind("record", "fields"):
            site.type["fields"].pop(self.random.randrange(len(site.type["fields"])))
        return site is not None

    def reorder_fields(self) -> bool:
        if site := self._kind("record", "fields"):
            self.random.shuffle(site.type["fields"])
        return site is not None

    def rename_field(self) -> bool:
        if site := self._kind("record", "fields"):
            free = [name for name in FIELDS if name not in {field["name"] for field in site.type["fields"]}]
            field = self.random.choice(site.type["fields"])
            if not free:
                return False
            if self.random.random() < 0.6:
                field["aliases"] = [*field.get("aliases", []), field["name"]]
            field["name"] = self.random.choice(free)
        return site is not None

    def alias_field(self) -> bool:
        if fields := list(self._fields()):
            field, _ = self.random.choice(fields)
            field["aliases"] = self.random.sample(FIELDS, self.random.choice([0, 1, 1]))
        return bool(fields)

    def change_default(self) -> bool:
        if fields := list(self._fields()):
            field, namespace = self.random.choice(fields)
            if field.pop("default", NAMED) is NAMED or self.random.random() < 0.3:
                self.generator.give_default(field, definitions(self.root[0]), namespace)
        return bool(fields)

    def change_symbols(self) -> bool:
        if site := self._kind("enum"):
            site.type["symbols"] = self.random.sample(SYMBOLS, self.random.randrange(1, 5))
            if site.type.get("default") not in site.type["symbols"]:
                site.type.pop("default", None)
        return site is not None

    def change_enum_default(self) -> bool:
        if (site := self._kind("enum")) and site.type.pop("default", None) is None:
            site.type["default"] = self.random.choice(site.type["symbols"])
        return site is not None

    def change_size(self) -> bool:
        if site := self._kind("fixed"):
            site.type["size"] += self.random.choice([0, 4, 4])
        return site is not None

    def fixed_to_bytes(self) -> bool:
        if site := self._kind("fixed"):
            site.container[site.key] = "bytes"
        return site is not None

    def rename_type(self) -> bool:
        """Renames a type wherever it is used, or moves it to another namespace, with or without an alias."""
        if not (known := definitions(self.root[0])):
            return False
        old = self.random.choice(list(known))
        space, _, short = old.rpartition(".")
        new = full_name(
            self.random.choice([short, *NAMES]), self.random.choice([space or None, space or None, *NAMESPACES])
        )
        if new in known:
            return False
        _qualify(self.root, 0, None, known, {old: new})
        if self.random.random() < 0.5:
            aliases = definitions(self.root[0])[new].setdefault("aliases", [])
            aliases.append(self.random.choice([old, old, short]))
        return True

    def alias_type(self) -> bool:
        if site := self._kind(*NAMED):
            site.type["aliases"] = [
                self.random.choice([full_name(self.random.choice(NAMES), self.random.choice(NAMESPACES)), ".A", "B"])
            ]
        return site is not None

    def _any(self, matches: Any) -> Site | None:
        matching = [site for site in sites(self.root, 0) if matches(site)]
        return self.random.choice(matching) if matching else None

    def _kind(self, *kinds_or_key: str) -> Site | None:
        *kinds, key = kinds_or_key if "fields" in kinds_or_key else (*kinds_or_key, "type")
        kinds = [*kinds, "error"] if "record" in kinds else kinds
        return self._any(lambda site: isinstance(site.type, dict) and site.type["type"] in kinds and site.type[key])

    def _fields(self) -> Iterator[tuple[dict[str, Any], str | None]]:
        for site in sites(self.root, 0):
            if isinstance(site.container, dict) and site.key == "type":
                yield site.container, site.namespace


MUTATIONS = [name for name in vars(_Mutation) if not name.startswith("_") and name != "result"]


def _qualify(container: Any, key: Any, namespace: str | None, known: dict[str, Any], renamed: dict[str, str]) -> None:
    """Writes every name in full, some of them changed."""
    for site in list(sites(container, key, namespace)):
        schema = site.type
        if isinstance(schema, str) and schema not in PRIMITIVES:
            name = lookup(schema, site.namespace, known) or schema
            site.container[site.key] = renamed.get(name, name)
        elif isinstance(schema, dict) and schema["type"] in NAMED:
            schema["aliases"] = [
                full_name(alias, inner_namespace(schema, site.namespace)) for alias in schema.get("aliases", [])
            ]
            schema["_name"] = renamed.get(name := defined_name(schema, site.namespace), name)
    for site in sites(container, key, namespace):
        if isinstance(site.type, dict) and "_name" in site.type:
            space, _, site.type["name"] = site.type.pop("_name").rpartition(".")
            site.type["namespace"] = space


class _Repair:
    """Repair of a schema: a second definition becomes a reference, a lost one comes back where it is used."""

    def __init__(self, known: dict[str, Any], defined: set[str]) -> None:
        self.known = known
        self.defined = defined
        self.seen: set[str] = set()

    def repair(self, container: Any, key: Any, namespace: str | None) -> None:
        schema = container[key]
        if isinstance(schema, str) and schema not in PRIMITIVES:
            name = lookup(schema, namespace, self.known)
            if name is None:
                container[key] = "int"
            elif name not in self.defined | self.seen:
                space, _, short = name.rpartition(".")
                container[key] = {**copy.deepcopy(self.known[name]), "name": short, "namespace": space}
                self.repair(container, key, namespace)
        elif isinstance(schema, list):
            for index in range(len(schema)):
                self.repair(schema, index, namespace)
            container[key] = distinct(schema, namespace, self.known)
        elif isinstance(schema, dict) and schema["type"] in ("array", "map"):
            self.repair(schema, "items" if schema["type"] == "array" else "values", namespace)
        elif isinstance(schema, dict) and schema["type"] in NAMED:
            name = defined_name(schema, namespace)
            if name in self.seen:
                container[key] = name
                return
            self.seen.add(name)
            for field in schema.get("fields", []):
                self.repair(field, "type", inner_namespace(schema, namespace))


def _fits(default: Any, schema: Any, known: dict[str, Any], namespace: str | None) -> bool:
    """Return whether a default is surely still valid: of the form that a default made anew would have."""
    fresh = default_of(schema, known, namespace, Random(0))
    return type(default) is type(fresh) and not isinstance(default, dict | str)
