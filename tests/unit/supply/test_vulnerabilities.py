"""Reports of pip-audit."""

import json

import pytest

from services.errors import Unavailable
from tools.supply.vulnerabilities import parse


def test_vulnerabilities_are_named_with_the_version_that_mends_them() -> None:
    dependencies = [
        {"name": "a", "version": "1", "vulns": [{"id": "CVE-1", "fix_versions": ["1.1", "2"]}]},
        {"name": "b", "version": "2", "vulns": [{"id": "CVE-2", "fix_versions": []}]},
        {"name": "c", "version": "3", "vulns": []},
        {"name": "d", "skip_reason": "not found"},
    ]
    report = parse(json.dumps({"dependencies": dependencies}))
    assert (report.audited, report.unknown) == (3, 1)
    assert report.vulnerabilities == ("a 1: CVE-1, fixed in 1.1, 2", "b 2: CVE-2, not fixed yet")


@pytest.mark.parametrize("output", ["", "Traceback", "{}"])
def test_no_report_is_no_clean_report(output: str) -> None:
    with pytest.raises(Unavailable, match="not looked up"):
        parse(output)
