"""How messages about a rules file put things."""

import difflib
from collections.abc import Iterable
from typing import Any


def suggestion(name: str, known: Iterable[str]) -> str:
    """``; did you mean "x"?`` where a known name is close to ``name``, else nothing."""
    close = difflib.get_close_matches(name, list(known), n=1)
    return f'; did you mean "{close[0]}"?' if close else ""


def shown(value: Any) -> str:
    """A value of a TOML file as a message shows it."""
    match value:
        case str():
            return f'"{value}"' if len(value) <= 60 else f'"{value[:57]}..."'
        case bool():
            return str(value).lower()
        case dict() | list():
            return "a table" if isinstance(value, dict) else "an array"
        case None:
            return "nothing"
    return str(value)
