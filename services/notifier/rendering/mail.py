"""Messages as plain text and HTML."""

from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from services.notifier.rendering.content import Content

COLOURS = {"critical": "#b3003c", "high": "#c2410c", "medium": "#a16207", "low": "#0369a1", "": "#475569"}
"""Colours of severities; white text on each has a contrast of at least 4.5."""


@cache
def templates() -> Environment:
    """Return the templates; values are escaped in HTML."""
    return Environment(
        loader=PackageLoader("services.notifier.rendering"),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def html_of(content: Content) -> str:
    """Return a message as HTML for mail programs: tables, no scripts, nothing loaded from elsewhere."""
    return templates().get_template("alerts.html").render(content=content, colours=COLOURS)


def text_of_content(content: Content) -> str:
    """Return a message as plain text."""
    lines = [content.title, "=" * len(content.title), "", *content.introduction]
    for alert in content.alerts:
        lines += ["", f"[{alert.severity.upper()}] {alert.rule}", f"  {alert.reason}"]
        lines += [f"  {name}: {value}" for name, value in alert.facts]
        lines += [f"  {alert.note}"] if alert.note else []
        lines += [f"  {alert.link}"] if alert.link else []
    if content.more:
        lines += ["", f"... and {content.more:,} more"]
    lines += ["", *content.warnings, f"Notification {content.id}"]
    return "\n".join(lines) + "\n"
