"""The report as one HTML page: nothing is loaded from anywhere, light or dark as the reader has it."""

from tools.evaluate.metrics import Quality
from tools.evaluate.pictures import pictures
from tools.evaluate.report import Report, RuleFigures
from tools.history.formatting import days, duration, number, score, share
from tools.html_page import figures, heading, page_of, table, tiles

_DEFINITIONS = """<dl>
<dt>Called fraud</dt><dd>A transaction on which at least one live rule fired. Shadow rules are measured and decide
nothing.</dd>
<dt>Scenario, incident</dt><dd>A kind of fraud; one occurrence of it, such as one account that was taken over, which is
several transactions. An incident is found when one of them is called fraud.</dd>
<dt>Caught; true, false</dt><dd>Fraud that was called so; of the transactions that a rule fires on, those that are fraud
and those that are none (false alarms).</dd>
<dt>Precision, recall</dt>
<dd>The share of what was called fraud that is; the share of the fraud that was called so.</dd>
<dt>Score</dt><dd>The highest severity among the live rules that fired, and among equals how many fired.</dd>
<dt>Average precision</dt><dd>The precision at each score, highest first, weighted by the recall gained there; the rest,
on which nothing fired, counts with the share of fraud among all. Between 0 and 1.</dd>
<dt>Precision at 100 a day</dt><dd>Of the 100 highest scores of a day (of all, on days with fewer), the share that is
fraud; averaged over the days on which anything was called fraud.</dd>
<dt>RowMatch after</dt><dd>From the first transaction of an incident to the first of it that was called fraud, in event
time, over the incidents that were found: half of them within the median, and 90 of 100 within the other figure. 0 s: by
their first transaction. Payments before: how many of its transactions came before the one that was called fraud.</dd>
<dt>Per scenario</dt><dd>The live rules together, on the scenario's transactions and those that are no fraud.</dd>
<dt>Per rule</dt><dd>The rule as if it were the only one. Only this rule: no other live rule fired on the
transaction; only by this rule: none fired on any of the incident.</dd>
</dl>"""


def page(report: Report) -> str:
    """The whole page."""
    total = report.total
    speed = f"{total.transactions / report.seconds:,.0f} a second" if report.seconds else "at once"
    head = (
        f"{total.transactions:,} transactions over {days(report.days_of_data)}, {total.fraud:,} of them fraud; "
        f"evaluated at {speed}, {report.times_real_time:,.0f} times real time. Rules: {report.rules_file}, version "
        f"{report.rules_version}."
    )
    notes = [*report.notes, *([f"{report.late:,} transactions were late."] if report.late else [])]
    return page_of(
        "How well the rules catch fraud",
        [report.source, head, *notes],
        [
            tiles(_tiles(total)),
            figures(pictures(report).values()),
            heading("Per scenario"),
            _scenarios(report),
            heading("Per rule"),
            _rules(report),
            heading("What the figures mean"),
            _DEFINITIONS,
        ],
    )


def _tiles(total: Quality) -> list[tuple[str, str]]:
    detection = total.detection
    shown = [
        (share(total.precision), "precision"),
        (share(total.recall), "recall"),
        (score(total.average_precision), "average precision"),
        (share(total.precision_at_100), "precision at 100 a day"),
    ]
    if detection.incidents:
        shown.append((f"{detection.found} of {detection.incidents}", "incidents found"))
        shown.append((duration(detection.seconds_p50), "until found (median)"))
    return shown


def _scenarios(report: Report) -> str:
    columns = ("scenario", "fraud", "caught", "precision", "recall", "average precision", "precision at 100 a day",
               "incidents", "found", "found after (median)", "90 % within", "payments before (median)")  # fmt: skip
    rows = [(scenario.name, scenario.quality, "") for scenario in report.scenarios]
    return table(columns, [(_scenario(*row[:2]), row[2]) for row in [*rows, ("all", report.total, "all")]])


def _scenario(name: str, quality: Quality) -> list[str]:
    detection = quality.detection
    return [
        name, number(quality.fraud), number(quality.caught), share(quality.precision), share(quality.recall),
        score(quality.average_precision), share(quality.precision_at_100),
        number(detection.incidents), number(detection.found),
        duration(detection.seconds_p50), duration(detection.seconds_p90), number(detection.before_p50),
    ]  # fmt: skip


def _rules(report: Report) -> str:
    columns = ("rule", "severity", "mode", "fires", "true", "false", "precision", "recall", "average precision",
               "precision at 100 a day", "only this rule: true", "only this rule: false", "incidents found",
               "only by this rule", "found after (median)")  # fmt: skip
    return table(columns, [(_rule(rule), "shadow" if rule.mode == "shadow" else "") for rule in report.rules], words=3)


def _rule(rule: RuleFigures) -> list[str]:
    quality = rule.quality
    return [
        rule.name, rule.severity, rule.mode, number(quality.flagged), number(quality.caught),
        number(quality.flagged - quality.caught), share(quality.precision), share(quality.recall),
        score(quality.average_precision), share(quality.precision_at_100), number(rule.only_caught),
        number(rule.only_false), number(quality.detection.found), number(rule.only_incidents),
        duration(quality.detection.seconds_p50),
    ]  # fmt: skip
