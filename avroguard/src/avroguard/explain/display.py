"""Values in one line, as demonstrations show them. No I/O."""

import json
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

_LONGEST = 300  # characters of a value that are shown


def shown(value: Any) -> str:
    """A value in one line, as JSON as far as JSON can say it."""
    text = _text(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."


def _text(value: Any) -> str:  # noqa: PLR0911 - a case for each type
    match value:
        case dict():
            return "{" + ", ".join(f"{json.dumps(str(key))}: {_text(inner)}" for key, inner in value.items()) + "}"
        case list():
            return f"[{', '.join(map(_text, value))}]"
        case Decimal():
            return f"{value:f}"
        case datetime() | date() | time():
            return f'"{value.isoformat()}"'
        case bytes():
            return f'"0x{value.hex()}"'
        case None | bool() | int() | float():
            return json.dumps(value)
    return json.dumps(str(value), ensure_ascii=False)
