"""A JSON parser that knows the position of every value and follows RFC 8259 to the letter."""

import re
from json import JSONDecodeError, JSONDecoder, dumps
from typing import Any, NoReturn

from avroguard.findings import Finding, InvalidSchemaError
from avroguard.places import JsonPath, Place

MAX_DEPTH = 100  # far beyond any schema that a person reads, far below Python's recursion limit
_SPACE = re.compile(r"[ \t\n\r]*")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_LITERALS = {"true": True, "false": False, "null": None}
_STRINGS = JSONDecoder()
_SURROGATE = re.compile("[\ud800-\udfff]")


def not_json(place: Place, rule: str, message: str) -> InvalidSchemaError:
    """Return the error of a file that is not JSON."""
    return InvalidSchemaError([Finding.of(rule, message, place=place)], "JSON")


def line_and_column(text: str, offset: int) -> tuple[int, int]:
    """Return line and column, both from 1, of an offset in a text."""
    return text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset)


class JsonParser:
    """Parses one text.

    Args:
        name: The file's name in messages.
        text: The text.

    Attributes:
        at_end: The end of the value, once it is parsed.
        offsets: The start of each value, in characters from the start of the text, once it is parsed.
    """

    def __init__(self, name: str, text: str) -> None:
        self.name = name
        self.text = text
        self.at = 0
        self.at_end = 0
        self.offsets: dict[JsonPath, int] = {}

    def _fail(self, message: str, at: int | None = None, rule: str = "JSON_INVALID") -> NoReturn:
        line, column = line_and_column(self.text, self.at if at is None else at)
        raise not_json(Place(self.name, line, column), rule, message)

    def _peek(self) -> str:
        """Skip white space and return the next character, or an empty string at the end."""
        match = _SPACE.match(self.text, self.at)
        if match:
            self.at = match.end()
        return self.text[self.at : self.at + 1]

    def _next_token(self) -> str:
        """The next part of the text, as messages name it."""
        if self._peek() and self.text.startswith(("//", "/*"), self.at):
            return "a comment that does not end"
        return repr(self._peek()) if self._peek() else "the end of the file"

    def document(self) -> Any:
        """Return the value of the text.

        Raises:
            InvalidSchemaError: If it is not JSON, or an object has a key twice.
        """
        value = self._value(())
        self.at_end = self.at
        if self._peek():
            self._fail(f"expected the end of the file after the first value, found {self._next_token()}")
        return value

    def _value(self, path: JsonPath) -> Any:
        if len(path) > MAX_DEPTH:
            self._fail(f"nested more than {MAX_DEPTH} levels deep", rule="JSON_TOO_LARGE")
        character = self._peek()
        self.offsets[path] = self.at
        if character == "{":
            return self._object(path)
        if character == "[":
            return self._array(path)
        if character == '"':
            return self._string()
        if character == "-" or character.isdigit():
            return self._number()
        word = _WORD.match(self.text, self.at)
        if word and word.group() in _LITERALS:
            self.at = word.end()
            return _LITERALS[word.group()]
        return self._fail(f"expected a value, found {word.group() if word else self._next_token()}")

    def _object(self, path: JsonPath) -> dict[str, Any]:
        self.at += 1
        result: dict[str, Any] = {}
        if self._peek() == "}":
            self.at += 1
            return result
        while True:
            if self._peek() != '"':
                self._fail(f"expected a key in double quotes, found {self._next_token()}")
            start = self.at
            key = self._string()
            if key in result:
                self._fail(
                    f"the key {dumps(key)} stands twice in one object; remove one of them", start, "JSON_KEY_REPEATED"
                )
            if self._peek() != ":":
                self._fail(f'expected ":" after the key {dumps(key)}, found {self._next_token()}')
            self.at += 1
            result[key] = self._value((*path, key))
            if self._ends("}"):
                return result

    def _array(self, path: JsonPath) -> list[Any]:
        self.at += 1
        result: list[Any] = []
        if self._peek() == "]":
            self.at += 1
            return result
        while True:
            result.append(self._value((*path, len(result))))
            if self._ends("]"):
                return result

    def _ends(self, closing: str) -> bool:
        """Return whether the object or array ends here; a comma means that it goes on."""
        character = self._peek()
        if character not in (closing, ","):
            self._fail(f'expected "," or "{closing}", found {self._next_token()}')
        self.at += 1
        return character == closing

    def _string(self) -> str:
        start = self.at
        try:
            value, self.at = _STRINGS.raw_decode(self.text, start)
        except JSONDecodeError as error:
            message = error.msg.removesuffix(" at").removesuffix(" starting")
            self._fail(message[:1].lower() + message[1:], error.pos)
        if _SURROGATE.search(value):
            self._fail("half of a surrogate pair in a string; write the character itself", start, "JSON_TOO_LARGE")
        return str(value)

    def _number(self) -> int | float:
        start = self.at
        match = _NUMBER.match(self.text, start)
        if not match:
            self._fail("expected a digit")
        self.at = match.end()
        if match.group(1) or match.group(2):
            value = float(match.group())
            if value in (float("inf"), float("-inf")):
                self._fail(f"the number {match.group()} is too large", start, "JSON_TOO_LARGE")
            return value
        if len(match.group()) > 100:
            self._fail("a number of more than 100 digits", start, "JSON_TOO_LARGE")
        return int(match.group())
