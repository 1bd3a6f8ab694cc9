"""Kubernetes objects as data, and where their files stand."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

Manifest = dict[str, Any]

RELEASE = "fraud-detection"
FOLDER = Path("deploy/kustomize")
BASE = FOLDER / "base"
COMPONENTS = FOLDER / "components"
EXAMPLE = FOLDER / "overlays" / "example"

_HEADER = "# Written by scripts/manifests: change the chart, the contracts or the alarms.\n"


def identity(manifest: Manifest) -> tuple[str, str]:
    """Return kind and name of an object."""
    return manifest["kind"], manifest["metadata"]["name"]


def dump(documents: Sequence[Mapping[str, Any]]) -> str:
    """Return a YAML file of documents."""
    return _HEADER + "---\n".join(
        yaml.dump(document, Dumper=_Dumper, sort_keys=False, width=120) for document in documents
    )


class _Dumper(yaml.SafeDumper):
    """Dumper that writes texts of several lines as such."""


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _represent_text)
