"""docker-compose.secure.yml: every program has a user and files of its own, and no secret in a variable."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from services.contracts import load_contracts
from tools.acls.programs import programs

ROOT = Path(__file__).parents[2]
PLAIN: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
OVERLAY: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.secure.yml").read_text())
# The console's database alone is what its migration reaches.
OURS = {name for name, service in PLAIN.items() if service["image"].endswith("-services")} - {"migrate-console"}


def test_every_program_is_in_the_overlay() -> None:
    assert OVERLAY["services"].keys() == OURS


@pytest.mark.parametrize("name", sorted(OURS - {"register-schemas"}))
def test_users_are_those_that_acls_are_for(name: str) -> None:
    environment = OVERLAY["services"][name]["environment"]
    assert name in {access.program for access in programs(load_contracts())}
    assert environment["KAFKA_CONFIG_SASL_USERNAME"] == name
    assert environment["KAFKA_CONFIG_SECURITY_PROTOCOL"] == "SASL_SSL"


@pytest.mark.parametrize("name", sorted(OURS))
def test_secrets_are_files_that_are_mounted(name: str) -> None:
    service = OVERLAY["services"][name]
    files = {value for value in service["environment"].values() if value.startswith("/run/secrets/")}
    assert files == {f"/run/secrets/{secret}" for secret in service["secrets"]}
    assert all(
        variable.endswith("_FILE")
        for variable in service["environment"]
        if "PASSWORD" in variable or "BASIC_AUTH" in variable
    )


def test_every_secret_is_declared_and_used() -> None:
    used = {secret for service in OVERLAY["services"].values() for secret in service["secrets"]}
    assert used == OVERLAY["secrets"].keys()
    assert all(each["file"].endswith(f"/{name}") for name, each in OVERLAY["secrets"].items())
