"""Figures for people."""

from datetime import UTC, datetime

from services.console.clock import DAY, HOUR, MINUTE


def duration(milliseconds: float) -> str:
    """Return a duration in its largest fitting unit: `45 s`, `12 min`, `3 h`, `5 d`."""
    size = abs(milliseconds)
    for unit, length in (("d", DAY), ("h", HOUR), ("min", MINUTE)):
        if size >= (2 * length if unit == "d" else length):
            return f"{size / length:.0f} {unit}"
    return f"{size / 1000:.0f} s"


def moment(milliseconds: int | None) -> str:
    """Return a moment in UTC, to the second."""
    if milliseconds is None:
        return ""
    return datetime.fromtimestamp(milliseconds / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")


def money(minor: int, scale: int) -> str:
    """Return an amount with its decimal places and thin groups of thousands."""
    sign, units = "-" if minor < 0 else "", f"{abs(minor):0{scale + 1}}"
    whole, places = (units[:-scale], units[-scale:]) if scale else (units, "")
    grouped = f"{int(whole):,}".replace(",", "\u202f")
    return f"{sign}{grouped}{'.' if scale else ''}{places}"
