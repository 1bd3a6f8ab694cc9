"""The figures on a terminal."""

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from tools.evaluate.metrics import Quality
from tools.evaluate.report import Report, RuleFigures
from tools.history.formatting import days, duration, number, score, share
from tools.tables import Column, Grid

_SCENARIOS = (
    Column("scenario", words=True),
    Column("fraud"),
    Column("caught", always=False),
    Column("precision"),
    Column("recall"),
    Column("average\nprecision"),
    Column("precision at\n100 a day", always=False),
    Column("incidents\nfound"),
    Column("found after\n(median)"),
    Column("90 %\nwithin", always=False),
    Column("payments\nbefore", always=False),
)
_RULES = (
    Column("rule", words=True),
    Column("severity", words=True),
    Column("fires"),
    Column("alerts", always=False),
    Column("true"),
    Column("false"),
    Column("precision"),
    Column("recall"),
    Column("average\nprecision", always=False),
    Column("precision at\n100 a day", always=False),
    Column("only this\nrule: true"),
    Column("only this\nrule: false", always=False),
    Column("incidents\nfound", always=False),
    Column("only by\nthis rule", always=False),
    Column("found after\n(median)", always=False),
)


def show(report: Report, console: Console) -> None:
    """Print a report."""
    console.print(Group(*_parts(report, console.width)))


def _parts(report: Report, width: int) -> list[RenderableType]:
    total = report.total
    speed = f"{total.transactions / report.seconds:,.0f}/s" if report.seconds else "at once"
    head = (
        f"{total.transactions:,} transactions over {days(report.days_of_data)}, {total.fraud:,} of them fraud; "
        f"{len(report.rules)} rules; evaluated in {report.seconds:.1f} s ({speed}, "
        f"{report.times_real_time:,.0f} times real time)"
    )
    parts: list[RenderableType] = [Text(report.source, style="bold"), Text(f"{report.rules_file}, {head}"), Text()]
    parts += [_scenarios(report, width), Text(), _rules(report, width)]
    notes = [*report.notes, *([f"{report.late:,} transactions were late"] if report.late else [])]
    return [*parts, *(Text(note, style="yellow") for note in notes)]


def _scenarios(report: Report, width: int) -> Table:
    grid = Grid(_SCENARIOS, width)
    for scenario in report.scenarios:
        grid.add([scenario.name, *_quality(scenario.quality)])
    grid.add(["all", *_quality(report.total)], style="bold")
    return grid.table


def _rules(report: Report, width: int) -> Table:
    grid = Grid(_RULES, width)
    for rule in report.rules:
        grid.add(_rule(rule), style="dim" if rule.mode == "shadow" else "")
    return grid.table


def _rule(rule: RuleFigures) -> list[str]:
    quality = rule.quality
    detection = quality.detection
    name = f"{rule.name} (shadow)" if rule.mode == "shadow" else rule.name
    return [
        name, rule.severity, number(quality.flagged), number(rule.alerts), number(quality.caught),
        number(quality.flagged - quality.caught),
        share(quality.precision), share(quality.recall), score(quality.average_precision),
        share(quality.precision_at_100), number(rule.only_caught), number(rule.only_false), number(detection.found),
        number(rule.only_incidents), duration(detection.seconds_p50),
    ]  # fmt: skip


def _quality(quality: Quality) -> list[str]:
    detection = quality.detection
    return [
        number(quality.fraud), number(quality.caught), share(quality.precision), share(quality.recall),
        score(quality.average_precision), share(quality.precision_at_100),
        f"{detection.found} of {detection.incidents}" if detection.incidents else number(None),
        duration(detection.seconds_p50), duration(detection.seconds_p90), number(detection.before_p50),
    ]  # fmt: skip
