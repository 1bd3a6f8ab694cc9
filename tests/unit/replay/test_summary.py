"""The summary of a dry run, and the proposal of a profile, as people see them."""

import io
from pathlib import Path
from threading import Event

import pytest
from rich.console import Console

from tests.support.transaction_files import HEADER, layout, reader, written
from tools.replay.__main__ import main
from tools.replay.progress import Figures, ReplayProgress
from tools.replay.replay import Replay
from tools.replay.summary import summary_table
from tools.transaction_files.profile import Profile


def summary(path: Path, profile: Profile | None = None, max_errors: int = 10) -> str:
    of = reader(path, profile)
    run = Replay(of.blocks(), None, ReplayProgress(None), Event())
    run.run(max_errors)
    figures = Figures(run.sent, run.unfit, 1.0, run.complete, True, "newest first", run.left_out, ["a remark"])
    console = Console(file=io.StringIO(), width=160)
    with console.capture() as capture:
        console.print(summary_table(figures, run.summary, of, "payments"))
    return capture.get()


def test_a_summary_says_what_the_transactions_are_like(tmp_path: Path) -> None:
    rows = "a,b,1234.50,EUR,2026-01-05T10:00:00Z,1\na,c,2.00,USD,2026-01-06T10:00:00Z,0\nd,c,3,EUR,2026-01-07,\n"
    path = written(tmp_path / "x.csv", HEADER.replace("\n", ",fraud\n") + rows + "a,b,x,EUR,2026-01-05,0\n")
    text = summary(path, layout(where="target != 'z'"))
    for expected in (
        "x.csv: CSV, UTF-8, commas between cells",
        "3 would go to payments",
        "1 rows: each is named above",
        "newest first",
        "2026-01-05 10:00:00 to 2026-01-07 00:00:00 UTC",
        "2.00 to 1,234.50",
        "EUR 2, USD 1",
        "2 pay, 2 receive",
        "1 fraud, 1 legit, 1 not known yet",
        "note: a remark",
    ):
        assert expected in text, text
    assert "a        b        1,234.50   EUR        2026-01-05 10:00:00   yes" in text


def test_a_summary_of_nothing_and_of_a_run_that_ended_early(tmp_path: Path) -> None:
    path = written(tmp_path / "x.csv", HEADER + "a,b,x,EUR,2026-01-05\n" * 2)
    text = summary(path, max_errors=0)
    assert "0 would go to payments" in text
    assert "ended early: what comes after these rows was not read" in text
    assert "amounts" not in text
    unlabelled = summary(written(tmp_path / "y.csv", HEADER + "a,b,1,EUR,2026-01-05\n"))
    assert "none: scripts/backtest needs none, scripts/evaluate does" in unlabelled


def test_guess_writes_a_profile_and_says_what_is_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    written(tmp_path / "bank.csv", HEADER + "a,b,1.50,EUR,2026-01-05T10:00\n")
    monkeypatch.setattr("sys.argv", ["replay", "bank.csv", "--guess"])
    assert main() == 0
    assert "next: scripts/replay bank.csv --profile profiles/bank.toml --dry-run" in capsys.readouterr().out
    assert (tmp_path / "profiles" / "bank.toml").is_file()
    assert main() == 2
    assert "replay: profiles/bank.toml: there already" in capsys.readouterr().err
    monkeypatch.setattr("sys.argv", ["replay", "bank.csv", "--guess", "--as", "other"])
    assert main() == 0
    written(tmp_path / "none.csv", "a,b\nx,y\n")
    monkeypatch.setattr("sys.argv", ["replay", "none.csv", "--guess"])
    assert main() == 1
