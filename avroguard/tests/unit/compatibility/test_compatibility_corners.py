"""The corners that compatibility checkers get wrong."""

import pytest

from avroguard.compatibility import incompatibilities
from support.compatibility_cases import CASES, Case


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_corner(case: Case) -> None:
    assert tuple(finding.rule for finding in incompatibilities(case.new, case.old)) == case.new_reads_old
    assert tuple(finding.rule for finding in incompatibilities(case.old, case.new)) == case.old_reads_new
