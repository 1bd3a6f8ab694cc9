"""Queries of the dashboard, as Grafana sends them."""

import json
import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

DASHBOARD = Path(__file__).parents[2] / "deploy" / "grafana" / "dashboard.json"
FALLBACK = " or vector(0)"
"""Shown in place of nothing; it fills no panel here."""


def dashboard_panels() -> list[dict[str, Any]]:
    """The panels that show something."""
    return [panel for panel in json.loads(DASHBOARD.read_text())["panels"] if panel["type"] != "row"]


def dashboard_queries(rate_interval: str, range_: str) -> Iterator[tuple[str, str]]:
    """Title and expression of each query, with Grafana's variables replaced and without the fallbacks."""
    for panel in dashboard_panels():
        for target in panel["targets"]:
            expression = target["expr"].replace("$__rate_interval", rate_interval).replace("$__range", range_)
            yield f"{panel['title']} {target['refId']}", expression.removesuffix(FALLBACK)


def has_values(series: Iterable[dict[str, Any]]) -> bool:
    """True where any series has a number."""
    return any(not math.isnan(float(value)) for each in series for _time, value in each["values"])
