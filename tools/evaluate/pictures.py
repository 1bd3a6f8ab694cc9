"""The pictures of a report."""

import math
from collections.abc import Mapping
from datetime import UTC, datetime

from tools.evaluate.metrics import PER_DAY
from tools.evaluate.report import Report
from tools.history.formatting import rate, score, share
from tools.picture import SERIES, Picture, round_step

_WIDTH = 720.0
_TOP = 84.0
_TIMES = ((1, "≤ 1 s"), (10, "10 s"), (60, "1 min"), (600, "10 min"), (3600, "1 h"), (21_600, "6 h"), (86_400, "1 d"),
          (604_800, "7 d"), (2_592_000, "30 d"))  # fmt: skip
_MAX_DAYS = 62
_SEVERITIES = {"critical": "s4", "high": "s1", "medium": "s0", "low": "muted"}


def pictures(report: Report) -> Mapping[str, Picture]:
    """Return every picture that the figures are enough for, by name."""
    pictures = {}
    if report.total.fraud:
        pictures["precision-recall"] = precision_recall(report)
        pictures["rules-and-scenarios"] = rules_and_scenarios(report)
    if any(scenario.seconds for scenario in report.scenarios):
        pictures["time-to-detection"] = time_to_detection(report)
    if any(rule.quality.flagged for rule in report.rules):
        pictures["what-rules-fire-on"] = rule_precision(report)
    if len(report.days) > 1:
        pictures["days"] = days(report)
    return pictures


def precision_recall(report: Report) -> Picture:
    """Precision over recall, a dot for each threshold."""
    picture = Picture(
        _WIDTH, 420, f"Precision and recall: average precision {score(report.total.average_precision)}",
        "Of what is called fraud, how much is; of the fraud, how much is called so. A dot for each score.",
    )  # fmt: skip
    left, right, top, bottom = 64.0, _WIDTH - 30, 126.0, 370.0
    across, up = right - left, bottom - top

    def at(recall: float, precision: float) -> tuple[float, float]:
        return left + recall * across, bottom - precision * up

    for tick in range(0, 101, 20):
        x, y = at(tick / 100, tick / 100)
        picture.line([(left, y), (right, y)], "grid")
        picture.text(left - 8, y + 4, f"{tick} %", "muted", size=11, anchor="end")
        picture.text(x, bottom + 18, f"{tick} %", "muted", size=11, anchor="middle")
    picture.text(right, bottom + 36, "recall", "muted", size=11, anchor="end")
    picture.text(left, top - 10, "precision", "muted", size=11)
    base = report.total.fraud / report.total.transactions
    picture.line([at(0, base), at(1, base)], "gone", width=1.5, dashes="4 4")
    picture.text(left + 8, at(1, base)[1] - 6, f"calling everything fraud: {share(base)}", "muted", size=11)
    points, reached = [], 0.0
    for step in report.steps:  # the precision of a step holds for all of the recall that it gains
        points += [at(reached, step.precision), at(step.recall, step.precision)]
        reached = step.recall
    if points:
        picture.line([*points, at(reached, base)], "good", width=2.2)
    severities = list(dict.fromkeys(step.severity for step in report.steps))
    entries = [
        (_SEVERITIES[severity], f"{severity} or worse" if number else severity)
        for number, severity in enumerate(severities)
    ]
    picture.legend(left, _TOP - 7, entries, dots=True)
    for step in report.steps:
        picture.dot(*at(step.recall, step.precision), _SEVERITIES[step.severity], 5)
    return picture


def time_to_detection(report: Report) -> Picture:
    """Draw for each scenario the share of incidents that were detected within a time."""
    scenarios = [scenario for scenario in report.scenarios if scenario.quality.detection.incidents]
    picture = Picture(
        _WIDTH, 420, "Time to detection",
        "The share of all incidents that were found within a time from their first transaction.",
    )  # fmt: skip
    ends = {
        scenario.name: f"{scenario.name} {share(len(scenario.seconds) / scenario.quality.detection.incidents)}"
        for scenario in scenarios
    }
    left, right, bottom = 64.0, _WIDTH - 26 - 7.6 * max(map(len, ends.values())), 370.0
    longest = max(max(scenario.seconds, default=1.0) for scenario in scenarios)
    ticks = [tick for number, tick in enumerate(_TIMES) if not number or _TIMES[number - 1][0] < longest]
    end = math.log10(max(ticks[-1][0], 10))

    def at(seconds: float, part: float) -> tuple[float, float]:
        return left + math.log10(max(seconds, 1)) / end * (right - left), bottom - part * (bottom - _TOP)

    for tick in range(0, 101, 20):
        y = at(1, tick / 100)[1]
        picture.line([(left, y), (right, y)], "grid")
        picture.text(left - 8, y + 4, f"{tick} %", "muted", size=11, anchor="end")
    for mark, words in ticks:
        x = at(mark, 0)[0]
        picture.line([(x, bottom), (x, bottom + 4)], "edge")
        picture.text(x, bottom + 18, words, "muted", size=11, anchor="middle")
    picture.text(right, bottom + 36, "since the first transaction, in event time (logarithmic)", "muted", size=11,
                 anchor="end")  # fmt: skip
    labels = []
    for index, scenario in enumerate(scenarios):
        role = SERIES[index % len(SERIES)]
        incidents = scenario.quality.detection.incidents
        points = [at(0, 0)]
        for before, seconds in enumerate(scenario.seconds):
            points += [at(seconds, before / incidents), at(seconds, (before + 1) / incidents)]
        points.append((right, points[-1][1]))
        picture.line(points, role, width=2.2)
        labels.append((points[-1][1], ends[scenario.name], role))
    line = 0.0
    for y, words, role in sorted(labels):  # from the top down, none on another
        line = max(y + 4, line + 17)
        picture.text(right + 8, line, words, role, size=12.5, weight=600)
    return picture


def rules_and_scenarios(report: Report) -> Picture:
    """The share of each scenario that each rule finds."""
    columns = [scenario.name for scenario in report.scenarios]
    names = [f"{rule.name} (shadow)" if rule.mode == "shadow" else rule.name for rule in report.rules]
    left, row, extra = 34 + 7.2 * max(map(len, names)), 40.0, 130.0
    cell = (_WIDTH - left - extra - 24) / len(columns)
    picture = Picture(
        _WIDTH, _TOP + 26 + row * len(names) + 22, "Which rule finds what",
        "The share of each scenario's incidents that a rule finds (of its transactions, where incidents aren't known).",
    )  # fmt: skip
    for number, name in enumerate(columns):
        lines = _in_lines(name, int(cell / 7.4))
        for line, words in enumerate(lines, 1 - len(lines)):
            picture.text(left + (number + 0.5) * cell, _TOP + 12 + 14 * line, words, "muted", size=12, anchor="middle")
    picture.text(_WIDTH - 30, _TOP + 12, "false alarms a day", "muted", size=12, anchor="end")
    for line, (name, rule) in enumerate(zip(names, report.rules, strict=True)):
        y = _TOP + 26 + line * row
        picture.text(left - 12, y + row / 2 + 4, name, size=13, anchor="end")
        for number, scenario in enumerate(columns):
            part = rule.incidents[scenario]
            x = left + number * cell
            picture.rect(x + 2, y + 2, cell - 4, row - 4, "grid", corner=4)
            picture.rect(x + 2, y + 2, cell - 4, row - 4, "good", opacity=part, corner=4)
            role = "over" if part > 0.5 else "ink" if part else "muted"
            picture.text(x + cell / 2, y + row / 2 + 4, share(part), role, size=12.5, anchor="middle", weight=600)
        false = (rule.quality.flagged - rule.quality.caught) / max(report.days_of_data, 1e-9)
        picture.text(_WIDTH - 30, y + row / 2 + 4, rate(false), size=12.5, anchor="end")
    return picture


def rule_precision(report: Report) -> Picture:
    """The share of fraud among the transactions that each rule fires on."""
    fired = [rule for rule in report.rules if rule.quality.flagged]
    names = [f"{rule.name} (shadow)" if rule.mode == "shadow" else rule.name for rule in fired]
    left, right, row, top = 34 + 7.2 * max(map(len, names)), _WIDTH - 140, 36.0, _TOP + 30
    picture = Picture(
        _WIDTH,
        top + row * len(fired) + 20,
        "What each rule fires on",
        "Shares of the transactions that it fires on; at the right, how many of them are fraud.",
    )
    entries = [("good", "fraud, no other rule fires"), ("also", "fraud, others fire as well"), ("bad", "no fraud")]
    picture.legend(left, _TOP - 4, entries)
    for line, (name, rule) in enumerate(zip(names, fired, strict=True)):
        y, quality = top + line * row, rule.quality
        picture.text(left - 12, y + row / 2 + 1, name, size=13, anchor="end")
        x = left
        parts = (rule.only_caught, quality.caught - rule.only_caught, quality.flagged - quality.caught)
        for count, role in zip(parts, ("good", "also", "bad"), strict=True):
            width = (right - left) * count / quality.flagged
            picture.rect(x, y + 2, width, row - 14, role)
            x += width
        picture.text(right + 12, y + row / 2 + 1, f"{quality.caught:,} of {quality.flagged:,}", size=12.5)
    return picture


def days(report: Report) -> Picture:
    """Transactions called fraud, and fraud that was missed, day by day."""
    shown = report.days[:_MAX_DAYS]
    picture = Picture(
        _WIDTH, 400, "Day by day",
        f"Transactions called fraud (up) and fraud that was missed (down); dashed: {PER_DAY} a day."
        + (f" The first {_MAX_DAYS} days." if len(report.days) > _MAX_DAYS else ""),
    )  # fmt: skip
    left, right, top, bottom = 64.0, _WIDTH - 30, _TOP + 26, 362.0
    above = max(*(day.caught + day.false for day in shown), PER_DAY)
    under = max(day.missed for day in shown)
    scale = (bottom - top) / (above + under)
    zero = top + above * scale
    entries = [("good", "fraud, called so"), ("bad", "no fraud, called so"), ("gone", "fraud, missed")]
    picture.legend(left, _TOP - 4, entries)
    step = int(round_step(max(1, (above + under) / 6)))
    for tick in range(-(under // step) * step, above + 1, step):
        y = zero - tick * scale
        picture.line([(left, y), (right, y)], "grid")
        picture.text(left - 8, y + 4, f"{abs(tick):,}", "muted", size=11, anchor="end")
    slot = (right - left) / len(shown)
    width = min(slot * 0.72, 34)
    every = math.ceil(len(shown) / 10)
    for number, day in enumerate(shown):
        x = left + (number + 0.5) * slot - width / 2
        picture.rect(x, zero - day.caught * scale, width, day.caught * scale, "good")
        picture.rect(x, zero - (day.caught + day.false) * scale, width, day.false * scale, "bad")
        picture.rect(x, zero, width, day.missed * scale, "gone")
        if number % every == 0:
            date = datetime.fromtimestamp(day.start_ms / 1000, UTC).strftime("%d %b").lstrip("0")
            picture.text(x + width / 2, bottom + 20, date, "muted", size=11, anchor="middle")
    picture.line([(left, zero), (right, zero)], "muted")
    picture.line([(left, zero - PER_DAY * scale), (right, zero - PER_DAY * scale)], "ink", dashes="5 4")
    return picture


def _in_lines(name: str, limit: int) -> list[str]:
    """A name in at most two lines, cut behind a hyphen or underscore, where `limit` characters are too few."""
    cuts = [place for place in range(1, len(name)) if name[place - 1] in "-_ "]
    if len(name) <= limit or not cuts:
        return [name]
    middle = min(cuts, key=lambda place: abs(2 * place - len(name)))
    return [name[:middle], name[middle:]]
