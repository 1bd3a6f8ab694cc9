"""The plain manifests of deploy/kustomize, as data."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
KUSTOMIZE = ROOT / "deploy" / "kustomize"


def plain_objects() -> list[dict[str, Any]]:
    """Return the objects of the base and of every component, without patches."""
    files = [*KUSTOMIZE.glob("base/*.yaml"), *KUSTOMIZE.glob("components/*/*.yaml")]
    documents = [each for file in sorted(files) for each in yaml.safe_load_all(file.read_text())]
    return [each for each in documents if each["kind"] not in {"Kustomization", "Component"}]


def pods(objects: list[dict[str, Any]]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield name and pod template of each object that makes pods."""
    for each in objects:
        if "template" in each.get("spec", {}):
            yield f"{each['kind']} {each['metadata']['name']}", each["spec"]["template"]


def containers(pod: dict[str, Any]) -> list[dict[str, Any]]:
    """Return all containers of a pod's spec."""
    return [*pod.get("initContainers", ()), *pod["containers"]]
