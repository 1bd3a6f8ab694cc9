"""Rendering of the chart by Helm."""

import json
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from services.errors import UsageError
from tools.manifests.chart_files import CHART
from tools.manifests.objects import RELEASE, Manifest


def is_installed() -> bool:
    """Return whether there is a ``helm`` on the PATH."""
    return shutil.which("helm") is not None


def render(root: Path, values: Mapping[str, Any], *options: str) -> list[Manifest]:
    """Return the objects of the chart.

    Args:
        root: The repository.
        values: Values of the chart, nested.
        options: Further arguments of ``helm template``, such as ``--kube-version``.

    Raises:
        UsageError: Helm refuses the chart or the values.
    """
    done = subprocess.run(
        ["helm", "template", RELEASE, str(root / CHART), "--values", "-", *options],
        input=json.dumps(values),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise UsageError(f"helm template: {done.stderr.strip()}")
    return [document for document in yaml.safe_load_all(done.stdout) if document]
