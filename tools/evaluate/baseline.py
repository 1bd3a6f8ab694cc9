"""Baselines: figures stored in a file, and the comparison of a report with them."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from services.errors import ContractError
from tools.evaluate.metrics import Quality
from tools.evaluate.report import Report

TOLERANCE = 0.005
"""Tolerated decrease of a share: the verdicts are the same every time, this leaves room for tuning a rule."""
SLOWER = 1.1
"""Tolerated factor of the median time to detection."""

_DELAY = "seconds_to_detection"
_FIGURES = ("precision", "recall", "average_precision", "precision_at_100", "incidents_found")


@dataclass(frozen=True)
class Worse:
    """A figure that is worse than it was."""

    where: str
    figure: str
    before: float
    now: float | None

    def __str__(self) -> str:
        now = "none" if self.now is None else f"{self.now:.4g}"
        return f"{self.where}: {self.figure.replace('_', ' ')} was {self.before:.4g} and is {now}"


def baseline_of(report: Report) -> dict[str, Any]:
    """The figures of a report that a baseline stores: of all transactions and of each scenario."""
    parts = {"all": report.total, **{scenario.name: scenario.quality for scenario in report.scenarios}}
    return {
        "source": report.source,
        "transactions": report.total.transactions,
        "figures": {name: _figures(quality) for name, quality in parts.items()},
    }


def write_baseline(report: Report, path: Path) -> None:
    """Write the figures of a report to a file."""
    path.write_text(json.dumps(baseline_of(report), indent=2) + "\n", encoding="utf-8")


def compare(report: Report, path: Path) -> list[Worse]:
    """Figures that are worse than in a file.

    Raises:
        ContractError: The file is no baseline, or one of other transactions.
    """
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        before = {name: dict(figures) for name, figures in stored["figures"].items()}
        of = (stored["source"], stored["transactions"])
    except OSError as error:
        raise ContractError(f"{path}: can't read the baseline: {error.strerror}; --write-baseline makes one") from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ContractError(f"{path}: no baseline ({error}); --write-baseline makes one") from None
    if of != (report.source, report.total.transactions):
        raise ContractError(
            f"{path}: is of {of[1]} transactions of {of[0]}, and these are {report.total.transactions} of "
            f"{report.source}: figures of different transactions can't be compared"
        )
    return list(_worse(before, baseline_of(report)["figures"]))


def _worse(
    before: Mapping[str, Mapping[str, float | None]], now: Mapping[str, Mapping[str, float | None]]
) -> Iterator[Worse]:
    for where, figures in before.items():
        for figure, value in figures.items():
            present = now.get(where, {}).get(figure)
            if value is None:
                continue
            if figure == _DELAY:
                worse = present is None or present > value * SLOWER + 1
            else:
                worse = (present or 0.0) < value - TOLERANCE
            if worse:
                yield Worse(where, figure, value, present)


def _figures(quality: Quality) -> dict[str, float | None]:
    detection = quality.detection
    share = detection.found / detection.incidents if detection.incidents else None
    figures = (
        quality.precision, quality.recall, quality.average_precision, quality.precision_at_100, share
    )  # fmt: skip
    rounded = {name: None if value is None else round(value, 6) for name, value in zip(_FIGURES, figures, strict=True)}
    return rounded | {_DELAY: detection.seconds_p50}
