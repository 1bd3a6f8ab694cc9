"""A little SVG: bars and lines with axes. Pure: numbers in, text out."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from math import ceil, floor, log10

WIDTH = 1000
MARGIN = 24
LETTER = 7.4  # how wide a letter of a label is, on average, in the widest of the fonts
INK, MUTED, GRID, PAPER = "#1f2933", "#6b7785", "#e3e8ee", "#ffffff"
OURS, FLOOR, PEER = "#0b7285", "#495057", "#adb5bd"
FONT = "font-family='system-ui, -apple-system, Segoe UI, Helvetica, Arial, sans-serif'"


@dataclass(frozen=True)
class Bar:
    """One bar: a value with its range, what it is, and in which colour."""

    label: str
    value: float
    low: float
    high: float
    colour: str
    note: str = ""


@dataclass(frozen=True)
class Line:
    """A curve: points in order of x, and its name."""

    name: str
    points: Sequence[tuple[float, float]]
    colour: str = OURS


def ticks(most: float, about: int = 5) -> list[float]:
    """Round numbers from 0 to at least `most`."""
    raw = most / about
    unit = 10.0 ** floor(log10(raw))
    step = next(unit * factor for factor in (1, 2, 2.5, 5, 10) if unit * factor >= raw)
    return [step * number for number in range(ceil(most / step) + 1)]


def bar_chart(title: str, subtitle: str, bars: Sequence[Bar], unit: str, foot: Sequence[str]) -> str:
    """Horizontal bars, one below the other, with the range as a thin line."""
    left = MARGIN + 10 + LETTER * max(len(bar.label) for bar in bars)
    right, row, top = 130, 30, 92
    marks = ticks(max(bar.high for bar in bars))
    scale = (WIDTH - left - right) / marks[-1]
    bottom = top + row * len(bars)
    parts = _head(title, subtitle)
    for mark in marks:
        x = left + mark * scale
        parts.append(f"<line x1='{x:.1f}' y1='{top - 6}' x2='{x:.1f}' y2='{bottom}' stroke='{GRID}'/>")
        parts.append(_text(x, bottom + 16, _number(mark), 11, MUTED, "middle"))
    parts.append(_text(left, top - 12, unit, 11, MUTED))
    for number, bar in enumerate(bars):
        y = top + number * row
        middle = y + row / 2 - 3
        end = left + bar.value * scale
        parts.append(_text(left - 10, middle + 4, bar.label, 13, INK, "end"))
        parts.append(
            f"<rect x='{left}' y='{y + 2}' width='{max(1.0, bar.value * scale):.1f}' height='{row - 10}' rx='2' "
            f"fill='{bar.colour}'/>"
        )
        low, high = left + bar.low * scale, left + bar.high * scale
        if high - low > 1:
            parts.append(
                f"<path d='M{low:.1f} {middle:.1f}H{high:.1f}"
                f"M{low:.1f} {middle - 4:.1f}v8M{high:.1f} {middle - 4:.1f}v8' "
                f"stroke='{INK}' stroke-width='1.2' fill='none'/>"
            )
        parts.append(_text(max(end, high) + 8, middle + 4, bar.note or _number(bar.value), 12, INK))
    return _whole(parts, bottom + 30, foot)


def line_chart(title: str, subtitle: str, lines: Sequence[Line], units: tuple[str, str], foot: Sequence[str]) -> str:
    """Curves over a common x axis; both axes begin at 0."""
    left, right, top, height = 70, 40, 92, 240
    x_marks = ticks(max(x for line in lines for x, _ in line.points), 8)
    y_marks = ticks(max(y for line in lines for _, y in line.points) * 1.1)
    across, up = (WIDTH - left - right) / x_marks[-1], height / y_marks[-1]
    bottom = top + height
    parts = _head(title, subtitle)
    for mark in y_marks:
        y = bottom - mark * up
        parts.append(f"<line x1='{left}' y1='{y:.1f}' x2='{WIDTH - right}' y2='{y:.1f}' stroke='{GRID}'/>")
        parts.append(_text(left - 8, y + 4, _number(mark), 11, MUTED, "end"))
    for mark in x_marks:
        parts.append(_text(left + mark * across, bottom + 18, _number(mark), 11, MUTED, "middle"))
    parts.append(_text(left - 8, top - 12, units[1], 11, MUTED, "end"))
    parts.append(_text(WIDTH - right, bottom + 36, units[0], 11, MUTED, "end"))
    for line in lines:
        path = " ".join(f"{left + x * across:.1f},{bottom - y * up:.1f}" for x, y in line.points)
        parts.append(
            f"<polyline points='{path}' fill='none' stroke='{line.colour}' stroke-width='2.2' stroke-linejoin='round'/>"
        )
        if len(lines) > 1:
            x, y = line.points[-1]
            parts.append(_text(left + x * across, bottom - y * up - 10, line.name, 12, line.colour, "end"))
    return _whole(parts, bottom + 48, foot)


def _head(title: str, subtitle: str) -> list[str]:
    return [_text(MARGIN, 36, title, 19, INK, weight="600"), _text(MARGIN, 58, subtitle, 13, MUTED)]


def _whole(parts: list[str], end: float, foot: Sequence[str]) -> str:
    lines = [_text(MARGIN, end + 12 + 15 * number, line, 10.5, MUTED) for number, line in enumerate(foot)]
    height = int(end + 20 + 15 * len(foot))
    size = f"viewBox='0 0 {WIDTH} {height}' width='{WIDTH}' height='{height}'"
    paper = f"<rect width='{WIDTH}' height='{height}' fill='{PAPER}'/>"
    return "\n".join([f"<svg xmlns='http://www.w3.org/2000/svg' {size} {FONT}>", paper, *parts, *lines, "</svg>", ""])


def _text(  # noqa: PLR0917 - as SVG has them
    x: float, y: float, words: str, size: float, colour: str, anchor: str = "start", weight: str = "400"
) -> str:
    return (
        f"<text x='{x:.1f}' y='{y:.1f}' font-size='{size}' fill='{colour}' text-anchor='{anchor}' "
        f"font-weight='{weight}'>{escape(words)}</text>"
    )


def _number(value: float) -> str:
    """Short: 1,200, 35, 7.5, 0.25."""
    if value == int(value):
        return f"{int(value):,}"
    return f"{value:.1f}" if value >= 5 else f"{value:.2f}"
