from pathlib import Path

import pytest

from services.commands.check_rules import main
from services.contracts import load_contracts
from services.detection.settings import DEFAULT_RULES
from services.rules.loading import parse_rules
from tests.support.models import model_on

RULE = """\
[rules.many]
severity = "high"
reason = "{payments}"
windows.payments = { measure = "count", by = ["source"], over = "1h", at_least = 5 }
"""


def checked(path: Path, text: str, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.chdir(path)
    (path / "mine.toml").write_text(text)
    return main(["mine.toml"])


def test_a_good_file_is_shown_by_stage(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(str(DEFAULT_RULES.relative_to(Path.cwd())))
    assert "5 rules" in lines[0]
    stage = lines.index("on streaming.transactions.by-source, keyed by source:")
    assert lines.index("on queueing.transactions, keyed by target:") < stage
    (row,) = (line.split() for line in lines if "dormant-account" in line)
    assert row[:3] == ["dormant-account", "medium", "live"]
    assert row[4:] == ["3", "d", "amount", ">=", "500"]
    assert stage < next(number for number, line in enumerate(lines) if "dormant-account" in line)


def test_the_interval_of_alerts_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert checked(tmp_path, RULE.replace("reason", 'alert_every = "10m"\nreason'), monkeypatch) == 0
    (row,) = (line for line in capsys.readouterr().out.splitlines() if line.startswith("  many"))
    assert row.endswith("1 h 20 min  always; one alert per key in each 10 min")  # two intervals beside the window


def test_a_good_file_needs_no_word(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--quiet"]) == 0
    assert capsys.readouterr().out == ""


def test_deprecated_words_are_warned_about(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("STAGE_TOPICS", "source=streaming.transactions.by-source")
    deprecated = RULE.replace('"count"', '"silence"').replace("at_least = 5", 'at_least = "5m"')
    assert checked(tmp_path, deprecated, monkeypatch) == 0
    assert capsys.readouterr().err.splitlines() == [
        "check-rules: STAGE_TOPICS is deprecated: set REPARTITION_TOPICS instead",
        'check-rules: mine.toml:4: rule many: windows.payments: measure: write "inactivity" for "silence"',
    ]


def test_a_model_without_a_rule_needs_its_features(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    declared = '[features]\nrecent = { measure = "count", by = ["source"], over = "1h" }\n'
    schema = load_contracts().topic("queueing.transactions").required_schema
    features = parse_rules(declared + RULE, "mine.toml", schema, {}).features
    assert features is not None
    (tmp_path / "cards.json").write_bytes(model_on(features, ["recent"]))
    text = declared + '[models.cards]\nfile = "cards.json"\nmode = "shadow"\nthreshold = 0.5\n' + RULE
    assert checked(tmp_path, text, monkeypatch) == 0
    out, err = capsys.readouterr()
    rows = [line.split()[:3] for line in out.splitlines() if line.startswith(("  recent", "  cards"))]
    assert rows == [["recent", "1", "h"], ["cards", "-", "model"]]
    assert "no rule" not in out
    assert err == ""


def test_every_fault_of_a_broken_file_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = RULE.replace("high", "higher").replace("source", "sourze")
    assert checked(tmp_path, broken, monkeypatch) == 1
    severity, by = capsys.readouterr().err.splitlines()
    assert severity.startswith("check-rules: mine.toml:2: rule many: severity: expected one of low, medium, high,")
    assert by.startswith('check-rules: mine.toml:4: rule many: windows.payments: by: unknown field "sourze"; did you')


def test_a_rule_without_a_stage_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert checked(tmp_path, RULE.replace('["source"]', '["currency"]'), monkeypatch) == 1
    assert "mine.toml:1: rule many is keyed by currency" in capsys.readouterr().err
    monkeypatch.setenv("REPARTITION_TOPICS", "currency=streaming.transactions.by-source")
    assert checked(tmp_path, RULE.replace('["source"]', '["currency"]'), monkeypatch) == 0


def test_a_window_longer_than_the_retention_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert checked(tmp_path, RULE.replace('"1h"', '"365d"'), monkeypatch) == 0
    assert "warning: mine.toml:1: rule many looks back 8760 h" in capsys.readouterr().err
    monkeypatch.setenv("STATE_TOPIC", "off")
    assert checked(tmp_path, RULE.replace('"1h"', '"365d"'), monkeypatch) == 1
    assert "rule many looks back 8760 h" in capsys.readouterr().err


def test_the_detectors_settings_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SUSPICIOUS_AMOUNT", "12.50")
    text = '[rules.large]\nseverity = "low"\nreason = "r"\nwhen = "amount > suspicious_amount"'
    assert checked(tmp_path, text, monkeypatch) == 0
    assert "amount > 12.5" in capsys.readouterr().out
    monkeypatch.setenv("SUSPICIOUS_AMOUNT", "much")
    assert checked(tmp_path, text, monkeypatch) == 2
    assert "SUSPICIOUS_AMOUNT" in capsys.readouterr().err


def test_a_file_that_is_not_there_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["nowhere.toml"]) == 2
    assert "nowhere.toml: no such file" in capsys.readouterr().err
