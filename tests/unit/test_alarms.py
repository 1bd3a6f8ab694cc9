"""Each alarm uses metrics that services export, and has its section of the runbook."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.prometheus import ALARMS, alarms, metrics_of
from tests.support.service_metrics import exported_names

ROOT = Path(__file__).parents[2]
RUNBOOK = ROOT / "docs" / "runbook.md"
RULES = alarms()


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_an_alarm_uses_metrics_that_services_export(rule: dict[str, Any]) -> None:
    used = metrics_of(rule["expr"])
    assert used or rule["alert"] == "FraudServiceDown"  # whose metric is Prometheus' own
    assert used - exported_names() == set()


def test_a_metric_that_no_service_exports_is_noticed() -> None:
    assert metrics_of("rate(fraud_detector_verdict_total[5m])") - exported_names()
    assert metrics_of('{__name__=~"fraud_(detector|notifer)_degraded"} > 0') - exported_names() == {
        "fraud_notifer_degraded"
    }


def test_each_alarm_has_a_section_of_the_runbook_and_each_section_an_alarm() -> None:
    sections = re.split(r"^## ", RUNBOOK.read_text(), flags=re.MULTILINE)[1:]
    titles = [section.partition("\n")[0] for section in sections]
    assert titles == [rule["alert"] for rule in RULES]
    for section in sections:
        assert re.findall(r"^\*\*(.*?):\*\*", section, re.MULTILINE) == ["Means", "Look at", "Do"], section


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_an_alarm_has_a_severity_and_a_link_to_its_section(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in {"critical", "warning"}
    assert rule["annotations"]["runbook_url"] == f"docs/runbook.md#{rule['alert'].lower()}"
    assert rule["annotations"]["summary"]


def test_each_alarm_fires_in_the_tests_of_promtool() -> None:
    tests = yaml.safe_load(ALARMS.with_name("alarms_test.yml").read_text())["tests"]
    fired = {case["alertname"] for test in tests for case in test["alert_rule_test"] if case["exp_alerts"]}
    assert fired == {rule["alert"] for rule in RULES}
