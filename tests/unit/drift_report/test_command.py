"""A drift report tells what changed since training, by its exit code as well."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from services.rules.models.distribution import distribution_of
from services.rules.models.model_file import render_model
from services.rules.models.scoring_model import CheckedRow
from tests.support.feature_tables import feature_columns, write_table
from tests.support.models import random_model
from tools.drift_report.__main__ import main

NAMES = ("amount", "risk", "noise")


@pytest.fixture
def model(tmp_path: Path) -> Path:
    columns = feature_columns(4000)
    values = [np.asarray(columns[name]) for name in NAMES]
    made = replace(random_model(), features=NAMES, distributions=tuple(map(distribution_of, values)))
    made = replace(made, score_distribution=distribution_of(made.scores(values, 4000)))
    score = float(made.scores([np.zeros(1)] * 3, 1)[0])
    path = tmp_path / "cards.json"
    path.write_bytes(render_model(replace(made, checks=(CheckedRow((0.0, 0.0, 0.0), score),))))
    return path


def test_data_as_in_training_end_with_0(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recent = write_table(tmp_path / "f.parquet", feature_columns(4000, seed=2), NAMES)
    assert main(["--model", str(model), "--features", str(recent)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "model cards, 4,000 transactions: 0 of 4 numbers changed"
    assert all("as in training" in line for line in lines[1:])


def test_amounts_in_cents_end_with_1(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    columns = feature_columns(4000, seed=2)
    columns["amount"] = columns["amount"] * 100
    recent = write_table(tmp_path / "f.parquet", columns, NAMES)
    assert main(["--model", str(model), "--features", str(recent), "--json"]) == 1
    report = json.loads(capsys.readouterr().out)
    assert [drift["name"] for drift in report["drifts"][:2]] == ["score", "amount"]
    assert report["drifts"][1]["stability"] > 1


def test_a_feature_that_the_file_lacks_is_named(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recent = write_table(tmp_path / "f.parquet", feature_columns(50), NAMES[:2])
    assert main(["--model", str(model), "--features", str(recent)]) == 1
    assert "the file has no feature noise, which model cards needs" in capsys.readouterr().err
