"""A served registry of each product, contracts to register in it, and the commands by name."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from avroguard.cli import check, diff, drift, pull, register
from support.contract_files import ContractFiles
from support.registry_replay import PRODUCTS
from support.registry_server import Served, serving
from tests.integration.avroguard.test_registry_over_tls import write_certificate

COMMANDS: dict[str, Callable[[], int]] = {
    "avroguard register": lambda: register.main([]),
    "avroguard check": lambda: check.main(["--against", "registry"]),
    "avroguard diff": lambda: diff.main(["registry:one-value@1", "registry:one-value"]),
    "avroguard pull": lambda: pull.main(["one-value", "--to", "pulled", "--all-versions"]),
    "avroguard drift": lambda: drift.main([]),
}


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One certificate to trust: reading the system's hundreds would be most of the time that a command takes here."""
    file = tmp_path_factory.mktemp("tls") / "certificate.pem"
    write_certificate(file)
    return file


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch, certificate: Path) -> None:
    """The commands' client gives up soon."""
    monkeypatch.setenv("SCHEMA_REGISTRY_CA_FILE", str(certificate))
    monkeypatch.setattr("avroguard.registry.http._FIRST_PAUSE", 0.0)
    monkeypatch.setattr("avroguard.registry.recent_writes.VISIBLE_SECONDS", 0.2)
    monkeypatch.setenv("SCHEMA_REGISTRY_RETRIES", "1")


@pytest.fixture(params=PRODUCTS)
def served(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, impatient: None) -> Iterator[Served]:
    with serving(request.param) as one:
        monkeypatch.setenv("SCHEMA_REGISTRY_URL", one.url)
        yield one


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ContractFiles:
    """Transaction under one-value and two-value, both FULL_TRANSITIVE."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SCHEMAS_DIR", "schemas")
    return ContractFiles.make(tmp_path / "schemas", lambda name: name)
