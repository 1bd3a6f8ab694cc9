"""The documented way from the Handbook's payments to a model that rules use, end to end without a cluster."""

import json
import sys
from pathlib import Path

import pytest

from tests.support.lightgbm import import_lightgbm
from tools.evaluate.__main__ import main as evaluate
from tools.features.__main__ import main as features
from tools.handbook.__main__ import main as handbook
from tools.train.__main__ import main as train

import_lightgbm()

ROOT = Path(__file__).parents[3]
RULES = ROOT / "docs" / "examples" / "handbook.toml"
MODEL = '\n[models.cards]\nfile = "cards.json"\nmode = "live"\nbudget = "5/day"\n'
RULE = '\n[rules.scored]\nseverity = "critical"\nwhen = "cards >= threshold"\nreason = "score {cards}"\n'


def run(monkeypatch: pytest.MonkeyPatch, command: object, *arguments: str) -> None:
    monkeypatch.setattr(sys, "argv", ["command", *arguments])
    assert command() == 0  # type: ignore[operator]


def test_from_a_file_to_a_model_in_the_rules(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file, table, verdicts = (tmp_path / name for name in ("t.csv", "f.parquet", "v.parquet"))
    assert handbook([str(file), "--customers", "60", "--terminals", "400", "--days", "45"]) == 0
    of_file = ("--file", str(file), "--preset", "handbook")
    run(monkeypatch, features, "--rules", str(RULES), *of_file, "--out", str(table))
    run(monkeypatch, evaluate, "--rules", str(RULES), *of_file, "--out", str(verdicts))
    capsys.readouterr()
    written = ("--features", str(table), "--verdicts", str(verdicts), "--model", str(tmp_path / "cards.json"))
    assert train([*written, "--known-days", "0", "--json"]) == 0
    contenders = json.loads(capsys.readouterr().out)["contenders"]
    assert set(contenders) == {"model", "rules", "both"}
    assert contenders["model"]["all"]["average_precision"] > contenders["rules"]["all"]["average_precision"] > 0.1
    scored = tmp_path / "scored.toml"
    scored.write_text(RULES.read_text() + MODEL + RULE)
    run(monkeypatch, evaluate, "--rules", str(scored), *of_file, "--json")
    (rule,) = [rule for rule in json.loads(capsys.readouterr().out)["rules"] if rule["name"] == "scored"]
    assert rule["quality"]["flagged"] > 0
    assert rule["quality"]["precision"] > 0.5
