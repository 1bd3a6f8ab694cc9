"""TOML with the line of every key, so that an error can say where to look: Python's own parser gives none."""

import re
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import Any

from avroguard.errors import ContractError

TomlPath = tuple[str | int, ...]
"""The way from a document's root to a value: keys of tables and indices of arrays."""

_SPACE = re.compile(r"[ \t]*")
_BLANK = re.compile(r"(?:[ \t\n]|#[^\n]*)*")
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_TEXT = re.compile(
    r'"""(?:[^"\\]|\\.|"(?!""))*"{3,5}|' + r"'''(?:[^']|'(?!''))*'{3,5}|" + r'"(?:[^"\\]|\\.)*"|' + r"'[^']*'",
    re.DOTALL,
)
_SCALAR = re.compile(r"[^,\]}#\n]+")
_THOUSANDS = re.compile(r"=\s*\d{1,3}(?:,\d{3})+\b")
_PLACE = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")


@dataclass(frozen=True)
class TomlDocument:
    """A parsed TOML text.

    Attributes:
        name: Its name in messages.
        text: The text, its lines ended by line feeds.
        data: Its content; numbers with a point or an exponent are converted as ``parse_toml`` was told.
    """

    name: str
    text: str
    data: dict[str, Any]

    @cached_property
    def _places(self) -> "_Scanner":
        scanner = _Scanner(self.text)
        scanner.document()
        return scanner

    def line(self, path: TomlPath = (), offset: int | None = None) -> int:
        """The line, from 1, of the key or element at ``path``, or of the nearest one around it.

        Args:
            path: The path of the value.
            offset: For the line of a character in a text of several lines: how many of its characters come before.
        """
        while path and path not in self._places.keys:
            path, offset = path[:-1], None
        value, start = self._value(path), self._places.values.get(path)
        if offset is None or start is None or not isinstance(value, str):
            return self.text.count("\n", 0, self._places.keys.get(path, 0)) + 1
        opened = self.text.startswith(('"""\n', "'''\n"), start)  # that line feed is no part of the value
        return self.text.count("\n", 0, start) + 1 + opened + value.count("\n", 0, offset)

    def _value(self, path: TomlPath) -> Any:
        value: Any = self.data
        for key in path:
            value = value[key]
        return value


def parse_toml(name: str, content: bytes, parse_float: Callable[[str], Any] = Decimal) -> TomlDocument:
    """Parse a TOML file.

    Args:
        name: The file's name in messages.
        content: The bytes of the file.
        parse_float: Makes a number of one that has a point or an exponent; by default it stays as it is written.

    Raises:
        ContractError: If it is not UTF-8 or not TOML; with file and line.
    """
    try:
        text = content.decode("utf-8").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ContractError(f"{name}:{line}: not UTF-8; save the file as UTF-8") from None
    try:
        return TomlDocument(name, text, tomllib.loads(text, parse_float=parse_float))
    except (ValueError, ArithmeticError, RecursionError) as error:
        raise ContractError(_not_toml(name, text, error)) from None


def _not_toml(name: str, text: str, error: Exception) -> str:
    """The parser's message with its place in front: it ends in ``(at line 3, column 5)``."""
    message = (
        str(error) if isinstance(error, tomllib.TOMLDecodeError) else "a value that is too large or nested too deep"
    )
    place = _PLACE.search(message)
    if place is None:
        return f"{name}:1: not TOML: {message}"
    line = place.group(1) or str(text.rstrip("\n").count("\n") + 1)
    column = f":{place.group(2)}" if place.group(2) else ""
    written = text.split("\n")[int(line) - 1]
    hint = "; a number has no commas: 5000 or 5_000" if _THOUSANDS.search(_TEXT.sub("", written)) else ""
    return f"{name}:{line}{column}: not TOML: {message[: place.start()]}{hint}"


class _Scanner:
    """Walks through a text that is known to be TOML, and notes where keys and values start."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.keys: dict[TomlPath, int] = {}
        self.values: dict[TomlPath, int] = {}
        self.lengths: dict[TomlPath, int] = {}

    def document(self) -> None:
        table: TomlPath = ()
        while self.skip(_BLANK) < len(self.text):
            if self.text.startswith("[", self.at):
                table = self.header()
            else:
                self.pair(table)

    def skip(self, what: re.Pattern[str]) -> int:
        match = what.match(self.text, self.at)
        self.at = match.end() if match else self.at
        return self.at

    def header(self) -> TomlPath:
        start, many = self.at, self.text.startswith("[[", self.at)
        self.at += 1 + many
        parts = self.key()
        self.at += 1 + many
        path: TomlPath = ()
        for index, part in enumerate(parts):
            path = (*path, part)
            self.keys.setdefault(path, start)
            if many and index == len(parts) - 1:
                self.lengths[path] = self.lengths.get(path, 0) + 1
            if path in self.lengths:
                path = (*path, self.lengths[path] - 1)
                self.keys.setdefault(path, start)
        return path

    def key(self) -> list[str]:
        parts: list[str] = []
        while True:
            self.skip(_SPACE)
            start = self.at
            if self.skip(_BARE) > start:
                parts.append(self.text[start : self.at])
            else:
                self.skip(_TEXT)
                parts.append(tomllib.loads(f"key = {self.text[start : self.at]}")["key"])
            self.skip(_SPACE)
            if not self.text.startswith(".", self.at):
                return parts
            self.at += 1

    def pair(self, table: TomlPath) -> None:
        start = self.skip(_SPACE)
        path = table
        for part in self.key():
            path = (*path, part)
            self.keys.setdefault(path, start)
        self.at += 1  # the equals sign
        self.value(path)

    def value(self, path: TomlPath) -> None:
        self.skip(_SPACE)
        start = self.values[path] = self.at
        self.keys.setdefault(path, start)
        match self.text[start]:
            case "[":
                self.inside("]", lambda index: self.value((*path, index)))
            case "{":
                self.inside("}", lambda _: self.pair(path))
            case '"' | "'":
                self.skip(_TEXT)
            case _:
                self.skip(_SCALAR)

    def inside(self, closing: str, element: Callable[[int], None]) -> None:
        self.at += 1
        index = 0
        while not self.text.startswith(closing, self.skip(_BLANK)):
            element(index)
            index += 1
            if self.text.startswith(",", self.skip(_BLANK)):
                self.at += 1
        self.at += 1


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
