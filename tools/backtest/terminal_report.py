"""A backtest on a terminal."""

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from services.history.comparison import Change, Example
from services.history.result import Count, Result, RuleChange
from tools.history.formatting import days
from tools.tables import Column, Grid

_STYLES = {Change.NEWLY: "green", Change.NO_LONGER: "red", Change.NEWLY_WATCHED: "dim"}


def show(result: Result, console: Console) -> None:
    """Print a backtest."""
    console.print(Group(*_parts(result, console.width)))


def _parts(result: Result, width: int) -> list[RenderableType]:
    head = f"{result.transactions:,} transactions over {days(result.days_of_data)}"
    parts: list[RenderableType] = [
        Text(result.source, style="bold"),
        Text(f"{head}, judged in {result.seconds:.1f} s"),
        Text(f"{result.live} -> {result.changed}"),
        Text(),
        _totals(result, width),
        Text(),
        _rules(result, width),
    ]
    for number, example in enumerate(result.examples):
        parts += [*([Text(), Text("examples", style="dim")] if not number else []), *_example(example)]
    return [*parts, *(Text(note, style="yellow") for note in result.notes)]


def _totals(result: Result, width: int) -> Table:
    labelled = _is_labelled(result)
    truth = [Column("of them fraud")] if labelled else []
    grid = Grid([Column("suspicious", words=True), Column("transactions"), *truth], width)
    for name, count in (
        ("before", result.suspicious_before), ("after", result.suspicious_after), ("newly", result.newly),
        ("no longer", result.no_longer),
    ):  # fmt: skip
        grid.add([name, *_cells(count, labelled=labelled)])
    return grid.table


def _rules(result: Result, width: int) -> Table:
    labelled = _is_labelled(result)
    counted = [Column("fired before", always=False), Column("fires now", always=False), Column("newly"),
               Column("no longer"), Column("newly\nin shadow")]  # fmt: skip
    truth = [Column("of them\nfraud", always=False)] if labelled else []
    heads = [Column("rule", words=True), Column("", words=True), Column("mode", words=True)]
    grid = Grid([*heads, *(column for rule in counted for column in [rule, *truth])], width)
    for rule in result.rules:
        counts = (rule.fired, rule.fires, rule.newly, rule.no_longer, rule.newly_in_shadow)
        cells = [cell for count in counts for cell in _cells(count, labelled=labelled)]
        grid.add([rule.name, rule.status, _mode(rule), *cells], style="dim" if rule.status == "same" else "")
    return grid.table


def _mode(rule: RuleChange) -> str:
    return rule.after if rule.before == rule.after else f"{rule.before} -> {rule.after}"


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
