"""The daily report as plain text and HTML."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from services.notifier.alert import SEVERITIES, text_of
from services.notifier.masking import masked
from services.notifier.notification import Message
from services.notifier.rendering.mail import COLOURS, templates
from services.notifier.report.figures import CaseFigures, Figures, shown_amounts

VERDICTS = {"FRAUD": "fraud", "NO_FRAUD": "no fraud", "UNKNOWN": "unclear", "": "open"}


@dataclass(frozen=True)
class Row:
    """A row of a table of the report: its cells, the severity that it is coloured by, and where it leads."""

    cells: Sequence[str]
    severity: str = ""
    link: str = ""
    share: float = 0.0


@dataclass(frozen=True)
class ReportContent:
    """The content of a report.

    Attributes:
        title: One line.
        period: The time that it is about.
        totals: Names and figures.
        severities: Severities with their numbers, the worst first.
        most: The largest number of alerts in an hour.
        hours: Labels of the first, middle and last hour.
        summary: The picture in words.
        rules: Rules: name, alerts, accounts, amounts, decisions, false alarms.
        cases: The top cases: key, rules, alerts, amounts, decision.
        deliveries: Receivers: name, delivered, failed, unknown, silenced or inhibited.
        warnings: Sentences on the message itself.
        id: Id of the notification.
    """

    title: str
    period: str
    totals: Sequence[tuple[str, str]]
    severities: Sequence[tuple[str, int]]
    most: int
    hours: Sequence[str]
    summary: str
    rules: Sequence[Row]
    cases: Sequence[Row]
    deliveries: Sequence[Row]
    warnings: Sequence[str]
    id: str


def report_content(figures: Figures, message: Message, mask: Sequence[str], case_url: str) -> ReportContent:
    """Return the content of a report.

    Args:
        figures: The figures.
        message: The notification.
        mask: Fields whose values are hidden.
        case_url: Address of an alert's case, with `{alert}` for its id; empty for no links.
    """
    day = message.labels.get("day", "")
    evaluated = sum(figures.transactions.values())
    fraud = figures.transactions.get("fraud", 0)
    sums = [sum(hour.values()) for hour in figures.hours]
    busiest = max(range(len(sums)), key=sums.__getitem__)
    hour = (figures.until - figures.since) / len(sums)
    times = [f"{datetime.fromtimestamp(figures.since + hour * number, UTC):%H:%M}" for number in range(len(sums) + 1)]
    largest = max((rule.alerts for _name, rule in figures.by_rule()), default=1)
    return ReportContent(
        title=f"Fraud report of {day}: {figures.alerts:,} alerts on {figures.cases:,} accounts",
        period=f"{_moment(figures.since)} to {_moment(figures.until)}",
        totals=[
            ("transactions, about", f"{evaluated:,}"),
            ("of them fraud, by the rules", f"{fraud:,} ({fraud / evaluated:.1%})" if evaluated else "0"),
            ("alerts", f"{figures.alerts:,}"),
            ("accounts with alerts", f"{figures.cases:,}"),
        ],
        severities=[(name, figures.severities[name]) for name in reversed(SEVERITIES)],
        most=max(sums),
        hours=[times[0], times[len(sums) // 2], times[-1]],
        summary=f"Alerts by hour: {max(sums):,} in the busiest hour, from {times[busiest]} UTC on.",
        rules=[
            Row(
                [
                    name,
                    f"{rule.alerts:,}",
                    f"{len(rule.keys):,}",
                    shown_amounts(rule.amounts),
                    f"{rule.fraud:,} / {rule.no_fraud:,}",
                    "-" if rule.false_alarms is None else f"{rule.false_alarms:.0%}",
                ],
                share=rule.alerts / largest,
            )
            for name, rule in figures.by_rule()
        ],
        cases=[_case(case, mask, case_url) for case in figures.top_cases()],
        deliveries=[
            Row(
                [
                    name,
                    *(f"{counts[status]:,}" for status in ("delivered", "failed", "unknown")),
                    f"{counts['silenced'] + counts['inhibited'] + counts['unrouted']:,}",
                ]
            )
            for name, counts in sorted(figures.deliveries.items())
        ],
        warnings=["This report may have reached you before: an earlier attempt had no answer."]
        if message.may_be_repeated
        else [],
        id=str(message.id),
    )


def report_html(content: ReportContent, picture: str) -> str:
    """Return a report as HTML.

    Args:
        content: The content.
        picture: Address of the picture of alerts by hour.
    """
    return templates().get_template("report.html").render(content=content, colours=COLOURS, picture=picture)


def report_text(content: ReportContent) -> str:
    """Return a report as plain text."""
    lines = [content.title, "=" * len(content.title), "", content.period, *content.warnings, ""]
    lines += [f"{name}: {figure}" for name, figure in content.totals]
    lines += ["by severity: " + ", ".join(f"{number:,} {name}" for name, number in content.severities)]
    lines += ["", content.summary]
    if content.rules:
        lines += ["", "Rules", "-----"]
    for row in content.rules:
        name, alerts, accounts, amounts, decided, false_alarms = row.cells
        lines.append(f"{name}: {alerts} alerts, {accounts} accounts, {amounts}; decided fraud / no fraud: {decided}; "
                     f"false alarms: {false_alarms}")  # fmt: skip
    if content.cases:
        lines += ["", "Top cases", "---------"]
    for row in content.cases:
        key, rules, alerts, amounts, verdict = row.cells
        lines.append(
            f"[{row.severity.upper()}] {key}: {rules}; alerts: {alerts}; {amounts}; {verdict} {row.link}".rstrip()
        )
    if content.deliveries:
        lines += ["", "Notifications", "-------------"]
    for row in content.deliveries:
        name, delivered, failed, unknown, suppressed = row.cells
        lines.append(f"{name}: {delivered} delivered, {failed} failed, {unknown} unknown, {suppressed} suppressed")
    return "\n".join([*lines, "", f"Notification {content.id}"]) + "\n"


def _case(case: CaseFigures, mask: Sequence[str], case_url: str) -> Row:
    key = {name: masked(value) if name in mask else value for name, value in case.key.items()}
    cells = [text_of(key) or "no key", ", ".join(sorted(case.rules)), f"{case.alerts:,}", shown_amounts(case.amounts),
             VERDICTS[case.verdict]]  # fmt: skip
    return Row(cells, case.severity, case_url.replace("{alert}", str(case.alert)))


def _moment(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M} UTC"
