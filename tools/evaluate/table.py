"""The figures on a terminal."""

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from tools.evaluate.metrics import Quality
from tools.evaluate.report import Report, RuleFigures
from tools.evaluate.wording import duration, number, score, share

_QUALITY = ("precision", "recall", "average\nprecision", "precision at\n100 a day")
_INCIDENTS = ("incidents\nfound", "found after\n(median)", "90 %\nwithin", "payments\nbefore")


def show(report: Report, console: Console) -> None:
    """Print a report."""
    console.print(Group(*_parts(report)))


def _parts(report: Report) -> list[RenderableType]:
    total = report.total
    speed = f"{total.transactions / report.seconds:,.0f}/s" if report.seconds else "at once"
    head = (
        f"{total.transactions:,} transactions over {report.days_of_data:.1f} days, {total.fraud:,} of them fraud; "
        f"{len(report.rules)} rules; judged in {report.seconds:.1f} s ({speed}, "
        f"{report.times_real_time:,.0f} times real time)"
    )
    parts: list[RenderableType] = [Text(report.source, style="bold"), Text(f"{report.rules_file}, {head}"), Text()]
    parts += [_scenarios(report), Text(), _rules(report)]
    notes = [*report.notes, *([f"{report.late:,} transactions were late"] if report.late else [])]
    return [*parts, *(Text(note, style="yellow") for note in notes)]


def _scenarios(report: Report) -> Table:
    table = _table("scenario", "fraud", "caught", *_QUALITY, *_INCIDENTS)
    for one in report.scenarios:
        table.add_row(one.name, *_quality(one.quality), *_incidents(one.quality))
    table.add_section()
    table.add_row("all", *_quality(report.total), *_incidents(report.total), style="bold")
    return table


def _rules(report: Report) -> Table:
    table = _table("rule", "severity", "fires", "true", "false", "precision", "recall", "average\nprecision",
                   "precision at\n100 a day", "only this\nrule: true", "only this\nrule: false", "incidents\nfound",
                   "only by\nthis rule", "found after\n(median)")  # fmt: skip
    for one in report.rules:
        table.add_row(*_rule(one), style="dim" if one.mode == "shadow" else "")
    return table


def _rule(one: RuleFigures) -> list[str]:
    quality = one.quality
    detection = quality.detection
    name = f"{one.name} (shadow)" if one.mode == "shadow" else one.name
    return [
        name, one.severity, number(quality.flagged), number(quality.caught), number(quality.flagged - quality.caught),
        share(quality.precision), share(quality.recall), score(quality.average_precision),
        share(quality.precision_at_100), number(one.only_caught), number(one.only_false), number(detection.found),
        number(one.only_incidents), duration(detection.seconds_p50),
    ]  # fmt: skip


def _quality(quality: Quality) -> list[str]:
    return [
        number(quality.fraud), number(quality.caught), share(quality.precision), share(quality.recall),
        score(quality.average_precision), share(quality.precision_at_100),
    ]  # fmt: skip


def _incidents(quality: Quality) -> list[str]:
    found = quality.detection
    return [
        f"{found.found} of {found.incidents}" if found.incidents else number(None),
        duration(found.seconds_p50),
        duration(found.seconds_p90),
        number(found.before_p50),
    ]


def _table(first: str, *columns: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    table.add_column(first)
    for column in columns:
        table.add_column(column, justify="left" if column == "severity" else "right")
    return table
