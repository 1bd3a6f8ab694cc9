"""The report of a training as JSON, and as text on a terminal."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from tools.history.formatting import number, score, share
from tools.tables import Column, Grid
from tools.train.figures import Ranking
from tools.train.time_split import DAY_MS
from tools.train.training import TrainingReport

_MOST_FEATURES = 12


def as_json(report: TrainingReport) -> dict[str, Any]:
    """Return the figures for programs."""
    model = report.model
    return {
        "model": {
            "name": model.name,
            "features_digest": model.features_digest,
            "contract_fingerprint": model.contract_fingerprint,
            "trees": len(model.trees),
            "settings": dict(model.settings),
        },
        "source": report.source,
        "training": asdict(model.training),
        "test": {**asdict(model.test), "left_out_known_payers": report.left_out},
        "per_day": report.per_day,
        "contenders": {
            contender.name: {
                "all": asdict(contender.all),
                "scenarios": {name: asdict(figures) for name, figures in contender.scenarios.items()},
            }
            for contender in report.contenders
        },
        "ceiling": asdict(report.ceiling),
        "scenario_rows": dict(report.scenario_rows),
        "calibration": [asdict(part) for part in report.calibration],
        "importance": dict(report.importance),
        "alert_rates": [asdict(rate) for rate in model.alert_rates],
    }


def cells(figures: Ranking) -> list[str]:
    """Return the figures of a ranking for people."""
    return [
        score(figures.auc),
        score(figures.average_precision),
        share(figures.precision_at),
        share(figures.card_precision_at),
    ]


def time_range(begin_ms: int, end_ms: int) -> str:
    """Return two days in words, both inclusive."""
    return f"{np.datetime64(begin_ms // DAY_MS, 'D')} to {np.datetime64(end_ms // DAY_MS, 'D')}"


def show(report: TrainingReport, file: Path, console: Console) -> None:
    """Print the figures."""
    model = report.model
    for words, data in (("trained on", model.training), ("tested on", model.test)):
        time = time_range(data.begin_ms, data.end_ms)
        console.print(f"{words} {data.rows:,} transactions of {time}, {data.fraud:,} of them fraud", highlight=False)
    if report.left_out:
        console.print(f"not tested: {report.left_out:,} of payers whose fraud was known by then", highlight=False)
    console.print()
    grid = Grid([Column(name, words=name == "") for name in headings(report)], console.width)
    for contender in report.contenders:
        grid.add([contender.name, "all", number(model.test.fraud), *cells(contender.all)])
    grid.add(["perfect", "all", number(model.test.fraud), *cells(report.ceiling)], style="dim")
    for contender in report.contenders:
        for name, figures in contender.scenarios.items():
            grid.add([contender.name, name, number(report.scenario_rows[name]), *cells(figures)])
    console.print(grid.table)
    console.print("\nfeatures by how far they move the score (mean change of the log-odds)")
    for name, mean in list(report.importance.items())[:_MOST_FEATURES]:
        console.print(f"  {mean:6.3f}  {name}", highlight=False)
    console.print(f"\n{file}: written", highlight=False)


def headings(report: TrainingReport) -> list[str]:
    """Return the heads of a table of figures."""
    places = (f"precision at {report.per_day}", f"card precision at {report.per_day}")
    return ["", "fraud of", "count", "AUC", "average precision", *places]
