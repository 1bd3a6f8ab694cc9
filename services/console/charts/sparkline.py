"""Small charts of the live page."""

from collections.abc import Sequence

from markupsafe import Markup

from services.console.charts.svg import tag


def draw_bars(values: Sequence[int], label: str) -> Markup:
    """Return a small bar chart; the last bar is the latest.

    Args:
        values: A bar each.
        label: What it shows, for those who can't see it.
    """
    width, height = 4 * len(values), 28
    most = max(values, default=0) or 1
    bars = [
        tag("rect", x=4 * index, y=height - max(1.0, height * value / most), width=3,
            height=max(1.0, height * value / most), class_="bar" if value else "bar none")
        for index, value in enumerate(values)
    ]  # fmt: skip
    return tag(
        "svg", *bars, viewBox=f"0 0 {width} {height}", role="img", aria_label=label, class_="bars",
        preserveAspectRatio="none",
    )  # fmt: skip


def draw_rates(legit: Sequence[int], fraud: Sequence[int]) -> Markup:
    """Return an area chart of transactions a second, fraud above legit."""
    width, height = 960, 140
    count = len(legit)
    totals = [one + other for one, other in zip(legit, fraud, strict=True)]
    most = max(totals, default=0) or 1

    def outline(values: Sequence[int]) -> str:
        return " ".join(
            f"{width * index / max(count - 1, 1):.1f},{height - (height - 12) * value / most:.1f}"
            for index, value in enumerate(values)
        )

    base = f"0,{height} "
    areas = [
        tag("polygon", points=f"{base}{outline(totals)} {width},{height}", class_="area fraud"),
        tag("polygon", points=f"{base}{outline(legit)} {width},{height}", class_="area legit"),
    ]
    label = f"Transactions a second, {count} s: at most {most:,}, of them fraud at most {max(fraud, default=0):,}"
    return tag("svg", *areas, viewBox=f"0 0 {width} {height}", role="img", aria_label=label, class_="rates",
               preserveAspectRatio="none")  # fmt: skip
