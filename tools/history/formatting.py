"""Figures for people."""

_UNITS = ((86_400.0, "d"), (3_600.0, "h"), (60.0, "min"), (1.0, "s"))
NOTHING = "-"


def share(value: float | None) -> str:
    """A share as a percentage: 0.0412 is ``4.1 %``, exactly 0 is ``0 %``, exactly 1 ``100 %``; a dash for none."""
    if value is None:
        return NOTHING
    return f"{100 * value:.0f} %" if value in {0, 1} else f"{100 * value:.1f} %"


def rate(value: float) -> str:
    """A number a day: 158.2; small ones get as many digits as they need: 0.03."""
    return f"{value:,.1f}" if value >= 0.1 or not value else f"{value:.1g}"


def score(value: float | None) -> str:
    """A figure between 0 and 1; a dash for none."""
    return NOTHING if value is None else f"{value:.3f}"


def number(value: float | None) -> str:
    """A count; a dash for none."""
    return NOTHING if value is None else f"{value:,.0f}"


def days(value: float) -> str:
    """A span of event time: 28.94 is ``28.9 days``, less than a day ``4.2 min``."""
    return f"{value:.1f} days" if value >= 1 else duration(86_400 * value)


def duration(seconds: float | None) -> str:
    """A time span in its largest unit: 5400 is ``1.5 h``; a dash for none."""
    if seconds is None:
        return NOTHING
    size, unit = next(((size, unit) for size, unit in _UNITS if seconds >= size), _UNITS[-1])
    value = seconds / size
    return f"{value:.1f} {unit}" if value < 100 and unit != "s" else f"{value:.0f} {unit}"
