"""docker-compose.flink.yml and the image of Flink: containers that find one another, and nothing that is not there."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

from services.detector_flink.settings import FlinkSettings

ROOT = Path(__file__).parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.flink.yml").read_text())
SERVICES = COMPOSE["services"]


@pytest.fixture(scope="module")
def program() -> ModuleType:
    """The image's program, with the configuration beside it as in the image."""
    path = str(ROOT / "tools" / "local_flink")
    sys.path.insert(0, path)
    try:
        spec = importlib.util.spec_from_file_location("flink_run", ROOT / "deploy" / "flink" / "run.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(path)
        sys.modules.pop("configuration", None)
    return module


def test_each_container_runs_a_program_of_the_image(program: ModuleType) -> None:
    assert {service["command"][0] for service in SERVICES.values()} == set(program.PROGRAMS)


def test_containers_find_the_job_manager_by_its_name(program: ModuleType) -> None:
    properties = program.container_configuration("")
    assert properties["jobmanager.rpc.address"] == properties["rest.address"] == "jobmanager"
    assert "jobmanager" in SERVICES
    assert "taskmanager.host" not in properties
    assert {properties[f"{name}.bind-host"] for name in ("jobmanager", "taskmanager")} == {"0.0.0.0"}
    assert SERVICES["jobmanager"]["ports"] == [f"127.0.0.1:8082:{properties['rest.port']}"]


def test_state_is_on_a_volume_that_all_share(program: ModuleType) -> None:
    assert program.container_configuration("")["execution.checkpointing.dir"] == "file:///state/checkpoints"
    assert all("flink-state:/state" in service["volumes"] for service in SERVICES.values())


def test_properties_of_the_environment_come_last(program: ModuleType) -> None:
    properties = program.container_configuration("taskmanager.numberOfTaskSlots: 2\n\nrest.port: 9")
    assert (properties["taskmanager.numberOfTaskSlots"], properties["rest.port"]) == ("2", "9")


def test_the_job_gets_settings_that_exist_and_no_secret() -> None:
    known = {name.upper() for name in FlinkSettings.model_fields} | {"SCHEMA_REGISTRY_URL", "FLINK_PROPERTIES"}
    assert SERVICES["submit"]["environment"].keys() <= known


def test_containers_may_do_as_little_as_the_services() -> None:
    for service in SERVICES.values():
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["networks"] == ["kafka-network"]


def test_the_image_is_sent_what_it_copies() -> None:
    lines = (ROOT / "deploy" / "flink" / "Dockerfile").read_text().splitlines()
    copied = {source for line in lines if line.startswith("COPY") for source in line.split()[1:-1]}
    sent = (ROOT / "deploy" / "flink" / "Dockerfile.dockerignore").read_text().splitlines()
    assert all((ROOT / source).exists() for source in copied)
    assert {line[1:] for line in sent if line.startswith("!")} >= copied - {"avroguard/src/avroguard"}
