"""The rules catch what they caught: figures on a fixed stream against those that are kept in the repository.

Where a change is meant to make a figure worse, write the file anew: ``scripts/evaluate`` with the arguments below,
``--rules`` and ``--write-baseline``.
"""

from pathlib import Path

import pytest

from services.detection.settings import DEFAULT_RULES
from tools.evaluate.__main__ import evaluate, parsed
from tools.evaluate.baseline import compare

ROOT = Path(__file__).parents[3]

# Ten times as much fraud as in the standard mix, so that a short stream has many incidents.
STREAM = (
    "--scenarios", "fan-in=0.01,rapid-fire=0.01,structuring=0.01,account-takeover=0.005",
    "--seed", "1", "--transactions", "60000", "--accounts", "5000", "--rate", "0.2",
)  # fmt: skip


@pytest.mark.parametrize(
    ("rules", "baseline"),
    [
        (DEFAULT_RULES, "quality-of-default-rules.json"),
        (ROOT / "docs/examples/rules-for-accounts.toml", "quality-of-rules-for-accounts.json"),
    ],
    ids=["default", "for-accounts"],
)
def test_no_figure_is_worse_than_it_was(rules: Path, baseline: str) -> None:
    path = ROOT / "tests" / "data" / baseline
    report = evaluate(parsed(["--rules", str(rules), *STREAM]))
    worse = compare(report, path)
    again = (
        f"scripts/evaluate --rules {rules.relative_to(ROOT)} {' '.join(STREAM)} --write-baseline tests/data/{baseline}"
    )
    assert not worse, "\n".join([*map(str, worse), f"if that is meant: {again}"])
