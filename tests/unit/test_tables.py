"""Tables as plain text, and with fewer columns on a narrow terminal."""

from tools.tables import Column, Grid, table_text


def test_words_are_aligned_to_the_left_and_figures_to_the_right() -> None:
    text = table_text(["", "k/s"], [["this detector", "500"], ["C", "1,200"]])
    assert text.splitlines() == ["                 k/s", "this detector    500", "C              1,200"]


def test_a_narrow_terminal_gets_the_columns_that_always_show() -> None:
    columns = [Column("rule", words=True), Column("fires"), Column("fired before", always=False)]
    for width, count in ((80, 2), (160, 3)):
        grid = Grid(columns, width)
        grid.add(["a", "1", "2"])
        assert len(grid.table.columns) == count
