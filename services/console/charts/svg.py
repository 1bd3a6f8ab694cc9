"""SVG as text: every value is escaped, no style is inline (the content security policy forbids it)."""

from html import escape
from typing import Any

from markupsafe import Markup


def tag(name: str, *children: Markup, text: str | None = None, **attributes: Any) -> Markup:
    """Return an element.

    Args:
        name: Its name.
        children: Its elements.
        text: Its text, before them.
        attributes: Its attributes; `_` stands for `-`, a final `_` is left out, None leaves an attribute out.
    """
    listed = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(_shown(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    inner = (escape(text) if text is not None else "") + "".join(children)
    return Markup(f"<{name}{listed}>{inner}</{name}>")  # noqa: S704 - every part is escaped above


def _shown(value: Any) -> str:
    return f"{value:.1f}".removesuffix(".0") if isinstance(value, float) else str(value)
