"""A backtest on a terminal."""

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from tools.backtest.comparing import Change, Example
from tools.backtest.result import Count, Result, RuleChange

_STYLES = {Change.NEWLY: "green", Change.NO_LONGER: "red", Change.NEWLY_WATCHED: "dim"}


def show(result: Result, console: Console) -> None:
    """Print a backtest."""
    console.print(Group(*_parts(result)))


def _parts(result: Result) -> list[RenderableType]:
    head = f"{result.transactions:,} transactions over {result.days_of_data:.1f} days"
    parts: list[RenderableType] = [
        Text(result.source, style="bold"),
        Text(f"{head}, judged in {result.seconds:.1f} s"),
        Text(f"{result.live} -> {result.changed}"),
        Text(),
        _totals(result),
        Text(),
        _rules(result),
    ]
    for number, example in enumerate(result.examples):
        parts += [*([Text(), Text("examples", style="dim")] if not number else []), *_example(example)]
    return [*parts, *(Text(note, style="yellow") for note in result.notes)]


def _totals(result: Result) -> Table:
    table = _table("suspicious", "transactions", *(["of them fraud"] if _is_labelled(result) else []))
    for name, count in (
        ("before", result.suspicious_before), ("after", result.suspicious_after), ("newly", result.newly),
        ("no longer", result.no_longer),
    ):  # fmt: skip
        table.add_row(name, *_cells(count, labelled=_is_labelled(result)))
    return table


def _rules(result: Result) -> Table:
    labelled = _is_labelled(result)
    columns = ["fired before", "fires now", "newly", "no longer", "newly in shadow"]
    truth = ["of them\nfraud"] if labelled else []
    table = _table("rule", "", "mode", *(cell for column in columns for cell in [column, *truth]))
    for one in result.rules:
        counts = (one.fired, one.fires, one.newly, one.no_longer, one.newly_in_shadow)
        cells = [cell for count in counts for cell in _cells(count, labelled=labelled)]
        table.add_row(one.name, one.status, _mode(one), *cells, style="dim" if one.status == "same" else "")
    return table


def _mode(one: RuleChange) -> str:
    return one.after if one.before == one.after else f"{one.before} -> {one.after}"


def _example(example: Example) -> list[Text]:
    truth = {True: ", fraud", False: ", no fraud", None: ""}[example.fraud]
    fields = "  ".join(f"{name}={value}" for name, value in example.transaction.items())
    return [
        Text.assemble((f"{example.rule} {example.change}", _STYLES[example.change]), f": {example.reason}"),
        Text(f"    {example.verdict}{truth}"),
        Text(f"    {fields}", style="dim"),
    ]


def _is_labelled(result: Result) -> bool:
    return result.newly.fraud is not None


def _cells(count: Count, *, labelled: bool) -> list[str]:
    return [f"{count.transactions:,}", *([f"{count.fraud:,}"] if labelled else [])]


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    for number, column in enumerate(columns):
        table.add_column(column, justify="left" if not number or column in {"", "mode"} else "right")
    return table
