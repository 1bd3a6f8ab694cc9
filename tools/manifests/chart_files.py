"""Files of the chart, which can read no file beside it, and manifests that follow from contracts and alarms.

Both need no Helm, so that a topic or an alarm can be added without it.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from services.commands.create_topics import config_entries
from services.contracts import Contracts
from tools.acls.__main__ import acls_of
from tools.acls.formats import as_strimzi
from tools.acls.programs import chosen, programs
from tools.manifests.objects import COMPONENTS, EXAMPLE, RELEASE, Manifest, dump

CHART = Path("deploy/helm/fraud-detection")
_FILES = CHART / "files"
_COPIED = {"alarms": ("deploy/prometheus", "alarms.yml"), "dashboards": ("deploy/grafana", "*.json")}
_REPLICAS, _MIN_INSYNC = 3, 2  # as in values.yaml

_USERS = {name: name for name in ("detector", "notifier", "console", "generator")} | {"create-topics": "topics"}
"""Component of the chart by program of `scripts/acls`."""

Files = dict[Path, str]


def chart_files(root: Path, contracts: Contracts) -> Files:
    """Return the content of each generated file of the chart by its path in the repository.

    Args:
        root: The repository.
        contracts: What each topic carries.
    """
    files = {
        _FILES / "topics.json": json.dumps(_topics(contracts), indent=2) + "\n",
        _FILES / "users.json": json.dumps(_users(contracts), indent=2) + "\n",
    }
    for folder, (source, pattern) in _COPIED.items():
        for path in sorted((root / source).glob(pattern)):
            files[_FILES / folder / path.name] = path.read_text(encoding="utf-8")
    return files


def plain_files(root: Path, files: Mapping[Path, str]) -> Files:
    """Return the plain manifests that the chart makes of these files, and the rules of the example.

    Args:
        root: The repository.
        files: The generated files of the chart.
    """
    version = yaml.safe_load((root / CHART / "Chart.yaml").read_text(encoding="utf-8"))["appVersion"]
    labels = {
        "app.kubernetes.io/name": "fraud-detection",
        "app.kubernetes.io/instance": RELEASE,
        "app.kubernetes.io/version": version,
    }
    copies = {folder: _in_folder(files, folder) for folder in _COPIED}
    return {
        COMPONENTS / "strimzi-topics" / "topics.yaml": dump(
            [_topic(each, labels) for each in json.loads(files[_FILES / "topics.json"])]
        ),
        COMPONENTS / "strimzi-users" / "users.yaml": dump(
            [_user(component, acls, labels) for component, acls in json.loads(files[_FILES / "users.json"]).items()]
        ),
        COMPONENTS / "monitoring" / "alarms.yaml": dump(
            [_alarms(path, text, labels) for path, text in copies["alarms"].items()]
        ),
        COMPONENTS / "monitoring" / "dashboards.yaml": dump(
            [_dashboard(path, text, labels) for path, text in copies["dashboards"].items()]
        ),
        EXAMPLE / "rules.toml": (root / "services/detection/rules.toml").read_text(encoding="utf-8"),
    }


def superfluous(root: Path, files: Mapping[Path, str]) -> list[Path]:
    """Return the files in the chart's generated folders that nothing generates any more."""
    present = (path for path in (root / _FILES).rglob("*") if path.is_file())
    return sorted(relative for path in present if (relative := path.relative_to(root)) not in files)


def digest(root: Path) -> str:
    """Return the SHA-256 digest of the chart's own files by name and content; generated ones don't count."""
    total = hashlib.sha256()
    for path in sorted((root / CHART).rglob("*")):
        relative = path.relative_to(root)
        if path.is_file() and not relative.is_relative_to(_FILES):
            total.update(f"{relative.as_posix()} {hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return total.hexdigest()


def _topics(contracts: Contracts) -> list[dict[str, Any]]:
    return [
        {"name": topic.name, "partitions": topic.partitions, "config": _typed(config_entries(topic))}
        for topic in contracts.topics
    ]


def _users(contracts: Contracts) -> dict[str, list[dict[str, Any]]]:
    """Return the least ACLs of each component, as `scripts/acls` has them, in Strimzi's form."""
    users = yaml.safe_load_all(as_strimzi(acls_of(chosen(programs(contracts), list(_USERS)))))
    return {_USERS[user["metadata"]["name"]]: user["spec"]["authorization"]["acls"] for user in users}


def _typed(entries: Mapping[str, str]) -> dict[str, str | int]:
    return {name: int(value) if value.isdecimal() else value for name, value in sorted(entries.items())}


def _in_folder(files: Mapping[Path, str], folder: str) -> Files:
    return {path: text for path, text in files.items() if path.parent == _FILES / folder}


def _topic(topic: Mapping[str, Any], labels: Mapping[str, str]) -> Manifest:
    return {
        "apiVersion": "kafka.strimzi.io/v1",
        "kind": "KafkaTopic",
        "metadata": {"name": topic["name"], "labels": {**labels, "strimzi.io/cluster": "kafka"}},
        "spec": {
            "topicName": topic["name"],
            "partitions": topic["partitions"],
            "replicas": _REPLICAS,
            "config": {**topic["config"], "min.insync.replicas": _MIN_INSYNC},
        },
    }


def _user(component: str, acls: list[dict[str, Any]], labels: Mapping[str, str]) -> Manifest:
    return {
        "apiVersion": "kafka.strimzi.io/v1",
        "kind": "KafkaUser",
        "metadata": {"name": f"{RELEASE}-{component}", "labels": {**labels, "strimzi.io/cluster": "kafka"}},
        "spec": {
            "authentication": {"type": "scram-sha-512"},
            "authorization": {"type": "simple", "acls": acls},
        },
    }


def _alarms(path: Path, text: str, labels: Mapping[str, str]) -> Manifest:
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": f"{RELEASE}-{path.stem}", "labels": dict(labels)},
        "spec": yaml.safe_load(text),
    }


def _dashboard(path: Path, text: str, labels: Mapping[str, str]) -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": f"{RELEASE}-dashboard-{path.stem}", "labels": {**labels, "grafana_dashboard": "1"}},
        "data": {path.name: text},
    }
