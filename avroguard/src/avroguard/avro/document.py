"""JSON with the place of every value, so that an error can say where to look.

Python's own parser gives no positions for values that are fine as JSON and wrong as a schema, and keeps the last
of two equal keys without a word. This one follows RFC 8259 to the letter and reports the first fault with line and
column.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from json import JSONDecodeError, JSONDecoder, dumps, loads
from typing import Any, NoReturn

from avroguard.findings import Finding, InvalidSchemaError
from avroguard.places import JsonPath, Place
from avroguard.rules import RULES

_MAX_DEPTH = 100  # far beyond any schema that a person reads, far below Python's recursion limit
_SPACE = re.compile(r"[ \t\n\r]*")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_LITERALS = {"true": True, "false": False, "null": None}
_STRINGS = JSONDecoder()
_DOUBTFUL = re.compile(r"\\u[dD][89a-fA-F]|[0-9]{100}")  # surrogates, and numbers that are too long
_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True)
class Document:
    """A parsed JSON text.

    Attributes:
        name: What to call it in messages: a path, or ``ref:path``.
        text: The text as it was read.
        json: Its value as plain Python data.
    """

    name: str
    text: str
    json: Any

    @cached_property
    def offsets(self) -> Mapping[JsonPath, int]:
        """Where each value starts, in characters from the start of the text; found when first asked for."""
        parser = _Parser(self.name, self.text)
        parser.document()
        return parser.offsets

    @cached_property
    def _line_starts(self) -> list[int]:
        return [0, *(match.end() for match in re.finditer("\n", self.text))]

    def position(self, path: JsonPath) -> tuple[int, int]:
        """Line and column, both from 1, of the value at ``path``, or of the nearest one around it."""
        while path not in self.offsets:
            path = path[:-1]
        return _line_and_column(self.text, self.offsets[path])

    def where(self, path: JsonPath = ()) -> Place:
        """The place of the value at ``path``, or of the nearest one around it."""
        return Place(self.name, *self.position(path))


def parse_json(name: str, content: bytes) -> Document:
    """Parse a JSON file.

    Args:
        name: What to call the file in messages.
        content: The bytes of the file.

    Raises:
        InvalidSchemaError: If it is not UTF-8 or not JSON, or if an object has a key twice.
    """
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        before = content[: error.start].decode("utf-8")
        line, column = _line_and_column(before, len(before))
        problem = f"byte 0x{content[error.start]:02x} is not UTF-8; save the file as UTF-8"
        raise _not_json(Place(name, line, column), "JSON_INVALID", problem) from None
    try:
        return Document(name, text, _quickly(text))
    except (ValueError, RecursionError):  # what is wrong, and where, is for the slow parser to say
        return Document(name, text, _Parser(name, text).document())


def _not_json(place: Place, rule: str, message: str) -> InvalidSchemaError:
    return InvalidSchemaError([Finding(place, rule, message, severity=RULES[rule].severity)], "JSON")


def _line_and_column(text: str, offset: int) -> tuple[int, int]:
    return text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset)


def _quickly(text: str) -> Any:
    """The value by Python's own parser, which takes more than ours and knows no places.

    Raises:
        ValueError: If ours could think otherwise of the text.
    """
    if _DOUBTFUL.search(text):
        raise ValueError
    value = loads(text, object_pairs_hook=_unique, parse_constant=_refused, parse_float=_finite)
    if _too_deep(value, _MAX_DEPTH):
        raise ValueError
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) < len(pairs):
        raise ValueError
    return result


def _refused(constant: str) -> NoReturn:
    raise ValueError(constant)


def _finite(number: str) -> float:
    value = float(number)
    if value in (float("inf"), float("-inf")):
        raise ValueError
    return value


def _too_deep(value: Any, levels: int) -> bool:
    """Whether something in a value is nested more levels deep."""
    if not isinstance(value, dict | list):
        return False
    if not levels:
        return bool(value)
    for one in value.values() if isinstance(value, dict) else value:
        if type(one) in (dict, list) and _too_deep(one, levels - 1):
            return True
    return False


class _Parser:
    def __init__(self, name: str, text: str) -> None:
        self.name = name
        self.text = text
        self.at = 0
        self.offsets: dict[JsonPath, int] = {}

    def fail(self, message: str, at: int | None = None, rule: str = "JSON_INVALID") -> NoReturn:
        line, column = _line_and_column(self.text, self.at if at is None else at)
        raise _not_json(Place(self.name, line, column), rule, message)

    def peek(self) -> str:
        """Skip white space and return the next character, or an empty string at the end."""
        match = _SPACE.match(self.text, self.at)
        if match:
            self.at = match.end()
        return self.text[self.at : self.at + 1]

    def found(self) -> str:
        return repr(self.peek()) if self.peek() else "the end of the file"

    def document(self) -> Any:
        if self.text.startswith("\ufeff"):
            self.fail("the file starts with a byte order mark; save it as UTF-8 without one")
        value = self.value(())
        if self.peek():
            self.fail(f"expected the end of the file after the first value, found {self.found()}")
        return value

    def value(self, path: JsonPath) -> Any:
        if len(path) > _MAX_DEPTH:
            self.fail(f"nested more than {_MAX_DEPTH} levels deep", rule="JSON_TOO_LARGE")
        character = self.peek()
        self.offsets[path] = self.at
        if character == "{":
            return self.object(path)
        if character == "[":
            return self.array(path)
        if character == '"':
            return self.string()
        if character == "-" or character.isdigit():
            return self.number()
        word = _WORD.match(self.text, self.at)
        if word and word.group() in _LITERALS:
            self.at = word.end()
            return _LITERALS[word.group()]
        return self.fail(f"expected a value, found {word.group() if word else self.found()}")

    def object(self, path: JsonPath) -> dict[str, Any]:
        self.at += 1
        result: dict[str, Any] = {}
        if self.peek() == "}":
            self.at += 1
            return result
        while True:
            if self.peek() != '"':
                self.fail(f"expected a key in double quotes, found {self.found()}")
            start = self.at
            key = self.string()
            if key in result:
                self.fail(
                    f"the key {dumps(key)} stands twice in one object; remove one of them", start, "JSON_KEY_REPEATED"
                )
            if self.peek() != ":":
                self.fail(f'expected ":" after the key {dumps(key)}, found {self.found()}')
            self.at += 1
            result[key] = self.value((*path, key))
            if self.ends("}"):
                return result

    def array(self, path: JsonPath) -> list[Any]:
        self.at += 1
        result: list[Any] = []
        if self.peek() == "]":
            self.at += 1
            return result
        while True:
            result.append(self.value((*path, len(result))))
            if self.ends("]"):
                return result

    def ends(self, closing: str) -> bool:
        """Whether the object or array ends here; a comma means that it goes on."""
        character = self.peek()
        if character not in (closing, ","):
            self.fail(f'expected "," or "{closing}", found {self.found()}')
        self.at += 1
        return character == closing

    def string(self) -> str:
        start = self.at
        try:
            value, self.at = _STRINGS.raw_decode(self.text, start)
        except JSONDecodeError as error:
            message = error.msg.removesuffix(" at").removesuffix(" starting")
            self.fail(message[:1].lower() + message[1:], error.pos)
        if _SURROGATE.search(value):
            self.fail("half of a surrogate pair in a string; write the character itself", start, "JSON_TOO_LARGE")
        return str(value)

    def number(self) -> int | float:
        start = self.at
        match = _NUMBER.match(self.text, start)
        if not match:
            self.fail("expected a digit")
        self.at = match.end()
        if match.group(1) or match.group(2):
            value = float(match.group())
            if value in (float("inf"), float("-inf")):
                self.fail(f"the number {match.group()} is too large", start, "JSON_TOO_LARGE")
            return value
        if len(match.group()) > 100:
            self.fail("a number of more than 100 digits", start, "JSON_TOO_LARGE")
        return int(match.group())
