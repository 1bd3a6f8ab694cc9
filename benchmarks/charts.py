"""Bar charts and line charts of benchmark figures."""

from collections.abc import Sequence
from dataclasses import dataclass

from tools.picture import Picture, ticks

WIDTH = 1000.0
TOP = 92.0
LETTER = 7.4  # mean width of a letter of a label, in the widest of the fonts
OURS, FLOOR, PEER = "good", "muted", "gone"


@dataclass(frozen=True)
class Bar:
    """A bar: a value with its range, and the role of its colour."""

    label: str
    value: float
    low: float
    high: float
    role: str
    note: str


@dataclass(frozen=True)
class Chart:
    """The words of a chart.

    Attributes:
        title: Its content.
        subtitle: The explanation below the title.
        foot: Lines below it: where and how the figures were measured.
    """

    title: str
    subtitle: str
    foot: Sequence[str]

    def picture(self, bottom: float) -> Picture:
        """A picture with these words, whose drawing ends at `bottom`."""
        picture = Picture(WIDTH, bottom + 20 + 15 * len(self.foot), self.title, self.subtitle)
        for number, line in enumerate(self.foot):
            picture.text(24, bottom + 12 + 15 * number, line, "muted", size=10.5)
        return picture


def bar_chart(chart: Chart, bars: Sequence[Bar], unit: str) -> Picture:
    """Horizontal bars, one below the other, with the range as a thin line."""
    left, right, row = 34 + LETTER * max(len(bar.label) for bar in bars), WIDTH - 130, 30.0
    marks = ticks(max(bar.high for bar in bars))
    scale = (right - left) / marks[-1]
    bottom = TOP + row * len(bars)
    picture = chart.picture(bottom + 30)
    picture.text(left, TOP - 12, unit, "muted", size=11)
    for mark in marks:
        x = left + mark * scale
        picture.line([(x, TOP - 6), (x, bottom)], "grid")
        picture.text(x, bottom + 16, short(mark), "muted", size=11, anchor="middle")
    for number, bar in enumerate(bars):
        middle = TOP + (number + 0.5) * row
        low, high, end = (left + value * scale for value in (bar.low, bar.high, bar.value))
        picture.text(left - 10, middle + 4, bar.label, size=13, anchor="end")
        picture.rect(left, middle - 10, max(1.0, end - left), row - 10, bar.role, corner=2)
        if high - low > 1:
            picture.line([(low, middle), (high, middle)], "ink", width=1.2)
            for x in (low, high):
                picture.line([(x, middle - 4), (x, middle + 4)], "ink", width=1.2)
        picture.text(max(end, high) + 8, middle + 4, bar.note)
    return picture


def line_chart(chart: Chart, points: Sequence[tuple[float, float]], units: tuple[str, str]) -> Picture:
    """A curve through points in order of x; both axes begin at 0."""
    left, right, bottom = 70.0, WIDTH - 40, TOP + 240
    x_marks, y_marks = ticks(max(x for x, _ in points), 8), ticks(max(y for _, y in points) * 1.1)
    across, up = (right - left) / x_marks[-1], (bottom - TOP) / y_marks[-1]
    picture = chart.picture(bottom + 48)
    for mark in y_marks:
        y = bottom - mark * up
        picture.line([(left, y), (right, y)], "grid")
        picture.text(left - 8, y + 4, short(mark), "muted", size=11, anchor="end")
    for mark in x_marks:
        picture.text(left + mark * across, bottom + 18, short(mark), "muted", size=11, anchor="middle")
    picture.text(left - 8, TOP - 12, units[1], "muted", size=11, anchor="end")
    picture.text(right, bottom + 36, units[0], "muted", size=11, anchor="end")
    picture.line([(left + x * across, bottom - y * up) for x, y in points], OURS, width=2.2)
    return picture


def short(value: float) -> str:
    """A number as people read it: 1,200, 35, 7.5, 0.25."""
    if value == int(value):
        return f"{int(value):,}"
    return f"{value:.1f}" if value >= 5 else f"{value:.2f}"
