"""The plain manifests: safe pods, probes that exist, settings that exist, and what the contracts say."""

import importlib.util
import re
from typing import Any

import pytest
import yaml

from services.commands.create_topics import config_entries
from services.contracts import load_contracts
from tests.support.manifests import KUSTOMIZE, ROOT, containers, plain_objects, pods
from tests.support.pod_security import violations

OBJECTS = plain_objects()
PODS = dict(pods(OBJECTS))
SERVICES = {name: pod for name, pod in PODS.items() if not name.startswith("Job ")}
PATHS = {"startupProbe": "/livez", "livenessProbe": "/livez", "readinessProbe": "/readyz"}


def of_kind(kind: str) -> dict[str, dict[str, Any]]:
    return {each["metadata"]["name"]: each for each in OBJECTS if each["kind"] == kind}


def test_there_are_the_services_and_the_jobs() -> None:
    assert {name.rpartition("-")[2] for name in SERVICES} == {"detector", "notifier", "console", "generator"}
    assert {name.rpartition("-")[2] for name in PODS.keys() - SERVICES} == {"topics", "schemas", "migrations"}


@pytest.mark.parametrize("name", PODS)
def test_pods_meet_the_level_restricted(name: str) -> None:
    spec = PODS[name]["spec"]
    assert list(violations(spec)) == []
    assert spec["automountServiceAccountToken"] is False
    assert spec["enableServiceLinks"] is False  # variables of services would look like settings
    for container in containers(spec):
        assert container["securityContext"]["readOnlyRootFilesystem"] is True
        assert "memory" in container["resources"]["limits"]
        assert container["resources"]["requests"].keys() == {"cpu", "memory"}


def test_what_the_level_refuses_is_found() -> None:
    container = {"name": "x", "securityContext": {"privileged": True, "runAsUser": 0}, "ports": [{"hostPort": 1}]}
    pod = {"hostNetwork": True, "volumes": [{"name": "v", "hostPath": {}}], "containers": [container]}
    assert len(list(violations(pod))) == 9


@pytest.mark.parametrize("name", SERVICES)
def test_probes_ask_endpoints_that_exist_and_no_broker(name: str) -> None:
    (container,) = SERVICES[name]["spec"]["containers"]
    for probe, path in PATHS.items():
        assert container[probe]["httpGet"] == {"path": path, "port": "metrics"}
    assert {"name": "metrics", "containerPort": 9464} in container["ports"]
    endpoints = (ROOT / "services" / "streaming" / "endpoints.py").read_text()
    assert all(f'"{path}"' in endpoints for path in PATHS.values())


@pytest.mark.parametrize("name", PODS)
def test_programs_and_settings_exist(name: str) -> None:
    settings = set(re.findall(r"^\| `([A-Z_]+)` \|", (ROOT / "docs" / "settings.md").read_text(), re.MULTILINE))
    for container in containers(PODS[name]["spec"]):
        assert importlib.util.find_spec(container["args"][0])
        for variable in container.get("env", ()):
            plain = variable["name"].removesuffix("_FILE")
            assert plain in settings or plain.startswith("KAFKA_CONFIG_"), variable["name"]
    connection = (KUSTOMIZE / "base" / "connection.env").read_text()
    assert {line.partition("=")[0] for line in connection.splitlines()} <= settings


def test_no_manifest_has_a_secret() -> None:
    assert of_kind("Secret") == {}
    variables = [each for pod in PODS.values() for one in containers(pod["spec"]) for each in one.get("env", ())]
    secret = re.compile("PASSWORD|SECRET|TOKEN|BASIC_AUTH|DATABASE_URL")
    assert all(each["name"].endswith("_FILE") for each in variables if secret.search(each["name"]))


def test_detector_and_console_keep_their_names() -> None:
    stateful = of_kind("StatefulSet")
    assert {name.rpartition("-")[2] for name in stateful} == {"detector", "console"}
    for each in stateful.values():
        (container,) = each["spec"]["template"]["spec"]["containers"]
        instance = next(variable for variable in container["env"] if variable["name"] == "INSTANCE_ID")
        assert instance["valueFrom"] == {"fieldRef": {"fieldPath": "metadata.name"}}
        headless = of_kind("Service")[each["spec"]["serviceName"]]
        assert headless["spec"]["clusterIP"] == "None"
        assert headless["spec"]["publishNotReadyAddresses"] is True


@pytest.mark.parametrize("kind", ["StatefulSet", "Deployment", "Service", "PodDisruptionBudget", "NetworkPolicy"])
def test_selectors_select_pods(kind: str) -> None:
    labels = [pod["metadata"]["labels"].items() for pod in PODS.values()]
    for name, each in of_kind(kind).items():
        selector = each["spec"].get("podSelector", each["spec"].get("selector"))
        wanted = selector.get("matchLabels", selector).items()
        assert any(wanted <= those for those in labels), name


def test_services_with_several_replicas_have_a_disruption_budget() -> None:
    budgets = of_kind("PodDisruptionBudget")
    assert {name.rpartition("-")[2] for name in budgets} == {"detector", "notifier", "console"}
    assert all(each["spec"]["maxUnavailable"] == 1 for each in budgets.values())


def test_topics_are_those_of_the_contracts() -> None:
    contracts = {topic.name: topic for topic in load_contracts().topics}
    topics = of_kind("KafkaTopic")
    assert topics.keys() == contracts.keys()
    for name, each in topics.items():
        spec = each["spec"]
        assert (spec["topicName"], spec["partitions"]) == (name, contracts[name].partitions)
        assert {key: str(value) for key, value in spec["config"].items() if key != "min.insync.replicas"} == (
            config_entries(contracts[name])
        )


def test_scaling_knows_the_partitions_and_never_goes_to_zero() -> None:
    (scaled,) = of_kind("ScaledObject").values()
    (trigger,) = scaled["spec"]["triggers"]
    partitions = load_contracts().topic(trigger["metadata"]["topic"]).partitions
    assert 1 <= scaled["spec"]["minReplicaCount"] <= scaled["spec"]["maxReplicaCount"] <= partitions
    assert "idleReplicaCount" not in scaled["spec"]
    assert scaled["spec"]["scaleTargetRef"]["name"] in of_kind("StatefulSet")


def test_all_traffic_is_denied_but_what_is_named() -> None:
    policies = of_kind("NetworkPolicy")
    everything = policies["fraud-detection-all"]["spec"]
    assert set(everything["policyTypes"]) == {"Ingress", "Egress"}
    for each in policies.values():
        for rule in [*each["spec"].get("ingress", ()), *each["spec"].get("egress", ())]:
            assert rule["ports"]  # a rule without ports would allow all of them


def test_kustomizations_name_every_file() -> None:
    for path in KUSTOMIZE.glob("*/**/kustomization.yaml"):
        kustomization = yaml.safe_load(path.read_text())
        beside = {file.name for file in path.parent.glob("*.yaml")} - {path.name}
        named = {each for each in kustomization.get("resources", ()) if not each.startswith("..")}
        assert named == beside, path


def test_the_alarms_are_those_of_prometheus() -> None:
    alarms = yaml.safe_load((ROOT / "deploy" / "prometheus" / "alarms.yml").read_text())
    assert [each["spec"] for each in of_kind("PrometheusRule").values()] == [alarms]


def test_users_have_the_acls_that_their_programs_declare() -> None:
    users = of_kind("KafkaUser")
    assert {name.removeprefix("fraud-detection-") for name in users} == {
        "detector", "notifier", "console", "generator", "topics",
    }  # fmt: skip
    acls = users["fraud-detection-detector"]["spec"]["authorization"]["acls"]
    transactional = next(each for each in acls if each["resource"]["type"] == "transactionalId")
    assert transactional["resource"] == {"type": "transactionalId", "name": "fraud-detector.", "patternType": "prefix"}
    readers = {name for name, each in users.items() for acl in each["spec"]["authorization"]["acls"]
               if acl["resource"]["name"].endswith(".by-source") and "Write" in acl["operations"]}  # fmt: skip
    assert readers == {"fraud-detection-detector"}
