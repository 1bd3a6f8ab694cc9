"""A served registry of each product, contracts to register in it, and the commands by name."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.contract_files import ContractFiles
from support.registry_replay import PRODUCTS
from support.registry_server import Served, serving
from tests.support.certificates import write_certificates


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One certificate to trust: reading the system's hundreds would be most of the time that a command takes here."""
    return write_certificates(tmp_path_factory.mktemp("tls")).authority


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch, certificate: Path) -> None:
    """The commands' client gives up soon."""
    monkeypatch.setenv("SCHEMA_REGISTRY_CA_FILE", str(certificate))
    monkeypatch.setattr("avroguard.registry.http._FIRST_PAUSE", 0.0)
    monkeypatch.setattr("avroguard.registry.recent_writes.VISIBLE_SECONDS", 0.2)
    monkeypatch.setenv("SCHEMA_REGISTRY_RETRIES", "1")


@pytest.fixture(params=PRODUCTS)
def served(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, impatient: None) -> Iterator[Served]:
    with serving(request.param) as server:
        monkeypatch.setenv("SCHEMA_REGISTRY_URL", server.url)
        yield server


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ContractFiles:
    """Transaction under one-value and two-value, both FULL_TRANSITIVE."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SCHEMAS_DIR", "schemas")
    return ContractFiles.make(tmp_path / "schemas", lambda name: name)
