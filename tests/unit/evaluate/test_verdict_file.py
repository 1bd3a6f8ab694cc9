"""The verdict of each transaction, as a file."""

import csv
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from services.contracts import load_contracts
from tools.evaluate.__main__ import evaluate, main, parsed

RULES = """
[rules.large]
severity = "low"
when = "amount >= 900"
reason = "{amount}"

[rules.busy]
severity = "high"
reason = "{spent} after {pause}"
windows.spent = { measure = "sum amount", by = ["source"], over = "1h", at_least = 950 }
windows.pause = { measure = "inactivity", by = ["source"], over = "1h" }

[rules.watched]
severity = "critical"
mode = "shadow"
reason = "{amount}"
when = "amount >= 1"
"""
HEADER = "source,target,amount,currency,created_at,fraud,scenario\n"
ROWS = [
    "a,b,900.00,EUR,2026-01-05T10:00:00Z,1,fan-in",
    "a,c,50.25,EUR,2026-01-05T10:00:30Z,,",
    "d,b,0.50,EUR,2026-01-05T10:01:00Z,0,",
]


@pytest.fixture
def arguments(tmp_path: Path) -> list[str]:
    (tmp_path / "rules.toml").write_text(RULES)
    (tmp_path / "in.csv").write_text(HEADER + "\n".join(ROWS) + "\n")
    return ["--rules", str(tmp_path / "rules.toml"), "--file", str(tmp_path / "in.csv")]


def test_as_parquet(arguments: list[str], tmp_path: Path) -> None:
    out = tmp_path / "verdicts.parquet"
    report = evaluate(parsed([*arguments, "--out", str(out)]))
    first, second, third = pq.read_table(out).to_pylist()
    assert first | {"id": ""} == {
        "id": "", "source": "a", "target": "b", "amount": Decimal("900.00"), "currency": "EUR",
        "created_at": datetime(2026, 1, 5, 10, tzinfo=UTC), "fraud": True, "scenario": "fan-in", "score": 1001,
        "severity": "low", "rules": ["large"], "shadow_rules": ["watched"], "busy.spent": 900.0, "busy.pause": None,
    }  # fmt: skip
    assert (second["rules"], second["severity"], second["score"]) == (["busy"], "high", 3001)
    assert (second["busy.spent"], second["busy.pause"], second["fraud"], second["scenario"]) == (
        950.25,
        30.0,
        None,
        None,
    )
    assert (third["rules"], third["severity"], third["score"], third["fraud"]) == ([], None, 0, False)
    assert (third["shadow_rules"], third["busy.spent"]) == ([], 0.5)
    assert [path.name for path in tmp_path.glob("verdicts*")] == ["verdicts.parquet"]
    # The transaction without a label is evaluated, and not among the figures.
    assert (report.total.transactions, report.total.fraud, report.total.flagged) == (2, 1, 1)
    assert "1 transactions have no label yet: they are in the windows, and not in these figures" in report.notes


def test_as_csv(arguments: list[str], tmp_path: Path) -> None:
    out = tmp_path / "verdicts.csv"
    evaluate(parsed([*arguments, "--out", str(out)]))
    first, second, _ = csv.DictReader(out.open())
    assert (first["created_at"], first["fraud"], first["rules"], first["amount"]) == (
        "2026-01-05T10:00:00.000Z", "true", "large", "900.00",
    )  # fmt: skip
    assert (second["fraud"], second["busy.spent"]) == ("", "950.25")


def test_verdicts_need_no_labels(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "in.csv").write_text("source,target,amount,currency,created_at\na,b,900,EUR,2026-01-05\n")
    monkeypatch.setattr("sys.argv", ["evaluate", *arguments, "--out", str(tmp_path / "verdicts.csv")])
    assert main() == 0
    assert "no labels say which transactions are fraud" in capsys.readouterr().err
    assert len((tmp_path / "verdicts.csv").read_text().splitlines()) == 2
    monkeypatch.setattr("sys.argv", ["evaluate", *arguments])
    assert main() == 2


def test_no_file_is_left_of_an_evaluation_that_fails(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "in.csv").write_text(HEADER + "\n".join(reversed(ROWS)) + "\n")
    out = tmp_path / "verdicts.csv"
    monkeypatch.setattr("sys.argv", ["evaluate", *arguments, "--no-sort", "--lateness", "1s", "--out", str(out)])
    assert main() == 2
    assert f"{tmp_path / 'in.csv'}:3: rows are newest first; leave out --no-sort" in capsys.readouterr().err
    assert list(tmp_path.glob("verdicts*")) == []
    monkeypatch.setattr("sys.argv", ["evaluate", *arguments, "--out", str(tmp_path / "nowhere" / "x.csv")])
    assert main() == 2
    assert "can't be written" in capsys.readouterr().err


def test_a_window_beyond_the_retention_is_said(arguments: list[str], tmp_path: Path) -> None:
    (tmp_path / "rules.toml").write_text(RULES.replace('over = "1h", at', 'over = "28d", at'))
    notes = evaluate(parsed(arguments)).notes
    assert any("rule busy looks back 672 h" in note and "kept for 168 h" in note for note in notes)
    assert not any("looks back" in note for note in evaluate(parsed(["--transactions", "1000"])).notes)


def test_topics_may_have_names_of_their_own(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    schemas = tmp_path / "schemas"
    schemas.mkdir()
    for path in load_contracts().topic("queueing.transactions").required_schema.path.parent.iterdir():
        (schemas / path.name).write_text(path.read_text().replace('"queueing.', '"mine.queueing.'))
    monkeypatch.setenv("SCHEMAS_DIR", str(schemas))
    monkeypatch.setenv("TRANSACTIONS_TOPIC", "mine.queueing.transactions")
    assert evaluate(parsed(arguments)).total.transactions == 2
