"""docs/architecture.md says what the code does."""

import importlib.util
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import grimp
import pytest

from services.contracts import load_contracts

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
PACKAGES, DATA = re.findall(r"^```mermaid\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def _package(module: str) -> str:
    top, _, rest = module.partition(".")
    return rest.partition(".")[0] if top == "services" else top


def _imports() -> Iterator[tuple[str, str]]:
    graph = grimp.build_graph("avroguard", "services", cache_dir=None)
    for importer in graph.modules:
        for imported in graph.find_modules_directly_imported_by(importer):
            yield _package(importer), _package(imported)


def test_the_arrows_are_the_imports() -> None:
    drawn = re.findall(r"^ +(\w+) --> (\w+)$", PACKAGES, re.MULTILINE)
    assert len(drawn) == len(set(drawn)) == len(PACKAGES.splitlines()) - 1
    imports = {(a, b) for a, b in _imports() if a != b and "errors" not in (a, b) and "" not in (a, b)}
    assert set(drawn) == imports


def test_the_layers_of_avroguard_are_those_of_import_linter() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    (layers,) = (contract["layers"] for contract in contracts if contract.get("containers") == ["avroguard"])
    section = PAGE.partition("Inside `avroguard`")[2].partition("\n\n`rules`")[0]
    drawn = re.findall(r"^\| ([a-z_, ]+) \|", section, re.MULTILINE)
    assert drawn == ["layer", *(layer.replace(" | ", ", ") for layer in layers)]


def test_every_package_has_its_line() -> None:
    listed = re.findall(r"^\| \[?`([\w.]+)`", PAGE.partition("## The way of the data")[0], re.MULTILINE)
    folders = [f"services.{path.parent.name}" for path in ROOT.glob("services/*/__init__.py")]
    assert sorted(listed) == sorted([*folders, "avroguard", "tools", "benchmarks"])


def test_every_topic_is_in_the_picture() -> None:
    drawn = set(re.findall(r"\[\(([\w.-]+)\)\]", DATA))
    topics = {topic.name for topic in load_contracts().topics}
    # The same by the key that the input already has, for producers that can't be changed.
    assert drawn == topics - {"streaming.transactions.by-target"}


@pytest.mark.parametrize("module", sorted(set(re.findall(r"`((?:avroguard|services)\.[\w.]+)`", PAGE))))
def test_every_place_is_there(module: str) -> None:
    assert importlib.util.find_spec(module)


def test_the_glossary_is_in_order() -> None:
    words = re.findall(r"^\| (\S[^|]*) \|", PAGE.partition("## Glossary")[2], re.MULTILINE)[2:]
    assert len(words) > 20
    assert words == sorted(words)


def test_committed_offsets_are_asked_of_consumers() -> None:
    # The admin client's call ends the process where the coordinator of the group has moved (librdkafka 2.16).
    sources = [path for folder in ("services", "tools", "benchmarks") for path in (ROOT / folder).rglob("*.py")]
    assert len(sources) > 100
    assert not [path for path in sources if "list_consumer_group_offsets" in path.read_text()]
