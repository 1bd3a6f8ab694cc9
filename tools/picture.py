"""SVG pictures that follow the reader's light or dark theme.

Shapes have the roles of their colours; the colours are CSS classes with a value for either theme. Plotting libraries
write fixed colours and bring tens of megabytes; a report and a benchmark need rectangles, lines, dots and text.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from math import ceil, floor, log10

_LIGHT = {
    "paper": "#ffffff", "ink": "#1b2733", "muted": "#63707e", "grid": "#e4e9ee", "edge": "#d5dce3",
    "good": "#0b7285", "also": "#8fc7d1", "bad": "#e8590c", "gone": "#b6c0ca", "over": "#ffffff",
    "s0": "#1971c2", "s1": "#d9480f", "s2": "#2b8a3e", "s3": "#9c36b5", "s4": "#a61e4d", "s5": "#5f3dc4",
}  # fmt: skip
_DARK = {
    "paper": "#171d24", "ink": "#e6ebf0", "muted": "#93a1af", "grid": "#29323c", "edge": "#323d49",
    "good": "#22b8cf", "also": "#126a78", "bad": "#ff922b", "gone": "#4d5a67", "over": "#0d1217",
    "s0": "#74c0fc", "s1": "#ffa94d", "s2": "#8ce99a", "s3": "#e599f7", "s4": "#ff8fab", "s5": "#b197fc",
}  # fmt: skip
SERIES = tuple(role for role in _LIGHT if role.startswith("s"))
_FONT = "system-ui,-apple-system,'Segoe UI',Helvetica,Arial,sans-serif"


def _rules(colours: dict[str, str]) -> str:
    return "".join(f".q-{role}{{fill:{colour}}}.q-{role}-line{{stroke:{colour}}}" for role, colour in colours.items())


STYLE = f"{_rules(_LIGHT)}@media(prefers-color-scheme:dark){{{_rules(_DARK)}}}"
"""The colours as CSS: a class for filling and one for drawing lines by role."""


def round_step(raw: float, factors: Sequence[float] = (1, 2, 5, 10)) -> float:
    """The first round number, a factor times a power of ten, that is no less than `raw`."""
    unit = 10.0 ** floor(log10(raw))
    return next(unit * factor for factor in factors if unit * factor >= raw)


def ticks(limit: float, about: int = 5) -> list[float]:
    """Round numbers from 0 to at least `limit`."""
    step = round_step(limit / about, (1, 2, 2.5, 5, 10))
    return [step * number for number in range(ceil(limit / step) + 1)]


def _number(value: float) -> str:
    """A coordinate in few characters."""
    return f"{value:.1f}".removesuffix(".0")


@dataclass
class Picture:
    """A picture, drawn part by part.

    Attributes:
        width: In pixels where nothing scales it.
        height: The same.
        title: Drawn on top, and the label for screen readers.
        subtitle: Drawn below the title.
    """

    width: float
    height: float
    title: str
    subtitle: str
    _parts: list[str] = field(default_factory=list)

    def text(
        self, x: float, y: float, words: str, role: str = "ink", *, size: float = 12, anchor: str = "start",
        weight: int = 400,
    ) -> None:  # fmt: skip
        """Write a line; `anchor` says which of its ends is at x: start, middle or end."""
        more = ("" if anchor == "start" else f" text-anchor='{anchor}'") + (
            "" if weight == 400 else f" font-weight='{weight}'"
        )
        self._parts.append(
            f"<text class='q-{role}' x='{_number(x)}' y='{_number(y)}' font-size='{_number(size)}'{more}>"
            f"{escape(words)}</text>"
        )

    def rect(
        self, x: float, y: float, width: float, height: float, role: str, *, opacity: float = 1, corner: float = 0
    ) -> None:
        """Fill a rectangle."""
        more = (f" rx='{_number(corner)}'" if corner else "") + (
            f" fill-opacity='{opacity:.2f}'" if opacity < 1 else ""
        )
        self._parts.append(
            f"<rect class='q-{role}' x='{_number(x)}' y='{_number(y)}' width='{_number(max(width, 0))}' "
            f"height='{_number(max(height, 0))}'{more}/>"
        )

    def line(self, points: Sequence[tuple[float, float]], role: str, *, width: float = 1, dashes: str = "") -> None:
        """Draw a line through some points."""
        path = " ".join(f"{_number(x)},{_number(y)}" for x, y in points)
        more = f" stroke-dasharray='{dashes}'" if dashes else ""
        self._parts.append(
            f"<polyline class='q-{role}-line' points='{path}' fill='none' stroke-width='{_number(width)}' "
            f"stroke-linejoin='round'{more}/>"
        )

    def dot(self, x: float, y: float, role: str, radius: float = 4) -> None:
        """Draw a dot with an edge in the paper's colour."""
        self._parts.append(
            f"<circle class='q-{role} q-paper-line' cx='{_number(x)}' cy='{_number(y)}' r='{_number(radius)}' "
            "stroke-width='1.5'/>"
        )

    def legend(self, x: float, y: float, entries: Sequence[tuple[str, str]], *, dots: bool = False) -> None:
        """Draw colours with their meaning, from left to right: the role and the words of each."""
        for role, words in entries:
            if dots:
                self.dot(x + 6, y + 6, role, 5)
            else:
                self.rect(x, y, 12, 12, role, corner=2)
            self.text(x + 18, y + 10, words, "muted")
            x += 40 + 6.2 * len(words)

    def svg(self, *, alone: bool) -> str:
        """Return the picture as SVG; `alone` with the colours inside, for a file of its own."""
        style = f"<style>{STYLE}</style>" if alone else ""
        head = Picture(self.width, self.height, "", "")
        head.rect(0, 0, self.width, self.height, "paper", corner=10)
        head.text(24, 34, self.title, size=17, weight=600)
        head.text(24, 54, self.subtitle, "muted", size=12)
        size = f"viewBox='0 0 {_number(self.width)} {_number(self.height)}'"
        fixed = f" width='{_number(self.width)}' height='{_number(self.height)}'" if alone else ""
        names = f'role="img" aria-label="{escape(self.title)}" font-family="{_FONT}"'
        opening = f'<svg xmlns="http://www.w3.org/2000/svg" {size}{fixed} {names}>'
        return "\n".join([opening, *([style] if style else []), *head._parts, *self._parts, "</svg>", ""])
