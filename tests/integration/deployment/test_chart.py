"""The chart rendered by Helm: what it refuses, and that the plain manifests describe the same objects."""

import json
import shutil
import subprocess
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml

from services.errors import UsageError
from tests.support.manifests import KUSTOMIZE, ROOT, pods
from tests.support.pod_security import violations
from tools.manifests.helm import is_installed, render
from tools.manifests.kustomize import PLACEHOLDERS, VALUES, without_helm
from tools.manifests.objects import Manifest, identity

pytestmark = pytest.mark.skipif(not is_installed(), reason="no helm on the PATH")

ADDRESSES = {"kafka": {"brokers": "b:9092"}, "schemaRegistry": {"url": "http://r"}}
SECURED = {
    "image": {"repository": "registry.example.com/fraud", "digest": f"sha256:{'a' * 64}"},
    "imagePullSecrets": [{"name": "pull"}],
    "kafka": {
        "brokers": "b:9093",
        "config": {"security.protocol": "SASL_SSL", "sasl.mechanism": "SCRAM-SHA-512"},
        "caSecret": {"name": "kafka-cluster-ca-cert"},
        "authentication": "scram",
    },
    "schemaRegistry": {
        "url": "https://r",
        "basicAuthSecret": {"name": "registry"},
        "caSecret": {"name": "registry-ca"},
    },
    "detector": {"rules": "[rules]\n", "autoscaling": {"enabled": True, "authenticationRef": "kafka"}},
    "notifier": {"notifications": "[route]\n", "secretName": "notifier"},
    "console": {
        "enabled": True,
        "url": "https://fraud.example.com",
        "databaseSecret": {"name": "db"},
        "oidcSecret": {"name": "oidc"},
        "ingress": {"enabled": True, "className": "nginx", "tlsSecret": "tls"},
    },
    "generator": {"enabled": True},
    "topics": {"manage": "job"},
    "monitoring": {key: {"enabled": True} for key in ("serviceMonitor", "prometheusRule", "dashboards")},
}
SUPPORTED = ("1.32", "1.33", "1.34", "1.35", "1.36", "1.37")
OPERATORS = {"kafka.strimzi.io/v1", "keda.sh/v1alpha1", "monitoring.coreos.com/v1"}
"""API versions of operators, whose objects Kubernetes' own schemas do not know."""

VARIANTS: dict[str, dict[str, Any]] = {"least": ADDRESSES, "secured": SECURED} | {
    name: {**ADDRESSES, **values} for name, values in VALUES.items()
}
chart = partial(render, ROOT)


@pytest.mark.parametrize("name", VARIANTS)
def test_pods_of_every_variant_meet_the_level_restricted(name: str) -> None:
    templates = list(pods(chart(VARIANTS[name])))
    assert len(templates) >= 3
    assert {pod: list(violations(template["spec"])) for pod, template in templates} == {pod: [] for pod, _ in templates}


def test_helm_lints_the_chart() -> None:
    folder = str(ROOT / "deploy/helm/fraud-detection")
    done = subprocess.run(
        ["helm", "lint", "--strict", folder, "--values", "-"],
        input=json.dumps(SECURED),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("version", SUPPORTED)
def test_objects_are_those_of_every_kubernetes_in_support(version: str, tmp_path: Path) -> None:
    if shutil.which("kubernetes-validate") is None:
        pytest.skip("no kubernetes-validate on the PATH")
    file = tmp_path / "objects.yaml"
    known = [each for each in chart(SECURED, "--kube-version", version) if each["apiVersion"] not in OPERATORS]
    file.write_text(yaml.safe_dump_all(known))
    done = subprocess.run(
        ["kubernetes-validate", "--kubernetes-version", version, "--strict", str(file)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(known) > 20


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({}, "kafka.brokers"),
        ({**ADDRESSES, "detectors": {}}, "detectors"),
        ({**ADDRESSES, "detector": {"autoscaling": {"minReplicas": 0}}}, "minReplicas"),
        ({**ADDRESSES, "detector": {"autoscaling": {"enabled": True, "maxReplicas": 5}}}, "at most 4"),
        ({**SECURED, "detector": {"autoscaling": {"enabled": True}}}, "authenticationRef"),
        ({**ADDRESSES, "detector": {"settings": {"allowed lateness": "1"}}}, "allowed lateness"),
        ({**ADDRESSES, "kafka": {"brokers": "b", "config": {"sasl.password": "x"}}}, "sasl.password"),
        ({**ADDRESSES, "image": {"digest": "sha256:1"}}, "digest"),
        ({**ADDRESSES, "console": {"enabled": True}}, "console.url"),
    ],
)  # fmt: skip
def test_wrong_values_are_refused_by_name(values: dict[str, Any], reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        chart(values)


def test_secrets_are_files_and_the_image_is_that_of_the_digest() -> None:
    detector = next(pod for name, pod in pods(chart(SECURED)) if name == "StatefulSet fraud-detection-detector")["spec"]
    (container,) = detector["containers"]
    assert container["image"] == f"registry.example.com/fraud@sha256:{'a' * 64}"
    environment = {each["name"]: each.get("value") for each in container["env"]}
    assert environment["KAFKA_CONFIG_SASL_USERNAME"] == "fraud-detection-detector"
    assert environment["KAFKA_CONFIG_SASL_PASSWORD_FILE"] == "/run/secrets/kafka/password"
    assert environment["SCHEMA_REGISTRY_BASIC_AUTH_FILE"] == "/run/secrets/registry/basic-auth"
    mounts = {each["mountPath"]: each["name"] for each in container["volumeMounts"]}
    volumes = {each["name"]: each for each in detector["volumes"]}
    assert volumes[mounts["/run/secrets/kafka"]]["secret"]["secretName"] == "fraud-detection-detector"
    assert volumes[mounts["/rules"]]["configMap"]["name"] == "fraud-detection-rules"


def test_as_hooks_the_jobs_need_nothing_of_the_release() -> None:
    jobs = [each for each in chart(SECURED) if each["kind"] == "Job"]
    assert [each["metadata"]["name"].rpartition("-")[2] for each in jobs] == ["topics", "schemas", "migrations"]
    for each in jobs:
        assert each["metadata"]["annotations"]["helm.sh/hook"] == "pre-install,pre-upgrade"
        spec = each["spec"]["template"]["spec"]
        assert "serviceAccountName" not in spec
        assert all("envFrom" not in container for container in spec["containers"])
        assert all("configMap" not in volume for volume in spec["volumes"])


def test_a_changed_job_has_another_name_without_hooks() -> None:
    def names(tag: str) -> set[str]:
        objects = chart({**PLACEHOLDERS, "image": {"tag": tag}})
        return {each["metadata"]["name"] for each in objects if each["kind"] == "Job"}

    assert names("1") == names("1")
    assert not names("1") & names("2")


@pytest.mark.parametrize("component", ["", *VALUES])
def test_plain_manifests_describe_the_objects_of_the_chart(component: str, tmp_path: Path) -> None:
    if shutil.which("kubectl") is None:
        pytest.skip("no kubectl on the PATH")
    values = {**PLACEHOLDERS, **VALUES.get(component, {})}
    expected = {identity(each): _comparable(each) for each in without_helm(chart(values))}
    plain = {identity(each): _comparable(each) for each in _built(tmp_path / "kustomize", component)}
    assert plain == expected


def _built(kustomize: Path, component: str) -> list[Manifest]:
    """Build the base with a component; the settings of the connection have their own name again."""
    shutil.copytree(KUSTOMIZE, kustomize)
    (kustomize / "kustomization.yaml").write_text(
        json.dumps({"resources": ["base"], "components": [f"components/{component}"] if component else []})
    )
    text = _kustomize(kustomize)
    name = next(line.split()[-1] for line in text.splitlines() if "name: fraud-detection-connection-" in line)
    return [each for each in yaml.safe_load_all(text.replace(name, "fraud-detection-connection")) if each]


def _kustomize(folder: Path) -> str:
    return subprocess.run(["kubectl", "kustomize", str(folder)], capture_output=True, text=True, check=True).stdout


def _comparable(manifest: Manifest) -> Manifest:
    """Leave out the component's label of the settings, which kustomize generates."""
    if identity(manifest) == ("ConfigMap", "fraud-detection-connection"):
        manifest["metadata"]["labels"].pop("app.kubernetes.io/component", None)
    return manifest
