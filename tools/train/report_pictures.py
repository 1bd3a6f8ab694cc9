"""The pictures of a training report."""

from collections.abc import Mapping, Sequence

from tools.history.formatting import score
from tools.picture import Picture
from tools.train.training import TrainingReport

_WIDTH = 720.0
_ROLES = {"model": "good", "rules": "s1", "both": "s3"}
_LEFT, _RIGHT, _TOP, _BOTTOM = 64.0, _WIDTH - 30, 96.0, 370.0
_MOST_FEATURES = 15


def report_pictures(report: TrainingReport) -> Mapping[str, Picture]:
    """Return all pictures by name."""
    pictures = {"precision-recall": precision_recall(report), "scenarios": scenarios(report)}
    return pictures | {"calibration": calibration(report), "importance": importance(report), "budget": budget(report)}


def precision_recall(report: TrainingReport) -> Picture:
    """Draw precision over recall of each contender."""
    picture = Picture(
        _WIDTH, 420, "Precision and recall",
        "Of what is called fraud, how much is; of the fraud, how much is called so. With the average precision.",
    )  # fmt: skip

    def at(recall: float, precision: float) -> tuple[float, float]:
        return _LEFT + recall * (_RIGHT - _LEFT), _BOTTOM - precision * (_BOTTOM - _TOP)

    for tick in range(0, 101, 20):
        x, y = at(tick / 100, tick / 100)
        picture.line([(_LEFT, y), (_RIGHT, y)], "grid")
        picture.text(_LEFT - 8, y + 4, f"{tick} %", "muted", size=11, anchor="end")
        picture.text(x, _BOTTOM + 18, f"{tick} %", "muted", size=11, anchor="middle")
    picture.text(_RIGHT, _BOTTOM + 36, "recall", "muted", size=11, anchor="end")
    entries = []
    for contender in reversed(report.contenders):
        role = _ROLES[contender.name]
        points, reached = [], 0.0
        for recall, precision in contender.curve:  # a precision holds for all of the recall that it gains
            points += [at(reached, precision), at(recall, precision)]
            reached = recall
        if points:
            picture.line(points, role, width=2.2)
        entries.append((role, f"{contender.name} {score(contender.all.average_precision)}"))
    picture.legend(_LEFT, 66, entries[::-1])
    return picture


def scenarios(report: TrainingReport) -> Picture:
    """Draw the average precision of each contender by kind of fraud."""
    kinds = [*report.contenders[0].scenarios]
    picture = Picture(
        _WIDTH, 130 + 64.0 * max(len(kinds), 1), "By kind of fraud",
        "Average precision on the transactions of a kind and those that are no fraud.",
    )  # fmt: skip
    picture.legend(24, 66, [(_ROLES[contender.name], contender.name) for contender in report.contenders])
    height = 40.0 / len(report.contenders)
    for number, kind in enumerate(kinds):
        y = 104 + 64.0 * number
        picture.text(24, y + 2, f"{kind}: {report.scenario_rows[kind]:,}", weight=600)
        for place, contender in enumerate(report.contenders):
            value = contender.scenarios[kind].average_precision or 0.0
            top = y + 9 + place * height
            picture.rect(24, top, value * (_WIDTH - 110), height - 2, _ROLES[contender.name], corner=2)
            picture.text(32 + value * (_WIDTH - 110), top + height - 3, score(value), "muted", size=min(12, height))
    return picture


def calibration(report: TrainingReport) -> Picture:
    """Draw the share of fraud over the mean score, of transactions with similar scores."""
    picture = Picture(
        _WIDTH, 420, "Calibration",
        "The share of fraud among transactions of similar scores. On the line, a score is a probability.",
    )  # fmt: skip

    def at(x: float, y: float) -> tuple[float, float]:
        return _LEFT + x * (_RIGHT - _LEFT), _BOTTOM - y * (_BOTTOM - _TOP)

    for tick in range(0, 101, 20):
        x, y = at(tick / 100, tick / 100)
        picture.line([(_LEFT, y), (_RIGHT, y)], "grid")
        picture.text(_LEFT - 8, y + 4, f"{tick} %", "muted", size=11, anchor="end")
        picture.text(x, _BOTTOM + 18, f"{tick / 100:g}", "muted", size=11, anchor="middle")
    picture.text(_RIGHT, _BOTTOM + 36, "score", "muted", size=11, anchor="end")
    picture.text(_LEFT, _TOP - 10, "share of fraud", "muted", size=11)
    picture.line([at(0, 0), at(1, 1)], "gone", width=1.5, dashes="4 4")
    if len(report.calibration) > 1:
        picture.line([at(part.score, part.fraud) for part in report.calibration], "good", width=2.2)
    for part in report.calibration:
        picture.dot(*at(part.score, part.fraud), "good", 5)
    return picture


def importance(report: TrainingReport) -> Picture:
    """Draw how far features move the score."""
    shown = list(report.importance.items())[:_MOST_FEATURES]
    picture = Picture(
        _WIDTH, 90 + 24.0 * max(len(shown), 1), "Features",
        "How far a feature moves the log-odds of fraud, on average; the strongest first.",
    )  # fmt: skip
    longest = max((mean for _, mean in shown), default=1.0) or 1.0
    left = 40 + 7.2 * max((len(name) for name, _ in shown), default=0)
    for number, (name, mean) in enumerate(shown):
        y = 74 + 24.0 * number
        width = mean / longest * (_WIDTH - 90 - left)
        picture.text(left - 10, y + 13, name, anchor="end")
        picture.rect(left, y, width, 17, "good", corner=3)
        picture.text(left + width + 8, y + 13, f"{mean:.2f}", "muted", size=11)
    return picture


def budget(report: TrainingReport) -> Picture:
    """Draw the table of thresholds and alerts a day."""
    rates = report.model.alert_rates[:14]
    picture = Picture(
        _WIDTH, 118 + 22.0 * len(rates), "Threshold and alerts",
        "Transactions a day with at least a score, in the test. A budget in the rules file is looked up here.",
    )  # fmt: skip
    _line(picture, 88, ("score of at least", "transactions a day"), "muted")
    for number, rate in enumerate(rates):
        y = 112 + 22.0 * number
        picture.line([(24, y - 15), (_WIDTH - 24, y - 15)], "grid")
        _line(picture, y, (f"{rate.threshold:.4f}", f"{rate.per_day:,.1f}"), "ink")
    return picture


def _line(picture: Picture, y: float, words: Sequence[str], role: str) -> None:
    for x, text in zip((220.0, 460.0), words, strict=True):
        picture.text(x, y, text, role, anchor="end")
