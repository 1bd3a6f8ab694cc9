"""The simulated payments have the numbers of the Handbook's description."""

from datetime import date
from pathlib import Path

import numpy as np
import pytest

from tools.handbook.__main__ import main
from tools.handbook.layout import HEADER, write_csv
from tools.handbook.simulator import (
    CUSTOMER_COMPROMISED,
    DAY_SECONDS,
    LARGE_AMOUNT,
    TERMINAL_COMPROMISED,
    Simulation,
    Transactions,
    simulate,
)

SMALL = Simulation(customers=500, terminals=1000, days=60, radius=10)


@pytest.fixture(scope="module")
def transactions() -> Transactions:
    return simulate(SMALL)


def test_customers_pay_as_often_as_described(transactions: Transactions) -> None:
    # 2 a day on average, of which 3.1 % fall outside the day: 2.16 standard deviations on both sides.
    expected = 500 * 60 * 2 * 0.969
    assert len(transactions) == pytest.approx(expected, rel=0.08)
    assert np.all(np.diff(transactions.seconds) >= 0)
    times = transactions.seconds % DAY_SECONDS
    assert times.mean() == pytest.approx(DAY_SECONDS / 2, rel=0.02)
    assert times.std() == pytest.approx(18_600, rel=0.03)  # 20,000, cut at both ends of the day


def test_amounts_are_around_the_mean_of_each_customer(transactions: Transactions) -> None:
    honest = transactions.scenario == 0
    ratios = []
    for customer in range(SMALL.customers):
        cents = transactions.cents[honest & (transactions.customer == customer)]
        if len(cents) > 60:
            ratios.append(cents.std() / cents.mean())
    # Half the mean, cut at 0: 0.4582 by the normal distribution; 2 % are uniform instead.
    assert np.mean(ratios) == pytest.approx(0.458, abs=0.01)
    assert transactions.cents[honest].max() <= 22_000


def test_customers_pay_at_terminals_near_them(transactions: Transactions) -> None:
    visited = [len(np.unique(transactions.terminal[transactions.customer == number])) for number in range(50)]
    assert max(visited) <= 60  # pi * 10 ** 2 of 10,000 have 31 terminals


def test_each_kind_of_fraud_is_put_in(transactions: Transactions) -> None:
    large = transactions.scenario == LARGE_AMOUNT
    assert np.all(transactions.cents[large] > 22_000)
    is_terminal = transactions.scenario == TERMINAL_COMPROMISED
    for terminal in np.unique(transactions.terminal[is_terminal])[:20]:
        rows = is_terminal & (transactions.terminal == terminal)
        span = transactions.seconds[rows] // DAY_SECONDS
        between = (transactions.terminal == terminal) & (transactions.seconds // DAY_SECONDS >= span.min())
        between &= transactions.seconds // DAY_SECONDS <= span.max()
        if span.max() - span.min() < 28:
            assert np.all(transactions.scenario[between] > 0)
    customers = np.unique(transactions.customer[transactions.scenario == CUSTOMER_COMPROMISED])
    assert 59 * 3 * 0.5 < len(customers) <= 59 * 3


def test_the_same_seed_makes_the_same_transactions(transactions: Transactions) -> None:
    again = simulate(SMALL)
    assert again.cents.tolist() == transactions.cents.tolist()
    assert again.scenario.tolist() == transactions.scenario.tolist()
    other = simulate(Simulation(customers=500, terminals=1000, days=60, radius=10, seed=2))
    assert other.cents[:100].tolist() != transactions.cents[:100].tolist()


def test_the_file_has_the_columns_of_the_book(tmp_path: Path) -> None:
    columns = [np.array(column) for column in ([31, 86_400 + 5], [596, 1], [3156, 2], [5716, 30_000], [0, 1])]
    write_csv(Transactions(*columns), date(2018, 4, 1), tmp_path / "t.csv")
    assert (tmp_path / "t.csv").read_text().splitlines() == [
        HEADER,
        "0,2018-04-01 00:00:31,596,3156,57.16,31,0,0,0",
        "1,2018-04-02 00:00:05,1,2,300.00,86405,1,1,1",
    ]


def test_the_command_says_what_it_wrote(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "t.csv"
    assert main([str(file), "--customers", "30", "--terminals", "500", "--days", "20"]) == 0
    assert f"{file}: {len(file.read_text().splitlines()) - 1:,} transactions, " in capsys.readouterr().out
    assert main([str(tmp_path / "no" / "t.csv"), "--customers", "10", "--terminals", "500", "--days", "10"]) != 0
    assert "can't be written: No such file or directory" in capsys.readouterr().err
