"""The command trains a model that is loaded, the same for the same seed, and reports its figures."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from services.rules.models import read_model
from tests.support.feature_tables import feature_columns, write_table
from tests.support.lightgbm import import_lightgbm
from tools.train.__main__ import main
from tools.train.feature_table import read_features

import_lightgbm()

SHORT = ("--test-days", "10", "--delay-days", "5", "--trees", "20")


def test_a_model_is_trained_reported_and_loaded(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    features, model = write_table(tmp_path / "f.parquet"), tmp_path / "models" / "cards.json"
    table = read_features(features)
    flagged = np.where(np.column_stack(table.columns)[:, 0] > 100, 3, 0)
    verdicts = tmp_path / "v.parquet"
    pq.write_table(pa.table({"id": table.ids.tolist(), "score": flagged}), verdicts)
    page = tmp_path / "report.html"
    arguments = ["--features", str(features), "--model", str(model), *SHORT]
    assert main([*arguments, "--verdicts", str(verdicts), "--html", str(page), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    of_model, of_both = (report["contenders"][name]["all"] for name in ("model", "both"))
    assert of_model["average_precision"] > 0.6
    assert of_both["average_precision"] >= report["contenders"]["rules"]["all"]["average_precision"]
    assert list(report["contenders"]["model"]["scenarios"]) == ["large", "risky"]
    assert list(report["importance"])[-1] == "noise" or "noise" not in report["importance"]
    loaded = read_model(model)
    assert loaded.name == "cards"
    assert loaded.metrics == of_model
    assert loaded.scores(table.columns, len(table))[table.fraud].mean() > 0.4
    assert loaded.threshold_for(2) is not None
    html = page.read_text()
    assert html.count("<svg") == 5
    assert "http://" not in html.replace("http://www.w3.org/2000/svg", "")
    before = model.read_bytes()
    assert main(arguments) == 0
    assert "average precision" in capsys.readouterr().out
    assert model.read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--test-days", "60"), "no room for training"),
        (("--test-days", "1"), "the test has 0 frauds in"),
        (("--train-days", "1", "--test-days", "20"), "a model needs 10 and as many others"),
    ],
)
def test_data_that_are_too_few_are_refused(
    arguments: tuple[str, ...], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    features = write_table(tmp_path / "f.parquet", feature_columns(300))
    assert main(["--features", str(features), "--model", str(tmp_path / "m.json"), *arguments]) == 2
    error = capsys.readouterr().err
    assert error.startswith("train: ")
    assert message in error
