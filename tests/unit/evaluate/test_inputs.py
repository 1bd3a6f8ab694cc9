from pathlib import Path

import pytest

from services.errors import UsageError
from tools.evaluate.__main__ import evaluate, main, parsed

RULES = """
[rules.large]
severity = "low"
when = "amount >= 900"
reason = "{amount}"

[rules.busy]
severity = "high"
reason = "{payments}"
windows.payments = { measure = "count", by = ["source"], over = "1h", at_least = 3 }
"""
HEAD = "TRANSACTION_ID,TX_DATETIME,CUSTOMER_ID,TERMINAL_ID,TX_AMOUNT,TX_FRAUD,TX_FRAUD_SCENARIO\n"
ROWS = [
    "0,2018-04-01 00:00:31,596,3156,957.16,1,1",
    "1,2018-04-01 00:02:10,4961,3412,81.51,0,0",
    "2,2018-04-01 00:07:56,2,1365,146.00,0,0",
    "3,2018-04-01 00:09:29,4961,8737,64.49,1,3",
    "4,2018-04-01 00:10:34,4961,9906,50.99,1,3",
]


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    path = tmp_path / "rules.toml"
    path.write_text(RULES)
    return path


def written(tmp_path: Path, rows: list[str], head: str = HEAD) -> Path:
    path = tmp_path / "transactions.csv"
    path.write_text(head + "\n".join(rows) + "\n")
    return path


def test_a_file_is_judged_and_its_labels_are_the_truth(rules: Path, tmp_path: Path) -> None:
    file = written(tmp_path, ROWS)
    report = evaluate(parsed(["--rules", str(rules), "--file", str(file), "--preset", "handbook"]))
    assert (report.total.transactions, report.total.fraud, report.total.flagged, report.total.caught) == (5, 3, 2, 2)
    assert [scenario.name for scenario in report.scenarios] == ["customer-compromised", "large-amount"]
    assert report.total.detection.incidents == 0  # the file doesn't say which belong together


def test_rows_that_do_not_fit_are_named_and_counted(
    rules: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = written(tmp_path, [*ROWS, "5,yesterday,1,2,3.00,0,0"])
    report = evaluate(parsed(["--rules", str(rules), "--file", str(file), "--preset", "handbook"]))
    assert report.total.transactions == 5
    assert report.notes == ("1 rows don't fit and were left out",)
    assert f"{file}:7: TX_DATETIME 'yesterday'" in capsys.readouterr().err


def test_a_file_without_labels_can_not_be_evaluated(rules: Path, tmp_path: Path) -> None:
    file = written(tmp_path, ["a,b,5.00,EUR,2018-04-01T00:00:00"], "source,target,amount,currency,created_at\n")
    with pytest.raises(UsageError, match="--map fraud=COLUMN"):
        evaluate(parsed(["--rules", str(rules), "--file", str(file)]))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--from-topic", "--file", "x.csv"], "choose one"),
        (["--file", "x.csv", "--seed", "1"], "choose one"),
        (["--from", "2026-01-01"], "need --from-topic"),
        (["--labels-topic", "labels"], "need --from-topic"),
        (["--file", "nowhere.csv"], "nowhere.csv: no such file"),
        (["--scenarios", "fan-out"], "fan-out"),
        (["--accounts", "3"], "accounts"),
    ],
)
def test_what_contradicts_itself_is_refused(arguments: list[str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        evaluate(parsed(arguments))


@pytest.mark.parametrize(
    "arguments", [["--lateness", "soon"], ["--transactions", "0"], ["--rate", "-1"], ["--from", "noon"], ["--seeds"]]
)
def test_wrong_arguments_end_with_2(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parsed(arguments)
    assert ended.value.code == 2


def test_a_broken_rules_file_is_told_by_line_and_ends_with_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "broken.toml"
    broken.write_text('[rules.large]\nseverity = "low"\nwhen = "amoun >= 900"\nreason = "x"\n')
    monkeypatch.setattr("sys.argv", ["evaluate", "--rules", str(broken)])
    assert main() == 1
    error = capsys.readouterr().err
    assert f"evaluate: {broken}:3:" in error
    assert "amount" in error
