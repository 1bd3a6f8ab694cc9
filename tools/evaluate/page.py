"""The report as one HTML page: nothing is loaded from anywhere, light or dark as the reader has it."""

from collections.abc import Iterable, Sequence
from html import escape

from tools.evaluate.metrics import Quality
from tools.evaluate.pictures import pictures
from tools.evaluate.report import Report, RuleFigures
from tools.history.formatting import days, duration, number, score, share
from tools.picture import STYLE

_CSS = (
    """
:root{color-scheme:light dark;--page:#f3f5f7;--paper:#fff;--ink:#1b2733;--muted:#63707e;--edge:#d5dce3;--good:#0b7285}
@media(prefers-color-scheme:dark){:root{--page:#0d1217;--paper:#171d24;--ink:#e6ebf0;--muted:#93a1af;--edge:#323d49;
--good:#22b8cf}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);font:15px/1.5 system-ui,-apple-system,'Segoe UI',Helvetica,Arial,
sans-serif}
main{max-width:1180px;margin:0 auto;padding:32px 20px 64px}
h1{font-size:26px;line-height:1.25;margin:0 0 4px}h2{font-size:18px;margin:40px 0 12px}
p{margin:4px 0;color:var(--muted)}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));gap:12px;margin:24px 0}
.tile{background:var(--paper);border:1px solid var(--edge);border-radius:10px;padding:14px 16px}
.tile b{display:block;font-size:25px;font-weight:650;letter-spacing:-.01em;color:var(--good)}
.tile span{color:var(--muted);font-size:13px}
.pictures{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,480px),1fr));gap:16px}
figure{margin:0;border:1px solid var(--edge);border-radius:10px;background:var(--paper);overflow-x:auto}
figure svg{display:block;width:100%;min-width:560px;height:auto}
.scroll{overflow-x:auto;background:var(--paper);border:1px solid var(--edge);border-radius:10px}
table{border-collapse:collapse;width:100%;font-size:13.5px;font-variant-numeric:tabular-nums}
th,td{padding:8px 12px;text-align:right;white-space:nowrap;border-top:1px solid var(--edge)}
th{color:var(--muted);font-weight:500;border-top:0;vertical-align:bottom;white-space:normal}
th:first-child,td:first-child{font-weight:600}.words{text-align:left}tr.all td{font-weight:650}tr.shadow td{opacity:.65}
dt{font-weight:600;margin-top:10px}dd{margin:0;color:var(--muted);max-width:80ch}
"""
    + STYLE
)

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
    figures = "".join(f"<figure>{picture.svg(alone=False)}</figure>" for picture in pictures(report).values())
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<title>How well the rules catch fraud</title><style>{_CSS}</style></head><body><main>
<h1>How well the rules catch fraud</h1>
<p>{escape(report.source)}</p><p>{escape(head)}</p>{"".join(f"<p>{escape(note)}</p>" for note in notes)}
<div class="tiles">{"".join(_tiles(total))}</div>
<div class="pictures">{figures}</div>
<h2>Per scenario</h2>{_scenarios(report)}
<h2>Per rule</h2>{_rules(report)}
<h2>What the figures mean</h2>{_DEFINITIONS}
</main></body></html>
"""


def _tiles(total: Quality) -> Iterable[str]:
    detection = total.detection
    tiles = [
        (share(total.precision), "precision"),
        (share(total.recall), "recall"),
        (score(total.average_precision), "average precision"),
        (share(total.precision_at_100), "precision at 100 a day"),
    ]
    if detection.incidents:
        tiles.append((f"{detection.found} of {detection.incidents}", "incidents found"))
        tiles.append((duration(detection.seconds_p50), "until found (median)"))
    return (f'<div class="tile"><b>{escape(value)}</b><span>{escape(name)}</span></div>' for value, name in tiles)


def _scenarios(report: Report) -> str:
    columns = ("scenario", "fraud", "caught", "precision", "recall", "average precision", "precision at 100 a day",
               "incidents", "found", "found after (median)", "90 % within", "payments before (median)")  # fmt: skip
    rows = [(scenario.name, scenario.quality, "") for scenario in report.scenarios]
    return _table(columns, [(_scenario(*row[:2]), row[2]) for row in [*rows, ("all", report.total, "all")]])


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
    return _table(columns, [(_rule(rule), "shadow" if rule.mode == "shadow" else "") for rule in report.rules], words=3)


def _rule(rule: RuleFigures) -> list[str]:
    quality = rule.quality
    return [
        rule.name, rule.severity, rule.mode, number(quality.flagged), number(quality.caught),
        number(quality.flagged - quality.caught), share(quality.precision), share(quality.recall),
        score(quality.average_precision), share(quality.precision_at_100), number(rule.only_caught),
        number(rule.only_false), number(quality.detection.found), number(rule.only_incidents),
        duration(quality.detection.seconds_p50),
    ]  # fmt: skip


def _table(columns: Sequence[str], rows: Iterable[tuple[Sequence[str], str]], *, words: int = 1) -> str:
    """A table whose first columns, so many as `words` says, are no figures."""

    def line(tag: str, cells: Sequence[str]) -> str:
        return "".join(
            f"<{tag}{' class=words' if at < words else ''}>{escape(cell)}</{tag}>" for at, cell in enumerate(cells)
        )

    head = line("th", columns)
    body = "".join(f"<tr{f' class={kind}' if kind else ''}>{line('td', cells)}</tr>" for cells, kind in rows)
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'
