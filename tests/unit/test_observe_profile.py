"""The profile observe of docker-compose.yml: pinned images, files that are there, ports of this machine alone."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
SERVICES: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
OBSERVERS = {name: each for name, each in SERVICES.items() if each.get("profiles") == ["observe"]}
DEPLOY = ROOT / "deploy"


def test_the_profile_brings_prometheus_alertmanager_and_grafana() -> None:
    assert set(OBSERVERS) == {"prometheus", "alertmanager", "grafana"}
    assert "observe" in SERVICES["mail-catcher"]["profiles"]  # takes the mails of alarms


@pytest.mark.parametrize("name", OBSERVERS)
def test_a_container_is_pinned_read_only_and_reached_from_this_machine_alone(name: str) -> None:
    service = OBSERVERS[name]
    assert re.fullmatch(r"[a-z/]+:v?\d+\.\d+\.\d+", service["image"])
    assert (service["read_only"], service["cap_drop"], service["security_opt"]) == (
        True,
        ["ALL"],
        ["no-new-privileges"],
    )
    assert all(port.startswith("127.0.0.1:") for port in service["ports"])
    mounted = [ROOT / volume.split(":")[0] for volume in service["volumes"] if volume.startswith("./")]
    assert mounted
    assert [path for path in mounted if not path.exists()] == []


def test_prometheus_looks_for_every_service_that_exports_metrics_by_its_name() -> None:
    config = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text())
    jobs = {job["job_name"]: job["dns_sd_configs"][0] for job in config["scrape_configs"]}
    exporting = {
        name: each["environment"]["METRICS_PORT"]
        for name, each in SERVICES.items()
        if "METRICS_PORT" in each.get("environment", {})
    }
    assert jobs == {
        f"fraud-{name}": {"names": [name], "type": "A", "port": port, "refresh_interval": "5s"}
        for name, port in exporting.items()
    }
    assert [target for each in config["alerting"]["alertmanagers"] for target in each["static_configs"]] == [
        {"targets": ["alertmanager:9093"]}
    ]
    assert all((DEPLOY / "prometheus" / name).is_file() for name in config["rule_files"])


def test_alertmanager_names_alarms_and_containers_that_are_there() -> None:
    config = yaml.safe_load((DEPLOY / "alertmanager" / "alertmanager.yml").read_text())
    alarms = (DEPLOY / "prometheus" / "alarms.yml").read_text()
    named = re.findall(r"alertname = (\w+)", yaml.safe_dump(config["inhibit_rules"]))
    assert named
    assert [name for name in named if f"alert: {name}\n" not in alarms] == []
    assert config["global"]["smtp_smarthost"].partition(":")[0] in SERVICES


def test_grafana_finds_prometheus_and_the_dashboard() -> None:
    provisioning = DEPLOY / "grafana" / "provisioning"
    (source,) = yaml.safe_load((provisioning / "datasources" / "prometheus.yml").read_text())["datasources"]
    (provider,) = yaml.safe_load((provisioning / "dashboards" / "fraud-detection.yml").read_text())["providers"]
    assert source["url"] == "http://prometheus:9090"
    targets = {volume.split(":")[1] for volume in OBSERVERS["grafana"]["volumes"]}
    assert f"{provider['options']['path']}/dashboard.json" in targets
