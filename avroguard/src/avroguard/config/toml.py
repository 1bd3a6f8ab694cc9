"""TOML files, with the place of what is wrong in them."""

import re
import tomllib
from typing import Any

from avroguard.errors import ContractError


def parse_toml(file: str, content: bytes) -> tuple[str, dict[str, Any]]:
    """The text of a TOML file, and its tables.

    Args:
        file: What to call the file in messages.
        content: Its bytes.

    Raises:
        ContractError: If it is no TOML, with file and line.
    """
    try:
        text = content.decode("utf-8")
        return text, tomllib.loads(text)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ContractError(f"{file}:{line}: not UTF-8; save the file as UTF-8") from None
    except (tomllib.TOMLDecodeError, ValueError, RecursionError) as error:
        raise ContractError(_not_toml(file, text, error)) from None


def _not_toml(file: str, text: str, error: Exception) -> str:
    """The parser's message with its place in front: it ends in ``(at line 3, column 5)``."""
    message = str(error) or "nested too deep"
    place = re.search(r" \(at (?:line (\d+), column (\d+)|end of document)\)$", message)
    if place is None:
        return f"{file}:1: not TOML: {message}"
    line = place.group(1) or str(text.count("\n") + 1)
    column = f":{place.group(2)}" if place.group(2) else ""
    return f"{file}:{line}{column}: not TOML: {message[: place.start()]}"


def toml_shown(value: Any) -> str:
    """A value of a TOML file as a message shows it."""
    match value:
        case None:
            return "nothing"
        case bool():
            return str(value).lower()
        case str():
            return f'"{value}"'
        case dict():
            return "a table"
        case list():
            return "an array"
        case _:
            return str(value)
