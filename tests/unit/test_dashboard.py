"""The dashboard is what Grafana imports, and shows metrics that services export."""

import itertools
from typing import Any

import pytest

from tests.support.dashboard import dashboard_panels, dashboard_queries
from tests.support.prometheus import metrics_of
from tests.support.service_metrics import exported_names

PANELS = dashboard_panels()


@pytest.mark.parametrize(("title", "expression"), list(dashboard_queries("1m", "1h")), ids=lambda text: text[:40])
def test_a_panel_shows_metrics_that_services_export(title: str, expression: str) -> None:
    used = metrics_of(expression)
    assert used or "ALERTS" in expression
    assert used - exported_names() == set()


def test_panels_have_ids_of_their_own_and_do_not_overlap() -> None:
    assert len({panel["id"] for panel in PANELS}) == len(PANELS) > 30
    for one, other in itertools.combinations(PANELS, 2):
        assert not overlap(one["gridPos"], other["gridPos"]), (one["title"], other["title"])


def test_each_panel_asks_the_chosen_data_source() -> None:
    assert {panel["datasource"]["uid"] for panel in PANELS} == {"${datasource}"}


def overlap(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return all(
        one[start] < other[start] + other[size] and other[start] < one[start] + one[size]
        for start, size in (("x", "w"), ("y", "h"))
    )
